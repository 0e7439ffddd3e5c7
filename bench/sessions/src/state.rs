//! The sessions' states: a small one, and a long history.

use serde::{Deserialize, Serialize};

/// A session of about 300 bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Small {
    n: u64,
    name: String,
    language: String,
    step: String,
    tags: Vec<String>,
    notes: String,
}

impl Default for Small {
    fn default() -> Self {
        Self {
            n: 0,
            name: "Ana Mendes".to_owned(),
            language: "pt-BR".to_owned(),
            step: "waiting for the address".to_owned(),
            tags: ["regular", "vegetarian", "newsletter"].map(str::to_owned).to_vec(),
            notes: "prefers delivery after six, rings twice, pays in cash; ".repeat(3),
        }
    }
}

/// A session that holds all messages of a conversation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    messages: Vec<Message>,
}

/// A message of about 500 bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    at: u64,
    role: String,
    text: String,
}

impl Message {
    /// The message with this number.
    pub fn new(number: u64) -> Self {
        let text = format!("message {number}, of which there is a lot more to say; ").repeat(9);
        Self { at: 1_700_000_000 + number, role: "user".to_owned(), text }
    }
}

/// A state in which updates can be counted.
pub trait Counts: Default + Send + Sync + 'static {
    /// Counts update `number`.
    fn count(&mut self, number: u64);
    /// How many were counted.
    fn counted(&self) -> u64;
}

impl Counts for Small {
    fn count(&mut self, _: u64) {
        self.n += 1;
    }

    fn counted(&self) -> u64 {
        self.n
    }
}

impl Counts for History {
    fn count(&mut self, number: u64) {
        self.messages.push(Message::new(number));
    }

    fn counted(&self) -> u64 {
        self.messages.len() as u64
    }
}
