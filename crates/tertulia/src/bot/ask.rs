//! Asking in the middle of a handler, and hearing what is said meanwhile.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use super::{Context, Filter, Update, UpdateKind};
use crate::runner::{About, Awaited};
use crate::storage::LogWrite;
use crate::{Error, Result};

/// An update that a handler has received beside its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Response {
    /// The message's text, or what a pressed button carries; empty if there is none.
    pub text: String,
    /// The update.
    pub update: Update,
    /// The update as its platform gave it.
    pub about: About,
}

/// A question, or only a wait: made with [`Context::ask`] and [`Context::next_update`], and awaited.
#[must_use = "a question is asked when it is awaited"]
pub struct Ask<'a> {
    ctx: &'a Context,
    question: Option<String>,
    within: Duration,
    wanted: Option<Box<dyn Filter>>,
}

impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { question, within, .. } = self;
        f.debug_struct("Ask").field("question", question).field("within", within).finish_non_exhaustive()
    }
}

impl Context {
    /// Says something and waits for the next message or pressed button of the conversation, which is not run but given
    /// here. What was replied before is sent now, and stays whatever becomes of the handler; a
    /// [live reply](Self::reply_live) comes to its end.
    ///
    /// While it waits the handler takes no slot and its time limit stands still. If the process is killed meanwhile, the
    /// handler runs again, nothing is asked twice, and the answers it had are there; so what it does before it asks
    /// should be the same each time ([`once`](Self::once) helps). If the handler fails for good the answers go back and
    /// run as updates of their own.
    ///
    /// ```
    /// # use tertulia::bot::{Context, Session, callback};
    /// # use std::time::Duration;
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct Chat { name: Option<String> }
    /// async fn name(ctx: Context, mut chat: Session<Chat>) -> tertulia::bot::Result {
    ///     let name = ctx.ask("Your name?").within(Duration::from_mins(10)).await?.text;
    ///     let sure = ctx.ask(format!("{name}, is that right?")).of(callback).await?.text;
    ///     if sure == "yes" {
    ///         chat.name = Some(name);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// `Timeout` if no answer comes in time; `Invalid` if none could ever come: the update has no keys or belongs to no
    /// chat, or the handler waits already, or has received 128 updates; `Invalid` too if the platform would refuse the
    /// question; `Unavailable` if too many handlers wait; `Conflict` if somebody else has run the update, which is then
    /// looked at again; `Closed` if the handler has returned.
    ///
    /// # Cancel safety
    /// If dropped, no answer is lost; what was said stays said.
    pub fn ask(&self, question: impl Into<String>) -> Ask<'_> {
        Ask { question: Some(question.into()), ..self.next_update() }
    }

    /// As [`ask`](Self::ask), without saying anything.
    pub fn next_update(&self) -> Ask<'_> {
        Ask { ctx: self, question: None, within: Awaited::LONGEST, wanted: None }
    }

    /// The next update that steers this handler, if one has come: one that waits behind its own and that
    /// [`Bot::steer`](super::Bot::steer) marks. It is not run by itself any more.
    ///
    /// # Errors
    /// `Invalid` if the bot marks none, or the handler has received 128 updates; `Closed` if the handler has returned;
    /// what the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, no update is lost.
    pub async fn steered(&self) -> Result<Option<Response>> {
        let steers = self.steers()?;
        let taken = self.turn().take_in(&|about| self.is(about, steers)).await?;
        taken.map(|about| self.also(about)).transpose()
    }

    /// As [`steered`](Self::steered), but waits until one comes, for as long as it takes: for what is done beside
    /// something else, such as a model's answer. It takes a slot meanwhile.
    ///
    /// # Errors
    /// As [`steered`](Self::steered).
    ///
    /// # Cancel safety
    /// If dropped, no update is lost.
    pub async fn until_steered(&self) -> Result<Response> {
        let steers = self.steers()?;
        let about = self.turn().take_in_next(&|about| self.is(about, steers)).await?;
        self.also(about)
    }

    fn steers(&self) -> Result<&dyn Filter> {
        let steers = self.shared().steers.as_deref();
        steers.ok_or_else(|| Error::invalid("no updates steer: mark them with `Bot::steer(filter)`"))
    }

    fn is(&self, about: &About, filter: &dyn Filter) -> bool {
        self.adapter().decode(about).is_ok_and(|update| filter.matches(&update))
    }

    /// A response that has no answer of its own.
    fn also(&self, about: About) -> Result<Response> {
        if self.answers() {
            self.with_replies(|replies| replies.also(about.clone()))?;
        }
        Response::of(self, about)
    }
}

impl Ask<'_> {
    /// How long to wait: at most 24 h, which is the default. It counts from the first time that this was asked, also
    /// when the handler runs again.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Takes the next update that the filter picks, instead of the next message or pressed button. Others wait until the
    /// handler has returned.
    pub fn of(mut self, filter: impl Filter) -> Self {
        self.wanted = Some(Box::new(filter));
        self
    }

    async fn answer(self) -> Result<Response> {
        let Self { ctx, question, within, wanted } = self;
        let conversation = ctx.conversation();
        if !ctx.adapter().goes_on(conversation) {
            return Err(Error::invalid(format!(
                "no other update ever comes from {conversation}, so it cannot be asked"
            )));
        }
        ctx.end_lives().await?;
        if let Some(question) = question {
            ctx.reply(question).await?;
        }
        let wanted = move |about: &About| match &wanted {
            Some(filter) => ctx.is(about, &**filter),
            None => ctx.is(about, &is_said),
        };
        let writes = if ctx.answers() { asked(ctx).await? } else { Vec::new() };
        let received = ctx.turn().wait(Awaited { wanted: &wanted, within, writes }).await;
        if ctx.answers() {
            let waits = ctx.turn().settled().await?;
            ctx.with_replies(|replies| replies.settle(waits))?;
        }
        let about = received?;
        if ctx.answers() {
            ctx.with_replies(|replies| replies.turn_to(about.clone()))?;
        }
        Response::of(ctx, about)
    }
}

impl<'a> IntoFuture for Ask<'a> {
    type Output = Result<Response>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.answer())
    }
}

impl Response {
    pub(super) fn of(ctx: &Context, about: About) -> Result<Self> {
        let update = ctx.adapter().decode(&about)?;
        let text = update.said().unwrap_or_default().to_owned();
        ctx.hears(&about.update, &text);
        Ok(Self { text, update, about })
    }
}

/// What a question writes where replies are read.
async fn asked(ctx: &Context) -> Result<Vec<LogWrite>> {
    let waits = ctx.turn().settled().await?;
    let now = ctx.turn().clock().now();
    ctx.with_replies(|replies| {
        replies.settle(waits);
        replies.asks(waits);
        replies.writes(now)
    })?
}

/// Whether somebody has said something.
fn is_said(update: &Update) -> bool {
    matches!(update.kind, UpdateKind::Message { .. } | UpdateKind::Callback { .. })
}
