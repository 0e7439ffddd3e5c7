//! Changes of what was said, and other things to say that not every platform has.

use std::time::Duration;

use super::Context;
use crate::Result;
use crate::bot::Outgoing;
use crate::runner::{CallOptions, Ticket};

/// How long an answer to a pressed button is worth sending.
const ANSWERABLE: Duration = Duration::from_secs(5 * 60);

impl Context {
    /// Replaces what a reply or another call of the conversation said, after all earlier calls; which message that is
    /// is looked up then. The ticket may be of this turn or of one long ago, kept in a session. While a later edit of
    /// the same ticket waits, this one is not made.
    ///
    /// What is known of a ticket is what the last 256 calls of a conversation gave. An edit of another, or of a reply
    /// that was never sent, goes to `dead`.
    ///
    /// ```
    /// # use tertulia::bot::{Context, Session};
    /// # use tertulia::runner::Ticket;
    /// #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// struct Order { shown: Option<Ticket>, items: u32 }
    ///
    /// async fn add(ctx: Context, mut order: Session<Order>) -> tertulia::bot::Result {
    ///     order.items += 1;
    ///     let text = format!("{} items", order.items);
    ///     match &order.shown {
    ///         Some(ticket) => ctx.edit(ticket, text).await?,
    ///         None => order.shown = Some(ctx.reply(text).await?),
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// `Invalid` if the platform has no edits or would refuse it, `Closed` if the handler has returned.
    pub async fn edit(&self, ticket: &Ticket, text: impl AsRef<str>) -> Result<()> {
        let (refers, join) = (Some(ticket.clone()), Some(ticket.edits()));
        let options = CallOptions { refers, join, ..CallOptions::default() };
        self.say(&Outgoing::Edit { text: text.as_ref() }, options)
    }

    /// Takes back what a reply or another call of the conversation said, with all its messages, after all earlier
    /// calls. What is known of a ticket is as for [`edit`](Self::edit); what is gone already counts as deleted.
    ///
    /// # Errors
    /// `Invalid` if the platform has no deletions, `Closed` if the handler has returned.
    pub async fn delete(&self, ticket: &Ticket) -> Result<()> {
        self.say(&Outgoing::Delete, CallOptions { refers: Some(ticket.clone()), ..CallOptions::default() })
    }

    /// Reacts to the message of the update, in place of an earlier reaction; an empty text takes it away.
    ///
    /// # Errors
    /// `Invalid` if the platform has no reactions or the update no message, `Closed` if the handler has returned.
    pub async fn react(&self, emoji: impl AsRef<str>) -> Result<()> {
        let update = &self.0.turn.about().body;
        self.say(&Outgoing::React { update, emoji: emoji.as_ref() }, CallOptions::default())
    }

    /// As [`react`](Self::react), to what a reply or another call of the conversation said. What is known of a ticket
    /// is as for [`edit`](Self::edit).
    ///
    /// # Errors
    /// `Invalid` if the platform has no reactions, `Closed` if the handler has returned.
    pub async fn react_to(&self, ticket: &Ticket, emoji: impl AsRef<str>) -> Result<()> {
        let options = CallOptions { refers: Some(ticket.clone()), ..CallOptions::default() };
        self.say(&Outgoing::ReactTo { emoji: emoji.as_ref() }, options)
    }

    /// Ends the waiting that a pressed button shows, with a notice unless the text is empty. Made within 5 minutes or
    /// not at all: platforms soon forget who pressed.
    ///
    /// # Errors
    /// `Invalid` if the platform has no such thing or would refuse it, or if the update is no pressed button;
    /// `Closed` if the handler has returned.
    pub async fn answer_callback(&self, text: impl AsRef<str>) -> Result<()> {
        let update = &self.0.turn.about().body;
        let options = CallOptions { within: Some(ANSWERABLE), ..CallOptions::default() };
        self.say(&Outgoing::AnswerCallback { update, text: text.as_ref() }, options)
    }

    /// Makes a call that any platform may have, but only one that is called can make.
    fn say(&self, outgoing: &Outgoing<'_>, options: CallOptions) -> Result<()> {
        let call = match self.0.answers {
            true => None,
            false => self.0.adapter.encode(self.conversation(), outgoing)?,
        };
        let call = call.ok_or_else(|| self.has_no(outgoing))?;
        self.0.turn.call_with(call, options).map(drop)
    }
}
