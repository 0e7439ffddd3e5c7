//! Where the parts of a picture lie.
//!
//! dugong is dagre, the algorithm behind most flowcharts on pages, in Rust: layers, as few crossings as may be, room
//! for the text at each arrow, loops and several arrows between the same two. Only this file knows it.

use dugong::graphlib::{Graph, GraphOptions};
use dugong::{EdgeLabel, GraphLabel, LayoutError, NodeLabel, WorkControl, WorkError};

use super::super::parts::{Edge, Node, Parts, Role};
use super::text;
use crate::{Error, Result};

/// Sizes of text, in pixels.
pub(super) const NAME: f64 = 14.0;
pub(super) const SMALL: f64 = 12.0;
/// Heights of lines of such text.
pub(super) const NAME_LINE: f64 = 18.0;
pub(super) const SMALL_LINE: f64 = 16.0;

/// Between a box and its text.
const PADDING: (f64, f64) = (16.0, 10.0);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A box by its centre.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) centre: Point,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The way of an edge, from border to border, and the box of its label.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) points: Vec<Point>,
    pub(super) label: Option<Place>,
}

/// In the order of the parts.
pub(super) struct Layout {
    pub(super) nodes: Vec<Place>,
    pub(super) edges: Vec<Route>,
}

/// At most this much work, in dugong's units, of which a core does some 30 million a second.
///
/// # Errors
/// `Invalid` if it is more.
pub(super) fn lay_out(parts: &Parts, max_work: usize) -> Result<Layout> {
    let mut graph: Graph<NodeLabel, EdgeLabel, GraphLabel> =
        Graph::new(GraphOptions { directed: true, multigraph: true, compound: false });
    graph.set_graph(GraphLabel { nodesep: 36.0, ranksep: 32.0, edgesep: 20.0, ..GraphLabel::default() });
    for node in &parts.nodes {
        let (width, height) = size(node);
        graph.set_node(node.id.as_str(), NodeLabel { width, height, ..NodeLabel::default() });
    }
    for number in in_flow(parts) {
        let edge = &parts.edges[number];
        let (width, height) = label_size(edge);
        let label = EdgeLabel { width, height, weight: 1.0, ..EdgeLabel::default() };
        let (from, to) = ends(edge, parts);
        graph.set_edge_named(from, to, Some(number.to_string()), Some(label));
    }
    dugong::layout_controlled(&mut graph, &mut Budget(max_work)).map_err(|error| refused(error, parts))?;
    let nodes = parts.nodes.iter().map(|node| place(graph.node(&node.id), size(node)));
    let edges = parts.edges.iter().enumerate().map(|(number, edge)| {
        let (from, to) = ends(edge, parts);
        route(graph.edge(from, to, Some(&number.to_string())), label_size(edge))
    });
    match (nodes.collect(), edges.collect()) {
        (Some(nodes), Some(edges)) => Ok(Layout { nodes, edges }),
        _ => Err(Error::internal("a part of a picture has no place")),
    }
}

/// The edges in an order that lets dagre see the flow: it goes along them depth first, and draws upwards what leads back
/// to where it came from. So of each node, the way to the next one in the list comes first, and ways back last: the
/// order of conditions says nothing about it.
fn in_flow(parts: &Parts) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..parts.edges.len()).collect();
    numbers.sort_by_key(|&number| {
        let Edge { from, to, .. } = parts.edges[number];
        (from, to <= from, to.abs_diff(from))
    });
    numbers
}

fn ends<'a>(edge: &Edge, parts: &'a Parts) -> (&'a str, &'a str) {
    (&parts.nodes[edge.from].id, &parts.nodes[edge.to].id)
}

fn size(node: &Node) -> (f64, f64) {
    if let Role::Start | Role::End = node.role {
        return (18.0, 18.0);
    }
    let sizes = (0..).map(|line| line_size(node, line));
    let widths = node.lines.iter().zip(sizes).map(|(line, (size, _))| text::width(line, size));
    let width = widths.fold(24.0, f64::max);
    let height: f64 = (0..node.lines.len()).map(|line| line_size(node, line).1).sum();
    ((width + 2.0 * PADDING.0).ceil(), height + 2.0 * PADDING.1)
}

/// The size of the text of a box's line, and its height.
pub(super) fn line_size(node: &Node, line: usize) -> (f64, f64) {
    if line == 0 && node.role != Role::Inputs { (NAME, NAME_LINE) } else { (SMALL, SMALL_LINE) }
}

fn label_size(edge: &Edge) -> (f64, f64) {
    edge.label.as_ref().map_or((0.0, 0.0), |label| (text::width(label, SMALL).ceil() + 8.0, SMALL_LINE + 2.0))
}

fn place(label: Option<&NodeLabel>, (width, height): (f64, f64)) -> Option<Place> {
    let label = label?;
    Some(Place { centre: Point { x: label.x?, y: label.y? }, width, height })
}

fn route(label: Option<&EdgeLabel>, (width, height): (f64, f64)) -> Option<Route> {
    let label = label?;
    let points: Vec<Point> = label.points.iter().map(|point| Point { x: point.x, y: point.y }).collect();
    let centre = (width > 0.0).then_some(label.x.zip(label.y)).flatten();
    let label = centre.map(|(x, y)| Place { centre: Point { x, y }, width, height });
    (points.len() > 1).then_some(Route { points, label })
}

struct Budget(usize);

impl WorkControl for Budget {
    fn charge(&mut self, units: usize) -> Result<(), WorkError> {
        self.0 = self.0.checked_sub(units).ok_or(WorkError::Interrupted)?;
        Ok(())
    }
}

fn refused(error: LayoutError, parts: &Parts) -> Error {
    match error {
        LayoutError::Work(_) => Error::invalid(format!(
            "a picture of {} boxes and {} arrows is too large to be laid out",
            parts.nodes.len(),
            parts.edges.len()
        )),
        other => Error::internal("a picture could not be laid out").with_source(other),
    }
}
