//! A picture in sentences, for those who have it read to them.

use super::super::parts::{Line, Parts, Role, When, clean};
use crate::graph::Shape;

/// What is told first, as plain text.
pub(super) fn title(shape: &Shape, parts: &Parts) -> String {
    let mut title = format!("Graph {}", clean(&shape.name));
    for node in &parts.nodes {
        if let Role::Action { current: true, .. } = node.role {
            title.push_str(&format!(", at {}", node.lines[0]));
        }
    }
    title
}

/// What is told of every action: where it leads, and when.
pub(super) fn description(parts: &Parts) -> String {
    let mut sentences = Vec::new();
    for (place, node) in parts.nodes.iter().enumerate() {
        let ways: Vec<String> = parts
            .edges
            .iter()
            .filter(|edge| edge.from == place && edge.line != Line::Inputs)
            .map(|edge| {
                let to = &parts.nodes[edge.to];
                let goes = match to.role {
                    Role::End => "ends".to_owned(),
                    _ => format!("goes to {}", to.lines[0]),
                };
                match &edge.when {
                    When::Always => goes,
                    When::If(condition) => format!("{goes} if {condition}"),
                    When::Otherwise => format!("{goes} otherwise"),
                }
            })
            .collect();
        if !ways.is_empty() {
            let after = match node.role {
                Role::Start => "A run".to_owned(),
                _ => format!("After {} it", node.lines[0]),
            };
            sentences.push(format!("{after} {}.", ways.join(", ")));
        }
    }
    sentences.join(" ")
}
