//! The update in Telegram's own types, as an argument of a handler.

use std::ops::Deref;

use tertulia::bot::{Context, Extract};
use tertulia::{Error, Result};

use crate::frankenstein;
use crate::origin::is_telegram;

/// The update in Telegram's own types. Extracting it fails the turn if the update is of a kind or shape that these
/// types do not know yet, or of another platform; its bytes are always in `ctx.turn().about().body`.
#[derive(Clone, Debug, PartialEq)]
pub struct TelegramUpdate(pub Box<frankenstein::updates::Update>);

impl Deref for TelegramUpdate {
    type Target = frankenstein::updates::Update;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Extract for TelegramUpdate {
    async fn extract(ctx: &Context) -> Result<Self> {
        let about = ctx.turn().about();
        if !is_telegram(&about.conversation.source()) {
            return Err(Error::invalid(format!(
                "a handler takes `TelegramUpdate`, but an update of {} is none",
                about.conversation
            )));
        }
        serde_json::from_slice(&about.body).map(Self).map_err(|error| {
            Error::invalid(format!("an update of {} has no typed form", about.conversation))
                .with_source(error)
        })
    }
}
