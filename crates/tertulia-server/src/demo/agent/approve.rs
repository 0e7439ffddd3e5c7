//! Asks whether a tool may be called: with buttons where there are some, and a typed yes or no counts everywhere.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tertulia::bot::{self, Context, Update, UpdateKind};
use tertulia::error::Kind;
use tertulia_telegram::{AnswerCallbackQuery, SendMessage};

use crate::demo::request::is_yes;

/// How long it waits for an answer.
const WITHIN: Duration = Duration::from_mins(10);
const APPROVE: &str = "approve:";
const DENY: &str = "deny:";

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Approved,
    Denied,
}

/// A short name of the update, the same whenever its handler runs: 16 hexadecimal digits.
pub(super) fn short(ctx: &Context) -> String {
    let digest = Sha256::digest(ctx.turn().about().update.to_string());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asks, and waits for the answer; without one it is denied.
///
/// # Errors
/// As [`Context::ask`], but for `Timeout`.
pub(super) async fn ask(ctx: &Context, question: &str, approval: &str) -> bot::Result<Decision> {
    let (yes, no) = (format!("{APPROVE}{approval}"), format!("{DENY}{approval}"));
    let buttons = ctx.conversation().source() == tertulia_telegram::NAME;
    let asked = match buttons {
        true => ctx.call(SendMessage::new(question).button("Yes", &yes).button("No", &no)).await?,
        false => ctx.reply(question).await?,
    };
    let of = approval.to_owned();
    let answer = ctx.next_update().within(WITHIN).of(move |update: &Update| answers(update, &of)).await;
    let answer = match answer {
        Ok(answer) => Some(answer),
        Err(error) if error.kind() == Kind::Timeout => None,
        Err(error) => return Err(error.into()),
    };
    let decision = match &answer {
        Some(answer) if answer.text == yes || is_yes(&answer.text) => Decision::Approved,
        _ => Decision::Denied,
    };
    if buttons {
        if let Some(answer) = &answer
            && matches!(answer.update.kind, UpdateKind::Callback { .. })
        {
            ctx.call(AnswerCallbackQuery::to(&answer.about)?).await?;
        }
        // Without the buttons.
        let said = if decision == Decision::Approved { "Yes." } else { "No." };
        ctx.edit(&asked, format!("{question}\n{said}")).await?;
    }
    Ok(decision)
}

/// Whether an update answers this question: any message does.
fn answers(update: &Update, approval: &str) -> bool {
    match &update.kind {
        UpdateKind::Message { text } => text.is_some(),
        UpdateKind::Callback { data } => decided(data) == Some(approval),
        _ => false,
    }
}

/// The question that a button answers. A reason may stand behind it.
fn decided(data: &str) -> Option<&str> {
    let of = data.strip_prefix(APPROVE).or_else(|| data.strip_prefix(DENY))?;
    of.split(' ').next()
}

/// Whether this is an answer to a question that is over, if it comes as an update of its own.
pub(crate) fn is_stale(update: &Update) -> bool {
    matches!(&update.kind, UpdateKind::Callback { data } if decided(data).is_some())
}
