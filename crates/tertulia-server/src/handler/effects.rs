//! Has happen what a handler answered. All of it is collected in the turn, and nothing is left of it if the
//! turn fails, but for what is recorded.

use std::time::Duration;

use serde_json::{Map, Value};
use tertulia::bot::{self, Context, Live, Response, Session};
use tertulia::error::Kind;
use tertulia::stream::Event;

use super::answer::{Answer, Line, Question, Recorded, Reply, Said};
use super::failed::Failed;
use super::once::Once;
use super::patch;
use super::state::State;

/// The most replies to an update.
const MAX_REPLIES: usize = 256;

/// The turn and the session that an answer is for.
#[derive(Debug)]
pub(super) struct Effects {
    ctx: Context,
    session: Session<State>,
    once: Once,
    replies: usize,
    question: Option<Question>,
    /// Between its first event and a question, or the end.
    live: Option<Live>,
}

impl Effects {
    pub(super) fn new(ctx: Context, session: Session<State>, once: Once) -> Self {
        Self { ctx, session, once, replies: 0, question: None, live: None }
    }

    /// The session as it is now.
    pub(super) fn session(&self) -> &Value {
        &self.session.0
    }

    pub(super) fn once(&self) -> &Once {
        &self.once
    }

    /// Asks what the answer wanted to ask, if anything, and waits; gives what came, or nothing if nobody answered in
    /// time.
    ///
    /// # Errors
    /// Those of [`Context::ask`].
    pub(super) async fn ask(&mut self) -> bot::Result<Option<Option<Response>>> {
        let Some(Question { text, within_seconds }) = self.question.take() else { return Ok(None) };
        // A question ends it.
        self.live = None;
        let ask = self.ctx.ask(text);
        let ask = match within_seconds {
            Some(seconds) => ask.within(Duration::from_secs(seconds)),
            None => ask,
        };
        match ask.await {
            Ok(response) => Ok(Some(Some(response))),
            Err(error) if error.kind() == Kind::Timeout => Ok(Some(None)),
            Err(error) => Err(error.into()),
        }
    }

    /// A whole answer.
    ///
    /// # Errors
    /// A failed try if the answer says so, is over a bound, or cannot be done.
    pub(super) async fn answer(&mut self, answer: Answer) -> bot::Result {
        let Answer { session, session_patch, replies, live, events, ask, error } = answer;
        self.question = ask;
        if let Some(error) = error {
            return Err(said(&error).into());
        }
        match (session, session_patch) {
            (Some(_), Some(_)) => {
                return Err(Failed::new("an answer has `session` or `session_patch`, not both").into());
            }
            (Some(merge), None) => self.merge(merge)?,
            (None, Some(patch)) => self.patch(&patch)?,
            (None, None) => {}
        }
        for reply in replies.into_iter().flatten() {
            self.reply(reply).await?;
        }
        for event in live.into_iter().flatten() {
            self.live(event).await?;
        }
        for event in events.into_iter().flatten() {
            self.event(event).await?;
        }
        Ok(())
    }

    /// A line of an answer; tells whether it is the last.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub(super) async fn line(&mut self, line: Line) -> bot::Result<bool> {
        match line {
            Line::Reply(reply) => self.reply(reply).await?,
            Line::Live(event) => self.live(event).await?,
            Line::Event(event) => self.event(event).await?,
            Line::Session(merge) => self.merge(merge)?,
            Line::SessionPatch(patch) => self.patch(&patch)?,
            Line::Once(Recorded { name, value }) => self.once.record(&self.ctx, name, value).await?,
            Line::Ask(question) => {
                self.question = Some(question);
                return Ok(true);
            }
            Line::Error(error) => return Err(said(&error).into()),
            Line::Done(done) => return Ok(done),
        }
        Ok(false)
    }

    async fn reply(&mut self, Reply { text }: Reply) -> bot::Result {
        self.replies += 1;
        if self.replies > MAX_REPLIES {
            return Err(
                Failed::new(format!("the handler's answer has more than {MAX_REPLIES} replies")).into()
            );
        }
        self.ctx.reply(text).await?;
        Ok(())
    }

    /// Resolves when somebody has asked the live reply to stop, which it is then; not before there is one.
    ///
    /// # Errors
    /// Those of [`Live::cancelled`].
    pub(super) async fn stopped(&self) -> bot::Result {
        let Some(live) = &self.live else { return std::future::pending().await };
        live.cancelled().await?;
        live.stop();
        Ok(())
    }

    async fn live(&mut self, event: Map<String, Value>) -> bot::Result {
        let event = decode(event)?;
        let live = match &self.live {
            Some(live) => live,
            None => self.live.insert(self.ctx.reply_live().await?),
        };
        live.event(event).await?;
        Ok(())
    }

    async fn event(&mut self, Said { stream, event }: Said) -> bot::Result {
        let event = decode(event)?;
        self.ctx.stream(stream.as_deref().unwrap_or("answer")).await?.event(event).await?;
        Ok(())
    }

    fn merge(&mut self, merge: Map<String, Value>) -> Result<(), Failed> {
        if merge.is_empty() {
            return Ok(());
        }
        patch::merge(&mut self.session.0, merge)
    }

    fn patch(&mut self, patch: &json_patch::Patch) -> Result<(), Failed> {
        if patch.0.is_empty() {
            return Ok(());
        }
        patch::patch(&mut self.session.0, patch)
    }
}

fn decode(event: Map<String, Value>) -> Result<Event, Failed> {
    Event::decode(Value::Object(event).to_string().as_bytes())
        .map_err(|error| Failed::new(format!("an event of the handler's answer: {error}")))
}

/// The handler's own words, as far as they are short.
fn said(error: &str) -> Failed {
    Failed::new(format!("the handler says: {}", super::client::short(error)))
}
