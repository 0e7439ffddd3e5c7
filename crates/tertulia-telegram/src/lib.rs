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
//! with commas. What is sent most often has a type ([`SendMessage`] with buttons, [`SendFile`]); everything else
//! Telegram can do is a [`Call`]. All of them are durable and in order like a reply.
//!
//! # What is changed
//! What was sent is changed by its ticket (`ctx.edit`, `ctx.delete`, `ctx.react_to`), in the messages it became:
//! - An edit of a text that was split is split too. Each part goes into the message of its turn; messages that are left
//!   over are deleted, and parts that are left over are new messages, at the end of the chat. The ticket then names
//!   those. Buttons that are not given again are gone.
//! - An edit of a file edits its caption, of an album that of the first file. A text over [`MAX_CAPTION`] goes to `dead`.
//! - An edit that changes nothing, and a deletion of what is gone, count as made. Deletion takes all messages, a reaction
//!   is to the first.
//! - In a group that has become a supergroup since, the messages are not found any more.
//!
//! Calls are made at least once, one whose answer was lost is made again; a [`Call`] may say otherwise. Messages keep to
//! Telegram's [rates](RateLimits), and a 429 is obeyed: first by its chat, and by all of the bot's when three chats in
//! a row are told to wait.

mod call;
mod change;
mod client;
mod compose;
mod edit;
mod envelope;
mod extract;
mod file;
mod format;
mod incoming;
mod keyboard;
mod message;
mod moment;
mod origin;
mod pace;
mod place;
mod polling;
mod secrets;
mod send_file;
mod sender;
mod split;
mod telegram;
mod token;
mod webhook;

pub use call::{AnswerCallbackQuery, Call};
pub use edit::{DeleteMessage, EditMessageText};
pub use extract::TelegramUpdate;
pub use file::{File, FileKind};
/// The types of the Bot API, for [`TelegramUpdate`] and the parameters of a [`Call`].
pub use frankenstein;
pub use keyboard::Keyboard;
pub use message::SendMessage;
pub use moment::{SendChatAction, SetMessageReaction};
pub use pace::{Rate, RateLimits};
pub use secrets::Secrets;
pub use send_file::SendFile;
pub use split::{MAX_PARTS, MAX_TEXT};
pub use telegram::Telegram;
pub use webhook::Webhook;

/// The source of the conversations, and the name of the adapter.
pub const NAME: &str = "telegram";

/// The most UTF-16 units of the text under a file: Telegram's limit.
pub const MAX_CAPTION: usize = 1024;
