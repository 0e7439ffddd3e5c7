//! A reply that is seen as it is said.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::format::{self, LiveEntry};
use super::index;
use crate::bot::stream::KEPT;
use crate::bot::{Context, Stream};
use crate::error::Kind;
use crate::runner::{CallOptions, Early, Ticket};
use crate::stream::{End, Event, EventKind, StreamId};
use crate::{Error, Result};

/// A reply that is seen as it is said: where the platform is called as one message that grows, by joined edits within its
/// rates; for readers as a [stream](Stream) of [events](Event). Cheap to clone; usable until the handler returns.
///
/// If the handler runs again, after a crash too, the same message and the same stream go on with what that run says:
/// what an earlier run has said is superseded, never mixed with it.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    id: StreamId,
    ticket: Ticket,
    /// `None` if an earlier run has come to its end: nothing is said again.
    stream: Option<Stream>,
    /// The text so far; the update's answer shares it, where replies are read.
    said: Arc<Mutex<String>>,
    /// Nothing more is said: whoever finished it has its text. Written once, read by each push.
    finished: Mutex<bool>,
}

impl Context {
    /// Begins a reply that is seen as it is said, such as a model's answer. What was replied before is sent now, and stays
    /// whatever becomes of the handler; what is replied afterwards comes after it.
    ///
    /// It ends when the handler returns, in the same batch as everything else, or asks the next
    /// [question](Self::ask), before that. On platforms that are called it is one message, or several if it grows
    /// beyond what one may hold; where replies are read its text is one of them. Readers of its
    /// [stream](Live::id) see every event, and one that asks for it to [stop](Live::cancelled) is heard.
    ///
    /// A handler that runs again begins its n-th live reply where its n-th was: the message is edited, and readers are told
    /// that the reply is said anew. One that an earlier run has finished before a question is not said again: it takes
    /// what is pushed and shows nothing.
    ///
    /// ```
    /// # use tertulia::bot::{Context, Session};
    /// # use tertulia::Log;
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct Chat { history: Log<String> }
    /// # struct Tokens;
    /// # impl Tokens { async fn next(&mut self) -> Option<tertulia::Result<String>> { None } }
    /// # fn model(_: &Log<String>) -> Tokens { Tokens }
    /// async fn answer(ctx: Context, mut chat: Session<Chat>) -> tertulia::bot::Result {
    ///     chat.history.push(ctx.text().to_owned());
    ///     let mut tokens = model(&chat.history);
    ///     let live = ctx.reply_live().await?;
    ///     while let Some(token) = tokens.next().await {
    ///         live.push(token?).await?;
    ///     }
    ///     chat.history.push(live.finish());
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// `Invalid` if the turn has begun 256 of them; `Conflict` if somebody else has ended the update, which is then looked
    /// at again; `Closed` if the handler has returned; what the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, it may have begun or not; it ends with the turn.
    pub async fn reply_live(&self) -> Result<Live> {
        let turn = self.turn();
        let (about, number) = (turn.about(), turn.next_early()?);
        let name = format!("reply-{number}");
        let id = self.stream_id(&name)?;
        let said = Arc::<Mutex<String>>::default();
        let (to, text) = self.last_heard();
        if self.answers() {
            self.with_replies(|replies| replies.say_live(Arc::clone(&said)))?;
        }
        let ended = self.shared().spoken.has_ended(turn, &id).await?;
        let stream = if ended { None } else { Some(self.stream(&name).await?) };
        let call = if self.answers() {
            None
        } else {
            Some((format::call(id.name())?, CallOptions { steps: true, ..CallOptions::default() }))
        };
        let at = turn.clock().now();
        let entry = LiveEntry { update: about.update.clone(), to, stream: id.name().to_owned(), at, text };
        let write = index::write(&**turn.storage(), &about.conversation, entry, KEPT).await?;
        let ticket = turn.early_ticket(number);
        let live = Live(Arc::new(Inner { id, ticket, stream, said, finished: Mutex::new(false) }));
        // Before it is given out: that goes on if this is dropped, and a question must not wait behind it.
        self.lives().lock().push(live.clone());
        turn.call_early(Early { number, call, writes: vec![write] }).await?;
        Ok(live)
    }

    /// Brings the live replies so far to their end, in this order.
    pub(in crate::bot) async fn end_lives(&self) -> Result<()> {
        loop {
            let Some(live) = self.lives().lock().first().cloned() else { return Ok(()) };
            *live.0.finished.lock() = true;
            if let Some(stream) = &live.0.stream {
                stream.close_now().await?;
            }
            // Not before it has ended: this may be dropped half way.
            self.lives().lock().retain(|other| !Arc::ptr_eq(&other.0, &live.0));
        }
    }
}

impl Live {
    /// The most bytes of the text of a live reply: 1 MiB. It is shown whole where replies are read, and read again at each
    /// edit.
    pub const MAX_TEXT: usize = 1 << 20;

    /// Where readers find it.
    pub fn id(&self) -> &StreamId {
        &self.0.id
    }

    /// Names the reply, to edit or delete what it said when it is over.
    pub fn ticket(&self) -> &Ticket {
        &self.0.ticket
    }

    /// Says more of the text.
    ///
    /// # Errors
    /// `Closed` if it is finished or the handler has returned; `Invalid`, and nothing is said, if the text would be over
    /// [`Live::MAX_TEXT`]; `Conflict` if the handler runs again elsewhere; as [`Stream::append`].
    ///
    /// # Cancel safety
    /// If dropped, it may be said or not.
    pub async fn push(&self, text: impl Into<String>) -> Result<()> {
        self.event(Event::content(text)).await
    }

    /// Says an event: what is thought, a tool that is called, what it gave. The content of
    /// [`Content`](EventKind::Content) is the text; the others are for readers of the stream.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    ///
    /// # Cancel safety
    /// If dropped, it may be said or not.
    pub async fn event(&self, event: Event) -> Result<()> {
        if *self.0.finished.lock() {
            return Err(Error::new(Kind::Closed, format!("the live reply {} is finished", self.id())));
        }
        let text = (event.kind == EventKind::Content).then(|| event.content.clone());
        let bytes = text.as_ref().map_or(0, |text| self.0.said.lock().len() + text.len());
        if bytes > Self::MAX_TEXT {
            return Err(Error::invalid(format!(
                "the live reply {} would say {bytes} bytes, at most {} are allowed",
                self.id(),
                Self::MAX_TEXT
            )));
        }
        if let Some(stream) = &self.0.stream {
            stream.event(event).await?;
        }
        if let Some(text) = text {
            self.0.said.lock().push_str(&text);
        }
        Ok(())
    }

    /// Says everything anew: what this run has said so far is superseded, as if the handler ran again. For an answer that
    /// has to begin again, such as a model's whose connection was lost.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    ///
    /// # Cancel safety
    /// If dropped, the handler fails with `Conflict` if it goes on.
    pub async fn restart(&self) -> Result<()> {
        if let Some(stream) = &self.0.stream {
            stream.restart().await?;
            stream.end(End::Complete);
        }
        self.0.said.lock().clear();
        *self.0.finished.lock() = false;
        Ok(())
    }

    /// Resolves when somebody has asked for this reply to stop; at once if they have. The handler then
    /// [stops](Self::stop) it, or goes on.
    ///
    /// # Errors
    /// `Gone` if its stream was deleted; what the storage gives.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn cancelled(&self) -> Result<()> {
        match &self.0.stream {
            Some(stream) => stream.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// The text so far.
    pub fn text(&self) -> String {
        self.0.said.lock().clone()
    }

    /// Nothing more is said; gives the text. Its end is seen when the turn has ended well, or asks.
    pub fn finish(&self) -> String {
        self.end(End::Complete)
    }

    /// As [`finish`](Self::finish), but it ends as one that somebody has stopped.
    pub fn stop(&self) -> String {
        self.end(End::Stopped)
    }

    fn end(&self, how: End) -> String {
        *self.0.finished.lock() = true;
        if let Some(stream) = &self.0.stream {
            stream.end(how);
        }
        self.text()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(self.id()).finish()
    }
}
