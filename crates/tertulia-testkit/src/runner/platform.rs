//! A platform that notes the calls it is asked to make, and answers as a case says.

use std::fmt;
use std::sync::Arc;

use tertulia::Result;
use tertulia::runner::{Call, Sender};
use tertulia::storage::BoxFuture;

use crate::process::Notes;

/// Says what becomes of a call, by its text and how often it was tried: `None` if nobody ever answers it.
type Answer = dyn Fn(&str, usize) -> Option<Result<()>> + Send + Sync;

/// Makes the calls of conversations of `test`. Clones are one platform, which stays when processes end.
#[derive(Clone)]
pub struct Platform {
    tries: Notes,
    answer: Arc<Answer>,
}

impl Platform {
    /// One that makes every call.
    pub fn new() -> Self {
        Self::answering(|_, _| Some(Ok(())))
    }

    /// One that answers so.
    pub fn answering(answer: impl Fn(&str, usize) -> Option<Result<()>> + Send + Sync + 'static) -> Self {
        Self { tries: Notes::new(), answer: Arc::new(answer) }
    }

    /// The calls that were tried: the conversation's id, a colon, and the text.
    pub fn tries(&self) -> &Notes {
        &self.tries
    }
}

impl Default for Platform {
    fn default() -> Self {
        Self::new()
    }
}

impl Sender for Platform {
    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let text = String::from_utf8_lossy(&call.body);
            let nth = self.tries.note(format!("{}:{text}", call.conversation.id()));
            match (self.answer)(&text, nth) {
                Some(answer) => answer.map(|()| format!("message of {text}")),
                None => std::future::pending().await,
            }
        })
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform").field("tries", &self.tries).finish_non_exhaustive()
    }
}
