//! The parts of a picture, whatever language it is written in.

use std::collections::{HashMap, HashSet};

use super::Picture;
use crate::graph::{ActionKind, ActionShape, Shape};

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
    pub(super) when: When,
    /// What is written at it: `when`, if the picture shows conditions, cut to a length.
    pub(super) label: Option<String>,
    pub(super) line: Line,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// Users' text, without control characters.
    If(String),
    /// When no other transition of the same action is taken.
    Otherwise,
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
            parts.edge(0, to, When::Always, Line::Solid, picture);
        }
        parts.transitions(shape, picture, &places);
        parts.ends(shape, picture, &places);
        if picture.inputs {
            parts.inputs(shape, picture, &places);
        }
        parts
    }

    fn transitions(&mut self, shape: &Shape, picture: &Picture, places: &HashMap<&str, usize>) {
        let mut left = HashSet::new();
        for transition in &shape.transitions {
            let first = left.insert(&transition.from);
            let (Some(&from), Some(&to)) =
                (places.get(transition.from.as_str()), places.get(transition.to.as_str()))
            else {
                continue;
            };
            let (when, line) = match &transition.condition {
                Some(text) => (When::If(clean(text)), Line::Dashed),
                None if first => (When::Always, Line::Solid),
                None => (When::Otherwise, Line::Solid),
            };
            self.edge(from, to, when, line, picture);
        }
    }

    /// A run ends after an action that has no transition that always holds: nothing follows, or nothing may hold. Each
    /// has an end of its own, since arrows from all over to one end would hide the rest.
    fn ends(&mut self, shape: &Shape, picture: &Picture, places: &HashMap<&str, usize>) {
        let froms = |always: bool| {
            let all = shape.transitions.iter().filter(move |one| one.condition.is_none() == always);
            all.map(|transition| transition.from.as_str()).collect::<HashSet<&str>>()
        };
        let (always, sometimes) = (froms(true), froms(false));
        for (number, action) in shape.actions.iter().enumerate() {
            let name = action.name.as_str();
            if always.contains(name) {
                continue;
            }
            let (when, line) = match sometimes.contains(name) {
                true => (When::Otherwise, Line::Dashed),
                false => (When::Always, Line::Solid),
            };
            let (from, to) = (places[name], self.nodes.len());
            self.nodes.push(Node { id: format!("e{number}"), role: Role::End, lines: vec!["end".into()] });
            self.edge(from, to, when, line, picture);
        }
    }

    fn inputs(&mut self, shape: &Shape, picture: &Picture, places: &HashMap<&str, usize>) {
        for (number, action) in shape.actions.iter().enumerate() {
            if action.inputs.is_empty() {
                continue;
            }
            let from = self.nodes.len();
            let lines = action.inputs.iter().map(|name| clean(name)).collect();
            self.nodes.push(Node { id: format!("i{number}"), role: Role::Inputs, lines });
            let to = places[action.name.as_str()];
            self.edge(from, to, When::Always, Line::Inputs, picture);
        }
    }

    fn edge(&mut self, from: usize, to: usize, when: When, line: Line, picture: &Picture) {
        let label = match &when {
            _ if !picture.conditions => None,
            When::Always => None,
            When::If(text) => Some(short(text)),
            When::Otherwise => Some("otherwise".into()),
        };
        self.edges.push(Edge { from, to, when, label, line });
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
