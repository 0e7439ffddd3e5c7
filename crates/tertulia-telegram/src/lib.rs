//! Telegram for Tertulia: updates come in by long polling or by webhook, replies and other calls go out from the outbox.
//!
//! ```no_run
//! # async fn example() -> tertulia::Result<()> {
//! use tertulia::bot::{Bot, Context};
//! use tertulia_telegram::Telegram;
//!
//! Bot::new(Telegram::from_env()?) // TELEGRAM_BOT_TOKEN
//!     .on_message(async |ctx: Context| {
//!         ctx.reply(format!("you said: {}", ctx.text())).await?;
//!         Ok(())
//!     })
//!     .run()
//!     .await
//! # }
//! ```
//!
//! # Conversations
//! An update belongs to its chat: `telegram:42`, `telegram:-1001234567890`. One without a chat (an inline query)
//! belongs to its user, whose id is also that of their private chat; one without either (a poll that changed)
//! stands alone as `telegram:update:7`. What a user writes to a business account that the bot serves is a
//! conversation of its own, `telegram:business:<connection>:42`, so that a reply goes where the message came from.
//! A group that becomes a supergroup gets another id, and so another conversation; replies still in the outbox
//! follow it.
//!
//! # What is sent
//! A reply is plain text. One longer than a Telegram message may be (4,096 UTF-16 units) is split where a paragraph,
//! a line, a sentence or a word ends, up to [`MAX_PARTS`] messages; its message id is then those of all its messages,
//! with commas. Everything else Telegram can do is a [`Call`], durable and in order like a reply.
//!
//! Calls are made at least once, one whose answer was lost is made again; a [`Call`] may say otherwise. Messages keep to
//! Telegram's [rates](RateLimits), and a 429 is obeyed: first by its chat, and by all of the bot's when three chats in
//! a row are told to wait.

mod call;
mod client;
mod edit;
mod envelope;
mod extract;
mod format;
mod incoming;
mod pace;
mod place;
mod polling;
mod secrets;
mod sender;
mod split;
mod telegram;
mod token;
mod webhook;

pub use call::{AnswerCallbackQuery, Call};
pub use edit::EditMessageText;
pub use extract::TelegramUpdate;
/// The types of the Bot API, for [`TelegramUpdate`] and the parameters of a [`Call`].
pub use frankenstein;
pub use pace::{Rate, RateLimits};
pub use secrets::Secrets;
pub use split::{MAX_PARTS, MAX_TEXT};
pub use telegram::Telegram;
pub use webhook::Webhook;

/// The source of the conversations, and the name of the adapter.
pub const NAME: &str = "telegram";
