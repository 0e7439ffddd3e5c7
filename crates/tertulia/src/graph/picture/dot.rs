//! A picture as DOT, the language of Graphviz.

use std::fmt::Write as _;

use super::Picture;
use super::parts::{Line, Node, Parts, Role, clean};
use crate::graph::{ActionKind, Shape};

impl Shape {
    /// A digraph in DOT.
    ///
    /// Async actions are boxes with round corners, plain ones with sharp corners, streaming ones say so in a
    /// second line, parallel ones also have a second border. Transitions with a condition are dashed.
    pub fn dot(&self) -> String {
        self.dot_of(&Picture::default())
    }

    /// A digraph in DOT that shows what the picture says.
    pub fn dot_of(&self, picture: &Picture) -> String {
        let parts = Parts::of(self, picture);
        let name = escape(&clean(&self.name));
        let mut text = String::from("digraph {\n");
        let _ = writeln!(text, "  graph [label=\"{name}\", labelloc=t, fontname=Helvetica]");
        text.push_str("  node [shape=box, style=filled, fillcolor=white, fontname=Helvetica]\n");
        text.push_str("  edge [fontname=Helvetica]\n");
        for node in &parts.nodes {
            let _ = writeln!(text, "  {} [{}]", node.id, node_text(node));
        }
        for edge in &parts.edges {
            let mut says = Vec::new();
            says.extend(edge.label.as_ref().map(|label| format!("label=\"{}\"", escape(label))));
            match edge.line {
                Line::Solid => {}
                Line::Dashed => says.push("style=dashed".into()),
                Line::Inputs => says.push("style=dotted, arrowhead=none".into()),
            }
            let (from, to) = (&parts.nodes[edge.from].id, &parts.nodes[edge.to].id);
            let says = if says.is_empty() { String::new() } else { format!(" [{}]", says.join(", ")) };
            let _ = writeln!(text, "  {from} -> {to}{says}");
        }
        text.push_str("}\n");
        text
    }
}

fn node_text(node: &Node) -> String {
    let lines: Vec<String> = node.lines.iter().map(|line| escape(line)).collect();
    let label = format!("label=\"{}\"", lines.join("\\n"));
    let (kind, current, passed) = match node.role {
        Role::Start => return "shape=circle, label=\"\", width=0.2, fillcolor=black".into(),
        Role::End => return format!("shape=doublecircle, {label}"),
        Role::Inputs => return format!("{label}, style=dashed"),
        Role::Action { kind, current, passed } => (kind, current, passed),
    };
    let mut text = label;
    text.push_str(match kind {
        ActionKind::Async | ActionKind::Streaming => ", style=\"rounded,filled\"",
        ActionKind::Plain => "",
        ActionKind::Parallel => ", peripheries=2",
    });
    if current {
        text.push_str(", fillcolor=\"#ffe1a6\", color=\"#b36b00\", penwidth=3");
    } else if passed {
        text.push_str(", fillcolor=\"#d3eadb\", color=\"#3c8558\"");
    }
    text
}

/// Labels know `\` as the beginning of a placeholder, and HTML's entities.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '&' => escaped.push_str("&amp;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
