//! A picture as Mermaid's text, which documents on code hosts show.

use std::fmt::Write as _;

use super::Picture;
use super::parts::{Edge, Line, Node, Parts, Role, clean};
use crate::graph::{ActionKind, Shape};

impl Shape {
    /// A Mermaid flowchart.
    ///
    /// Async actions are boxes with round corners, plain ones with sharp corners, streaming ones have round sides,
    /// parallel ones double sides. Transitions with a condition are dashed.
    pub fn mermaid(&self) -> String {
        self.mermaid_of(&Picture::default())
    }

    /// A Mermaid flowchart that shows what the picture says.
    pub fn mermaid_of(&self, picture: &Picture) -> String {
        let parts = Parts::of(self, picture);
        let mut text = format!("---\ntitle: {}\n---\nflowchart TD\n", title(&self.name));
        for node in &parts.nodes {
            let _ = writeln!(text, "  {}", node_text(node));
        }
        for edge in &parts.edges {
            let _ = writeln!(text, "  {}", edge_text(edge, &parts.nodes));
        }
        for (class, style) in CLASSES {
            let of_class: Vec<&str> =
                parts.nodes.iter().filter(|node| is_of(node.role, class)).map(|node| &*node.id).collect();
            if !of_class.is_empty() {
                let _ = writeln!(text, "  classDef {class} {style}");
                let _ = writeln!(text, "  class {} {class}", of_class.join(","));
            }
        }
        text
    }
}

/// In this order, since a later one of the same node wins.
const CLASSES: [(&str, &str); 3] = [
    ("inputs", "fill:none,stroke-dasharray:4 3"),
    ("passed", "fill:#d3eadb,stroke:#3c8558,color:#10301d"),
    ("current", "fill:#ffe1a6,stroke:#b36b00,stroke-width:3px,color:#3d2500"),
];

fn is_of(role: Role, class: &str) -> bool {
    match role {
        Role::Inputs => class == "inputs",
        Role::Action { current: true, .. } => class == "current",
        Role::Action { passed: true, .. } => class == "passed",
        _ => false,
    }
}

fn node_text(node: &Node) -> String {
    let (open, close) = match node.role {
        Role::Start => return format!("{}(( ))", node.id),
        Role::End => ("(((", ")))"),
        Role::Inputs | Role::Action { kind: ActionKind::Plain, .. } => ("[", "]"),
        Role::Action { kind: ActionKind::Async, .. } => ("(", ")"),
        Role::Action { kind: ActionKind::Streaming, .. } => ("([", "])"),
        Role::Action { kind: ActionKind::Parallel, .. } => ("[[", "]]"),
    };
    let lines: Vec<String> = node.lines.iter().map(|line| escape(line)).collect();
    format!("{}{open}\"{}\"{close}", node.id, lines.join("<br>"))
}

fn edge_text(edge: &Edge, nodes: &[Node]) -> String {
    let arrow = match edge.line {
        Line::Solid => "-->",
        Line::Dashed => "-.->",
        Line::Inputs => "-.-",
    };
    let label = edge.label.as_ref().map(|label| format!("|\"{}\"|", escape(label))).unwrap_or_default();
    format!("{} {arrow}{label} {}", nodes[edge.from].id, nodes[edge.to].id)
}

/// Characters that mean something to Mermaid, in quotes or in the passes it makes over the whole text before it
/// parses (directives, styles, Markdown, formulas), become its entities.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | '\\' | '`' | '%' | ':' | ';' | '*' | '~' | '$' | '{' | '}' => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// The title is YAML, whose double quotes are JSON's.
fn title(name: &str) -> String {
    serde_json::Value::from(clean(name)).to_string()
}
