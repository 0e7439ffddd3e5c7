//! The SVG of a picture, written down from its layout.

use std::fmt::Write as _;

use super::super::parts::{Edge, Line, Node, Parts, Role};
use super::about;
use super::layout::{Layout, NAME, Place, Point, Route, SMALL, lay_out, line_size};
use super::text::escape;
use crate::Result;
use crate::graph::{ActionKind, Picture, Shape};

const STYLE: &str = include_str!("style.css");

/// Around everything, in pixels.
const MARGIN: f64 = 12.0;

/// How much work a layout may be: half a second on a usual core.
const MAX_WORK: usize = 20_000_000;

/// Length and half the width of an arrow's head.
const HEAD: (f64, f64) = (8.0, 4.0);

impl Shape {
    /// An SVG that shows what the picture says, complete in itself: it can be put into a page, or be a file.
    ///
    /// Its colours are those that the reader prefers, light or dark. Its `title` and `desc` tell the graph in
    /// sentences. Async actions are boxes with round corners, plain ones with sharp corners, streaming ones have
    /// round sides, parallel ones a second border. Transitions with a condition are dashed. The same graph and
    /// picture give the same text.
    ///
    /// The larger the graph, the longer it takes: some ten milliseconds for a hundred actions, half a second at most.
    ///
    /// # Errors
    /// `Invalid` if the graph is too large for that: four hundred actions with two transitions each are not, a
    /// thousand are. Mermaid and DOT have no such limit.
    pub fn svg(&self, picture: &Picture) -> Result<String> {
        let parts = Parts::of(self, picture);
        let layout = lay_out(&parts, MAX_WORK)?;
        let canvas = canvas(&layout);
        let (x, y) = canvas.corner();
        let (width, height) = (Number(canvas.width), Number(canvas.height));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tertulia-graph\" role=\"img\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"{x} {y} {width} {height}\">\n"
        );
        let _ = writeln!(svg, "<title>{}</title>", escape(&about::title(self, &parts)));
        let _ = writeln!(svg, "<desc>{}</desc>", escape(&about::description(&parts)));
        let _ = writeln!(svg, "<style>\n{STYLE}</style>");
        draw_rect(&mut svg, "back", &canvas, 0.0);
        for (edge, route) in parts.edges.iter().zip(&layout.edges) {
            draw_edge(&mut svg, edge, route);
        }
        for (node, place) in parts.nodes.iter().zip(&layout.nodes) {
            draw_node(&mut svg, node, place);
        }
        for (edge, route) in parts.edges.iter().zip(&layout.edges) {
            draw_label(&mut svg, edge, route);
        }
        svg.push_str("</svg>\n");
        Ok(svg)
    }
}

/// All that is drawn, with a margin.
fn canvas(layout: &Layout) -> Place {
    let mut min = Point { x: f64::MAX, y: f64::MAX };
    let mut max = Point { x: f64::MIN, y: f64::MIN };
    let labels = layout.edges.iter().filter_map(|route| route.label.as_ref());
    let corners = layout.nodes.iter().chain(labels).flat_map(|place| {
        let Place { centre, width, height } = *place;
        [-0.5, 0.5].map(|half| Point { x: centre.x + half * width, y: centre.y + half * height })
    });
    for point in corners.chain(layout.edges.iter().flat_map(|route| route.points.iter().copied())) {
        min = Point { x: min.x.min(point.x), y: min.y.min(point.y) };
        max = Point { x: max.x.max(point.x), y: max.y.max(point.y) };
    }
    min = Point { x: (min.x - MARGIN).floor(), y: (min.y - MARGIN).floor() };
    max = Point { x: (max.x + MARGIN).ceil(), y: (max.y + MARGIN).ceil() };
    let centre = Point { x: (min.x + max.x) / 2.0, y: (min.y + max.y) / 2.0 };
    Place { centre, width: max.x - min.x, height: max.y - min.y }
}

fn draw_node(svg: &mut String, node: &Node, place: &Place) {
    let (class, kind) = match node.role {
        Role::Start => return draw_circle(svg, "dot", place, 1.0),
        Role::End => {
            draw_circle(svg, "box", place, 0.0);
            return draw_circle(svg, "dot", place, 4.0);
        }
        Role::Inputs => ("inputs", ActionKind::Plain),
        Role::Action { kind, current: true, .. } => ("current", kind),
        Role::Action { kind, passed: true, .. } => ("passed", kind),
        Role::Action { kind, .. } => ("action", kind),
    };
    let round = match kind {
        ActionKind::Plain => 0.0,
        ActionKind::Async | ActionKind::Parallel => 8.0,
        ActionKind::Streaming => place.height / 2.0,
    };
    let _ = writeln!(svg, "<g class=\"{class}\">");
    draw_rect(svg, "box", place, round);
    if kind == ActionKind::Parallel {
        let inner = Place { width: place.width - 8.0, height: place.height - 8.0, ..*place };
        draw_rect(svg, "box bare", &inner, 4.0);
    }
    let heights = (0..node.lines.len()).map(|line| line_size(node, line).1);
    let mut top = place.centre.y - heights.sum::<f64>() / 2.0;
    for (number, line) in node.lines.iter().enumerate() {
        let (size, height) = line_size(node, number);
        draw_text(svg, line, size, Point { x: place.centre.x, y: top + height / 2.0 });
        top += height;
    }
    svg.push_str("</g>\n");
}

fn draw_label(svg: &mut String, edge: &Edge, route: &Route) {
    if let (Some(label), Some(place)) = (&edge.label, &route.label) {
        draw_rect(svg, "back", place, 0.0);
        draw_text(svg, label, SMALL, place.centre);
    }
}

/// A curve that follows the points, and a head at its end. Heads are drawn, not markers: a marker has an id, and a page
/// may hold several pictures.
fn draw_edge(svg: &mut String, edge: &Edge, route: &Route) {
    let class = match edge.line {
        Line::Solid => "line",
        Line::Dashed => "line if",
        Line::Inputs => "line inputs",
    };
    let [.., before, tip] = route.points[..] else { return };
    let length = (tip.x - before.x).hypot(tip.y - before.y).max(0.1);
    let along = Point { x: (tip.x - before.x) / length, y: (tip.y - before.y) / length };
    let back = |by: f64, aside: f64| Point {
        x: tip.x - along.x * by - along.y * aside,
        y: tip.y - along.y * by + along.x * aside,
    };
    let end = if edge.line == Line::Inputs { tip } else { back(HEAD.0.min(length) - 1.0, 0.0) };
    let mut path = format!("M{}", Pair(route.points[0]));
    for pair in route.points[1..].windows(2) {
        let [at, next] = [pair[0], pair[1]];
        let middle = Point { x: (at.x + next.x) / 2.0, y: (at.y + next.y) / 2.0 };
        let _ = write!(path, "Q{} {}", Pair(at), Pair(middle));
    }
    let _ = writeln!(svg, "<path class=\"{class}\" d=\"{path}L{}\"/>", Pair(end));
    if edge.line != Line::Inputs {
        let (left, right) = (Pair(back(HEAD.0, HEAD.1)), Pair(back(HEAD.0, -HEAD.1)));
        let _ = writeln!(svg, "<path class=\"head\" d=\"M{}L{left}L{right}Z\"/>", Pair(tip));
    }
}

fn draw_rect(svg: &mut String, class: &str, place: &Place, round: f64) {
    let (x, y) = place.corner();
    let (width, height, round) = (Number(place.width), Number(place.height), Number(round));
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>"
    );
}

fn draw_circle(svg: &mut String, class: &str, place: &Place, inset: f64) {
    let (x, y, radius) = (Number(place.centre.x), Number(place.centre.y), Number(place.width / 2.0 - inset));
    let _ = writeln!(svg, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>");
}

/// A line around this middle. It is moved down by its own height, not by `dominant-baseline`, which is not known to all
/// who draw SVG.
fn draw_text(svg: &mut String, text: &str, size: f64, middle: Point) {
    let class = if size < NAME { " class=\"small\"" } else { "" };
    let (x, y) = (Number(middle.x), Number(middle.y + 0.35 * size));
    let _ = writeln!(svg, "<text{class} x=\"{x}\" y=\"{y}\">{}</text>", escape(text));
}

impl Place {
    fn corner(&self) -> (Number, Number) {
        (Number(self.centre.x - self.width / 2.0), Number(self.centre.y - self.height / 2.0))
    }
}

/// A coordinate, to a tenth of a pixel.
#[derive(Clone, Copy)]
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Adding zero makes minus zero plus zero.
        write!(f, "{}", (self.0 * 10.0).round() / 10.0 + 0.0)
    }
}

struct Pair(Point);

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", Number(self.0.x), Number(self.0.y))
    }
}
