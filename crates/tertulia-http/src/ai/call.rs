//! The calls of tools that a message speaks of.

use std::collections::HashMap;

use serde_json::Value;

/// What a tool is called where nobody has said it.
const NAMELESS: &str = "tool";

/// Calls of tools by their ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(HashMap<String, Call>);

/// A call of a tool.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) input: Option<Value>,
    /// Whether the message that is being told shows it.
    pub(super) is_shown: bool,
    /// Whether its input is being written.
    pub(super) takes_input: bool,
    /// Whether it is made and has no result yet.
    pub(super) is_open: bool,
    /// Whether whoever reads the message is to make it.
    pub(super) is_clients: bool,
}

impl Calls {
    /// The call of that id, a new one if there is none; it is called `name` from now on, if that is given.
    pub(super) fn named(&mut self, id: &str, name: Option<String>) -> &mut Call {
        let call = self.0.entry(id.to_owned()).or_default();
        if let Some(name) = name {
            call.name = name;
        }
        if call.name.is_empty() {
            NAMELESS.clone_into(&mut call.name);
        }
        call
    }

    pub(super) fn insert(&mut self, id: String, call: Call) {
        self.0.insert(id, call);
    }

    /// Whether the message has one that waits for its result.
    pub(super) fn are_open(&self) -> bool {
        self.0.values().any(|call| call.is_shown && call.is_open)
    }

    /// The same for another message, which has shown none of them.
    pub(super) fn of_before(mut self) -> Self {
        for call in self.0.values_mut() {
            (call.is_shown, call.takes_input) = (false, false);
        }
        self
    }
}
