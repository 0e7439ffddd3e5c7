//! What the server knows.

use std::collections::VecDeque;

use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::asked::{Asked, Ended};
use super::turn::Turn;

/// Shared by the handle and all requests.
#[derive(Debug)]
pub(super) struct Shared {
    began: Instant,
    /// How long a token takes unless its turn says otherwise.
    pub(super) pace: Duration,
    /// What is answered when nothing was pushed; an echo if that is `None`.
    pub(super) otherwise: Option<Turn>,
    /// Written by requests and the handle, waited for by the handle.
    pub(super) state: watch::Sender<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) turns: VecDeque<Turn>,
    pub(super) asked: Vec<Asked>,
}

impl Shared {
    pub(super) fn new(pace: Duration, otherwise: Option<Turn>) -> Self {
        Self { began: Instant::now(), pace, otherwise, state: watch::Sender::default() }
    }

    /// Writes a request down; gives its number, from 0, and what it is answered.
    pub(super) fn ask(&self, body: serde_json::Value, key: Option<String>) -> (usize, Turn) {
        let mut given = (0, Turn::default());
        self.state.send_modify(|state| {
            let turn = state.turns.pop_front().or_else(|| self.otherwise.clone());
            given = (state.asked.len(), turn.unwrap_or_else(|| echo(&body)));
            state.asked.push(Asked { body, key, at: self.began.elapsed(), ended: None });
        });
        given
    }

    /// Writes down how an answer has ended; the first counts.
    pub(super) fn end(&self, number: usize, how: Ended) {
        self.state.send_modify(|state| {
            if let Some(asked) = state.asked.get_mut(number) {
                asked.ended.get_or_insert(how);
            }
        });
    }
}

/// Says what it was told.
fn echo(body: &serde_json::Value) -> Turn {
    let said = body["messages"].as_array().and_then(|messages| messages.last()?["content"].as_str());
    Turn::says(format!("You say: {}", said.unwrap_or_default()))
}
