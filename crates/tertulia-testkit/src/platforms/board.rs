//! A bot platform for tests whose messages can be changed, as a wall on which one sees what is left of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tertulia::bot::{Adapter, Outgoing, Update};
use tertulia::error::Kind;
use tertulia::runner::{About, Call, Sender, Source, Wait};
use tertulia::storage::BoxFuture;
use tertulia::{Conversation, Error, Result};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Desk;

/// A platform called `desk`, with updates as those of [`Desk`], whose messages are edited and deleted. Clones are one
/// platform, which stays when bots end.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// Changed by the sender, watched by the test.
    on: Arc<watch::Sender<Wall>>,
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
    /// One that nothing was written on.
    pub fn new() -> Self {
        Self::default()
    }

    /// One whose messages have so many bytes at most; a live reply that says more is several.
    pub fn of_parts(longest: usize) -> Self {
        Self { longest: Some(longest), ..Self::default() }
    }

    /// One that takes a request in so long.
    pub fn paced(every: Duration) -> Self {
        Self { every: Some(every), ..Self::default() }
    }

    /// What its messages say that were not deleted.
    pub fn messages(&self) -> Vec<String> {
        self.on.borrow().left()
    }

    /// What was asked of it: `+` and `=` with a text, `-`.
    pub fn requests(&self) -> Vec<String> {
        self.on.borrow().requests.clone()
    }

    /// Has it refuse the next requests, so many of them, as unavailable.
    pub fn refuse(&self, times: usize) {
        self.on.send_modify(|wall| wall.refuses = times);
    }

    /// Waits until its messages say this.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn shows(&self, messages: &[&str]) {
        let shown = |wall: &Wall| wall.left() == messages;
        self.on.subscribe().wait_for(shown).await.expect("the board holds its sender");
    }
}

impl Wall {
    fn left(&self) -> Vec<String> {
        self.messages.iter().flatten().cloned().collect()
    }

    /// What becomes of a request.
    fn take(&mut self, call: &Call) -> Result<String> {
        let request = String::from_utf8_lossy(&call.body).into_owned();
        self.last = Some(Instant::now());
        if self.refuses > 0 {
            self.refuses -= 1;
            return Err(Error::new(Kind::Unavailable, "refused"));
        }
        self.requests.push(request.clone());
        let (what, text) = request.split_at(1);
        if what == "+" {
            self.messages.push(Some(text.to_owned()));
            return Ok((self.messages.len() - 1).to_string());
        }
        let about = &call.refers.as_ref().expect("it is about another").message;
        let at: usize = about.parse().expect("it is about one message");
        self.messages[at] = (what == "=").then(|| text.to_owned());
        Ok(if what == "=" { about.clone() } else { String::new() })
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
            let mut answer = Ok(String::new());
            self.on.send_modify(|wall| answer = wall.take(call));
            answer
        })
    }

    fn wait(&self, _: &Call) -> Wait {
        let (Some(every), Some(last)) = (self.every, self.on.borrow().last) else { return Wait::None };
        let left = every.saturating_sub(last.elapsed());
        if left.is_zero() { Wait::None } else { Wait::Conversation(left) }
    }
}
