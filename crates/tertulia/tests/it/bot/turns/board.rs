//! A platform whose messages can be changed, as a wall on which one sees what is left of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tertulia::bot::{Adapter, Outgoing, Update};
use tertulia::error::Kind;
use tertulia::runner::{About, Call, Sender, Source, Wait};
use tertulia::storage::BoxFuture;
use tertulia::{Conversation, Error, Result};
use tertulia_testkit::Desk;
use tokio::time::Instant;

/// A platform called `desk`, with updates as those of [`Desk`]. It stays when processes end.
#[derive(Clone, Debug, Default)]
pub(super) struct Board {
    on: Arc<Mutex<Wall>>,
    /// The most bytes of a message.
    longest: Option<usize>,
    /// Takes one request in so long.
    every: Option<Duration>,
}

#[derive(Debug, Default)]
struct Wall {
    /// By their id; `None` once deleted.
    messages: Vec<Option<String>>,
    requests: Vec<String>,
    last: Option<Instant>,
    /// How often requests are still refused as unavailable.
    refuses: usize,
}

impl Board {
    pub(super) fn of_parts(longest: usize) -> Self {
        Self { longest: Some(longest), ..Self::default() }
    }

    pub(super) fn paced(every: Duration) -> Self {
        Self { every: Some(every), ..Self::default() }
    }

    /// What its messages say that were not deleted.
    pub(super) fn messages(&self) -> Vec<String> {
        self.on.lock().messages.iter().flatten().cloned().collect()
    }

    /// What was asked of it: `+` and `=` with a text, `-`.
    pub(super) fn requests(&self) -> Vec<String> {
        self.on.lock().requests.clone()
    }

    pub(super) fn refuse(&self, times: usize) {
        self.on.lock().refuses = times;
    }
}

impl Adapter for Board {
    fn name(&self) -> &'static str {
        "desk"
    }

    fn source(&self) -> Option<Box<dyn Source>> {
        None
    }

    fn sender(&self) -> Option<Arc<dyn Sender>> {
        Some(Arc::new(self.clone()))
    }

    fn decode(&self, about: &About) -> Result<Update> {
        Desk::new().decode(about)
    }

    fn parts<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let longest = self.longest.unwrap_or(usize::MAX);
        let (mut parts, mut rest) = (Vec::new(), text.trim());
        while !rest.is_empty() {
            let (part, more) = rest.split_at(rest.len().min(longest));
            parts.push(part);
            rest = more;
        }
        parts
    }

    fn encode(&self, _: &Conversation, outgoing: &Outgoing<'_>) -> Result<Option<Bytes>> {
        Ok(match outgoing {
            Outgoing::Reply { text } => Some(format!("+{text}").into()),
            Outgoing::Edit { text } => Some(format!("={text}").into()),
            Outgoing::Delete => Some("-".into()),
            _ => None,
        })
    }
}

impl Sender for Board {
    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let request = String::from_utf8_lossy(&call.body).into_owned();
            let mut wall = self.on.lock();
            wall.last = Some(Instant::now());
            if wall.refuses > 0 {
                wall.refuses -= 1;
                return Err(Error::new(Kind::Unavailable, "refused"));
            }
            wall.requests.push(request.clone());
            let (what, text) = request.split_at(1);
            if what == "+" {
                wall.messages.push(Some(text.to_owned()));
                return Ok((wall.messages.len() - 1).to_string());
            }
            let about = &call.refers.as_ref().expect("it is about another").message;
            let at: usize = about.parse().expect("it is about one message");
            wall.messages[at] = (what == "=").then(|| text.to_owned());
            Ok(if what == "=" { about.clone() } else { String::new() })
        })
    }

    fn wait(&self, _: &Call) -> Wait {
        let (Some(every), Some(last)) = (self.every, self.on.lock().last) else { return Wait::None };
        let left = every.saturating_sub(last.elapsed());
        if left.is_zero() { Wait::None } else { Wait::Conversation(left) }
    }
}
