//! What was given to a builder, as a graph.

use std::sync::Arc;

use super::access::Access;
use super::{Builder, Transition};
use crate::graph::action::Made;
use crate::graph::dynamic::Rules;
use crate::graph::graph::{Edge, Inner, Node};
use crate::graph::{ActionShape, Definition, Shape, TransitionShape};
use crate::session;
use crate::{Error, Result};

impl<S: session::State> Builder<S> {
    /// The graph, unless something is wrong with it.
    pub(super) fn assemble(self, faults: &[String]) -> Result<Inner<S>> {
        if !faults.is_empty() {
            let (name, faults) = (self.name.escape_debug(), faults.join("; "));
            return Err(Error::invalid(format!("graph `{name}` cannot be built: {faults}")));
        }
        let find = |name: &str| {
            let found = self.actions.iter().position(|(action, _)| action == name);
            found.ok_or_else(|| Error::internal(format!("no action `{name}` in a graph that was checked")))
        };
        let entrypoint = self.entrypoint.clone().unwrap_or_default();
        let entry = find(&entrypoint)?;
        let mut edges: Vec<Vec<Edge<S>>> = self.actions.iter().map(|_| Vec::new()).collect();
        for Transition { from, to, condition } in &self.transitions {
            edges[find(from)?].push(Edge { to: find(to)?, condition: condition.clone() });
        }
        let transitions = self.transitions.iter().map(|transition| TransitionShape {
            from: transition.from.clone(),
            to: transition.to.clone(),
            condition: transition.condition.as_ref().map(ToString::to_string),
        });
        let transitions = transitions.collect();
        let nodes: Vec<Node<S>> = self.actions.into_iter().map(|(name, action)| node(name, action)).collect();
        let actions = nodes.iter().map(look).collect();
        let shape = Shape { name: self.name.clone(), entrypoint, actions, transitions };
        Ok(Inner {
            name: self.name,
            nodes,
            entry,
            edges,
            shape,
            data: self.data,
            hooks: self.hooks,
            async_hooks: self.async_hooks,
            blocking: false,
        })
    }
}

fn node<S>(name: String, action: Definition<S>) -> Node<S> {
    let Access { reads, writes } = Access::of(&action);
    let Definition { made: Made { kind, about, action }, mut options, .. } = action;
    let name: Arc<str> = name.into();
    (options.reads, options.writes) = (reads.clone(), writes.clone());
    let rules = Arc::new(Rules { action: Arc::clone(&name), reads, writes });
    Node { name, options, rules, inputs: about.inputs, kind, action }
}

fn look<S>(node: &Node<S>) -> ActionShape {
    ActionShape {
        name: node.name.to_string(),
        kind: node.kind,
        reads: node.options.reads.clone(),
        writes: node.options.writes.clone(),
        inputs: node.inputs.clone(),
        tags: node.options.tags.clone(),
    }
}
