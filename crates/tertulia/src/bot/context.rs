//! What a handler knows of its update, and what it can say.

mod change;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::filter::split_command;
use super::replies::Replies;
use super::router::{Platform, Shared};
use super::session::Kept;
use super::{Adapter, Live, Method, Outgoing, Session, Update};
use crate::error::Kind;
use crate::runner::{CallOptions, Ticket, Turn};
use crate::session::State;
use crate::storage::ItemId;
use crate::{Conversation, Error, Result};

/// One run of a handler for one update. Cheap to clone; usable until the handler returns.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    turn: Turn,
    update: Update,
    adapter: Arc<dyn Adapter>,
    /// Nothing is called there: replies are kept as the update's answer.
    answers: bool,
    shared: Arc<Shared>,
    /// What was replied, on a platform that is read rather than called; taken when the handler has returned.
    replies: Mutex<Option<Replies>>,
    /// The live replies that have not ended.
    lives: Mutex<Vec<Live>>,
    /// The last update that the handler has received beside its own, with its text.
    heard: Mutex<Option<(ItemId, String)>>,
}

impl Context {
    pub(super) fn new(turn: Turn, update: Update, platform: &Platform, shared: Arc<Shared>) -> Self {
        let replies = Mutex::new(platform.answers.then(|| Replies::to(&turn)));
        let (adapter, answers) = (Arc::clone(&platform.adapter), platform.answers);
        let (lives, heard) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { turn, update, adapter, answers, shared, replies, lives, heard }))
    }

    /// Where the update belongs.
    pub fn conversation(&self) -> &Conversation {
        &self.0.turn.about().conversation
    }

    /// The update.
    pub fn update(&self) -> &Update {
        &self.0.update
    }

    /// The message's text, or what a pressed button carries; empty if there is none.
    pub fn text(&self) -> &str {
        self.0.update.said().unwrap_or_default()
    }

    /// What follows a command in the message's text, without the spaces around it; the whole text if it is no
    /// command.
    pub fn arguments(&self) -> &str {
        let text = self.text();
        split_command(text).map_or(text, |(_, arguments)| arguments)
    }

    /// Which try of the update this is, from 1. A handler runs again after an error, a crash, or a conflict.
    pub fn attempt(&self) -> u16 {
        self.0.turn.about().attempt
    }

    /// Lets the handler run so long from now, beyond the bot's
    /// [time limit](crate::runner::Options::time_limit). One that goes on for as long as it hears from a model calls
    /// this each time it does.
    pub fn more_time(&self, more: Duration) {
        self.0.turn.more_time(more);
    }

    /// Says something. It is sent after the turn's commit, after all earlier replies of the conversation, and not
    /// at all if the turn fails.
    ///
    /// # Errors
    /// `Invalid` if the platform would refuse it, `Closed` if the handler has returned.
    pub async fn reply(&self, text: impl AsRef<str>) -> Result<Ticket> {
        let text = text.as_ref();
        if self.0.answers {
            let ordinal = self.with_replies(|replies| replies.say(text))?;
            return Ok(Ticket { update: self.0.turn.about().update.clone(), ordinal });
        }
        let reply = Outgoing::Reply { text };
        let call = self.0.adapter.encode(self.conversation(), &reply)?;
        self.0.turn.call(call.ok_or_else(|| self.has_no(&reply))?)
    }

    fn has_no(&self, outgoing: &Outgoing<'_>) -> Error {
        Error::invalid(format!("`{}` has no {}", self.0.adapter.name(), outgoing.word()))
    }

    fn is_over(&self) -> Error {
        Error::new(Kind::Closed, format!("the turn of {:?} is over", self.0.turn.about().update))
    }

    /// Makes a call that only one platform knows, durable and in order like a reply. The ticket is that of the message:
    /// if the call is about an earlier one, the earlier one's.
    ///
    /// # Errors
    /// `Invalid` on another platform, if the platform would refuse it, or if its join key is over 256 bytes; `Closed`
    /// if the handler has returned.
    pub async fn call<M: Method>(&self, method: M) -> Result<Ticket> {
        if self.0.adapter.platform() != M::PLATFORM {
            return Err(Error::invalid(format!(
                "a call of `{}` was made in {}, which is of `{}`",
                M::PLATFORM,
                self.conversation(),
                self.0.adapter.platform()
            )));
        }
        let (delivery, within, join, refers) =
            (method.delivery(), method.within(), method.join(), method.refers());
        let options = CallOptions { delivery, within, join, refers: refers.clone(), steps: false };
        let ticket = self.0.turn.call_with(method.encode(self.conversation())?, options)?;
        Ok(refers.unwrap_or(ticket))
    }

    /// The session of any conversation, in the turn's batch with the others: a game's, another chat's. `S` must be
    /// declared with [`Bot::session`](super::Bot::session) or taken by some handler. Dropped, it can be taken again.
    ///
    /// Updates are not ordered by it: of two that change it at once, the handler of the one that commits last runs
    /// again.
    ///
    /// ```
    /// # use tertulia::bot::Context;
    /// # use tertulia::Conversation;
    /// #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// struct Game { moves: Vec<String> }
    ///
    /// async fn play(ctx: Context) -> tertulia::bot::Result {
    ///     let mut game = ctx.session::<Game>(Conversation::new("game", ctx.arguments())?).await?;
    ///     game.moves.push(ctx.text().to_owned());
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// `Invalid` if `S` is not declared, if `conversation` is none, if the session is taken already, or if the
    /// storage's batches reach one shard and it lies in another; `Corrupt`; `Unavailable`; `Closed` if the handler
    /// has returned.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn session<S: State>(
        &self,
        conversation: impl TryInto<Conversation, Error: Into<Error>>,
    ) -> Result<Session<S>> {
        self.take(conversation.try_into().map_err(Into::into)?).await
    }

    /// The session of `conversation`, if a batch of this turn can hold it.
    pub(super) async fn take<S: State>(&self, conversation: Conversation) -> Result<Session<S>> {
        let kept = self.kept()?;
        kept.check_reach(self.conversation(), &conversation)?;
        match Session::again(self, &conversation) {
            Some(again) => again,
            None => {
                let loaded = kept.store.load(&conversation).await?;
                Session::enlist(self, conversation, loaded)
            }
        }
    }

    /// How the sessions of a type are kept.
    pub(super) fn kept<S: State>(&self) -> Result<Arc<Kept<S>>> {
        self.0.shared.sessions.get().ok_or_else(|| {
            Error::invalid(format!(
                "the session type `{}` is not declared: give it a name with `.session::<..>(name)`",
                std::any::type_name::<S>()
            ))
        })
    }

    /// The turn beneath, for extractors of other crates.
    pub fn turn(&self) -> &Turn {
        &self.0.turn
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(super) fn adapter(&self) -> &dyn Adapter {
        &*self.0.adapter
    }

    /// Whether replies are kept as answers, since nothing is called.
    pub(super) fn answers(&self) -> bool {
        self.0.answers
    }

    /// Changes what is replied, where that is kept as answers.
    pub(super) fn with_replies<T>(&self, change: impl FnOnce(&mut Replies) -> T) -> Result<T> {
        self.0.replies.lock().as_mut().map(change).ok_or_else(|| self.is_over())
    }

    pub(super) fn lives(&self) -> &Mutex<Vec<Live>> {
        &self.0.lives
    }

    /// The handler has received an update beside its own.
    pub(super) fn hears(&self, update: &ItemId, text: &str) {
        *self.0.heard.lock() = Some((update.clone(), text.to_owned()));
    }

    /// The last update that the handler has received, with its text.
    pub(super) fn last_heard(&self) -> (ItemId, String) {
        self.0.heard.lock().clone().unwrap_or_else(|| {
            let turn = &self.0.turn;
            match turn.joined().last() {
                Some(last) => {
                    let update = self.0.adapter.decode(last).ok();
                    let text = update.as_ref().and_then(Update::said).unwrap_or_default();
                    (last.update.clone(), text.to_owned())
                }
                None => (turn.about().update.clone(), self.text().to_owned()),
            }
        })
    }

    /// What was replied, once; nothing can be replied afterwards.
    pub(super) fn take_replies(&self) -> Option<Replies> {
        self.0.replies.lock().take()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("turn", &self.0.turn)
            .field("update", &self.0.update)
            .finish_non_exhaustive()
    }
}
