//! Asks whether a tool may be called: with buttons where there are some, and a typed yes or no counts everywhere.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tertulia::bot::{self, Context, Update, UpdateKind};
use tertulia::runner::Ticket;
use tertulia_telegram::SendMessage;

use crate::demo::request::is_yes;

const APPROVE: &str = "approve:";
const DENY: &str = "deny:";

/// A question that is open, as the session keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    approval: String,
    question: String,
    /// The message with its buttons.
    #[serde(default)]
    buttons: Option<Ticket>,
}

/// A short name of the update, the same whenever its handler runs: 16 hexadecimal digits.
pub(super) fn short(ctx: &Context) -> String {
    let digest = Sha256::digest(ctx.turn().about().update.to_string());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asks.
///
/// # Errors
/// As [`Context::reply`].
pub(super) async fn ask(ctx: &Context, question: &str, approval: &str) -> bot::Result<Asked> {
    let (yes, no) = (format!("{APPROVE}{approval}"), format!("{DENY}{approval}"));
    let has_buttons = ctx.conversation().source() == tertulia_telegram::NAME;
    let said = match has_buttons {
        true => ctx.call(SendMessage::new(question).button("Yes", &yes).button("No", &no)).await?,
        false => ctx.reply(question).await?,
    };
    let (approval, question) = (approval.to_owned(), question.to_owned());
    Ok(Asked { approval, question, buttons: has_buttons.then_some(said) })
}

impl Asked {
    pub(super) fn approval(&self) -> &String {
        &self.approval
    }

    /// What the update answers, if the question is open: any message does, and what is no yes is a no.
    pub(super) fn decided(&self, ctx: &Context) -> Option<bool> {
        match &ctx.update().kind {
            UpdateKind::Message { text } => text.as_deref().map(is_yes),
            UpdateKind::Callback { data } if answered(data) == Some(&self.approval) => {
                Some(data.starts_with(APPROVE))
            }
            _ => None,
        }
    }

    /// Takes the buttons away.
    ///
    /// # Errors
    /// As [`Context::edit`].
    pub(super) async fn settle(&self, ctx: &Context, approved: bool) -> bot::Result {
        let Some(buttons) = &self.buttons else { return Ok(()) };
        if matches!(ctx.update().kind, UpdateKind::Callback { .. }) {
            ctx.answer_callback("").await?;
        }
        let said = if approved { "Yes." } else { "No." };
        ctx.edit(buttons, format!("{}\n{said}", self.question)).await?;
        Ok(())
    }
}

/// The question that a button answers. A reason may stand behind it.
fn answered(data: &str) -> Option<&str> {
    let of = data.strip_prefix(APPROVE).or_else(|| data.strip_prefix(DENY))?;
    of.split(' ').next()
}

/// Whether this is the button of a question.
pub(crate) fn is_decision(update: &Update) -> bool {
    matches!(&update.kind, UpdateKind::Callback { data } if answered(data).is_some())
}
