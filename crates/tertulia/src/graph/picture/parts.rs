//! The parts of a picture, whatever language it is written in.

use std::collections::HashMap;

use super::super::shape::{ActionKind, ActionShape, Shape};
use super::Picture;

/// Longest text at an arrow, and longest line in a box under the name, in characters.
const MAX_TEXT: usize = 60;

/// What is drawn.
pub(super) struct Parts {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

pub(super) struct Node {
    /// Made by us: letters and a number.
    pub(super) id: String,
    pub(super) role: Role,
    /// Users' text, without control characters; the first line is the name.
    pub(super) lines: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Where a run begins.
    Start,
    /// Where a run ends.
    End,
    Action {
        kind: ActionKind,
        current: bool,
        passed: bool,
    },
    /// The inputs of one action.
    Inputs,
}

pub(super) struct Edge {
    /// Indices into the nodes.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Users' text, without control characters.
    pub(super) label: Option<String>,
    /// As `label`, whole and always there if the transition has a condition.
    pub(super) condition: Option<String>,
    pub(super) line: Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Taken always, or when nothing else is.
    Solid,
    /// Taken under a condition.
    Dashed,
    /// Inputs, which are no transition.
    Inputs,
}

impl Parts {
    /// A transition of or to an action that is not there is not drawn, and of two actions with one name the first has
    /// the transitions: no graph is built like that, but a shape may come from anywhere.
    pub(super) fn of(shape: &Shape, picture: &Picture) -> Self {
        let mut parts = Self { nodes: Vec::new(), edges: Vec::new() };
        parts.nodes.push(Node { id: "start".into(), role: Role::Start, lines: Vec::new() });
        let mut places = HashMap::new();
        for (number, action) in shape.actions.iter().enumerate() {
            places.entry(action.name.as_str()).or_insert(parts.nodes.len());
            parts.nodes.push(action_node(number, action, picture));
        }
        if let Some(&to) = places.get(shape.entrypoint.as_str()) {
            parts.edges.push(Edge { from: 0, to, label: None, condition: None, line: Line::Solid });
        }
        parts.transitions(shape, picture, &places);
        parts.ends(shape, picture, &places);
        if picture.inputs {
            parts.inputs(shape, &places);
        }
        parts
    }

    fn transitions(&mut self, shape: &Shape, picture: &Picture, places: &HashMap<&str, usize>) {
        for (number, transition) in shape.transitions.iter().enumerate() {
            let (Some(&from), Some(&to)) =
                (places.get(transition.from.as_str()), places.get(transition.to.as_str()))
            else {
                continue;
            };
            let earlier = &shape.transitions[..number];
            let condition = match &transition.condition {
                Some(text) => Some(clean(text)),
                None if earlier.iter().any(|other| other.from == transition.from) => Some("otherwise".into()),
                None => None,
            };
            let line = if transition.condition.is_some() { Line::Dashed } else { Line::Solid };
            self.edge(from, to, condition, line, picture);
        }
    }

    /// A run ends after an action that has no transition that always holds: nothing follows, or nothing may hold.
    fn ends(&mut self, shape: &Shape, picture: &Picture, places: &HashMap<&str, usize>) {
        let mut end = None;
        for action in &shape.actions {
            let mut leaving = shape.transitions.iter().filter(|transition| transition.from == action.name);
            let from = places[action.name.as_str()];
            if leaving.clone().any(|transition| transition.condition.is_none()) {
                continue;
            }
            let to = *end.get_or_insert_with(|| {
                self.nodes.push(Node { id: "stop".into(), role: Role::End, lines: vec!["end".into()] });
                self.nodes.len() - 1
            });
            match leaving.next() {
                Some(_) => self.edge(from, to, Some("otherwise".into()), Line::Dashed, picture),
                None => self.edge(from, to, None, Line::Solid, picture),
            }
        }
    }

    fn inputs(&mut self, shape: &Shape, places: &HashMap<&str, usize>) {
        for (number, action) in shape.actions.iter().enumerate() {
            if action.inputs.is_empty() {
                continue;
            }
            let from = self.nodes.len();
            let lines = action.inputs.iter().map(|name| clean(name)).collect();
            self.nodes.push(Node { id: format!("i{number}"), role: Role::Inputs, lines });
            let to = places[action.name.as_str()];
            self.edges.push(Edge { from, to, label: None, condition: None, line: Line::Inputs });
        }
    }

    fn edge(&mut self, from: usize, to: usize, condition: Option<String>, line: Line, picture: &Picture) {
        let label = condition.as_deref().filter(|_| picture.conditions).map(short);
        self.edges.push(Edge { from, to, label, condition, line });
    }
}

fn action_node(number: usize, action: &ActionShape, picture: &Picture) -> Node {
    let mut lines = vec![clean(&action.name)];
    match action.kind {
        ActionKind::Async | ActionKind::Plain => {}
        ActionKind::Streaming => lines.push("streaming".into()),
        ActionKind::Parallel => lines.push("parallel".into()),
    }
    if picture.state {
        let fields = [("reads", &action.reads), ("writes", &action.writes)];
        for (verb, names) in fields.iter().filter_map(|(verb, names)| Some((verb, names.as_ref()?))) {
            lines.push(match names.is_empty() {
                true => format!("{verb} nothing"),
                false => short(&clean(&format!("{verb} {}", names.join(", ")))),
            });
        }
    }
    let current = picture.current.as_ref() == Some(&action.name);
    let passed = picture.passed.contains(&action.name);
    Node { id: format!("a{number}"), role: Role::Action { kind: action.kind, current, passed }, lines }
}

/// What no language of pictures can say becomes a space: control characters, and what XML has no place for.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c })
        .collect()
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some(_) => text.chars().take(MAX_TEXT - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}
