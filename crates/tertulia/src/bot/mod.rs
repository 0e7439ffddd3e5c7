//! What a bot is written with: handlers that take what they need, and a builder that puts everything together.
//!
//! ```no_run
//! # use tertulia::bot::{Adapter, Bot, Context, Session};
//! # #[derive(Default, serde::Serialize, serde::Deserialize)]
//! # struct Chat { count: u64 }
//! # async fn example(telegram: impl Adapter) -> tertulia::Result<()> {
//! Bot::new(telegram)
//!     .session::<Chat>("chat")
//!     .on_message(async |ctx: Context, mut chat: Session<Chat>| {
//!         chat.count += 1;
//!         ctx.reply(format!("message {}", chat.count)).await?;
//!         Ok(())
//!     })
//!     .run()
//!     .await
//! # }
//! ```

mod adapter;
pub mod answer;
mod ask;
mod builder;
mod bypass;
mod context;
mod data;
mod extract;
mod filter;
mod graph;
mod handler;
mod hook;
mod joined;
pub mod journal;
mod live;
mod once;
mod replies;
mod router;
mod running;
mod session;
mod stream;
mod update;

pub use self::graph::Run;
pub use adapter::{Adapter, Method, Outgoing};
pub use ask::{Ask, Response};
pub use builder::Bot;
pub use bypass::Bypass;
pub use context::Context;
pub use data::Data;
pub use extract::{Declared, Extract};
pub use filter::{Command, Filter, callback, command, message};
pub use handler::Handler;
pub use hook::{Header, Headers, Hook};
pub use joined::Joined;
pub use live::{Live, LiveEntry, Lives};
pub use running::{Door, Running};
pub use session::{Session, SessionOptions};
pub use stream::Stream;
pub use update::{Update, UpdateKind, User};

pub use crate::runner::Burst;

/// What handlers return. Any error can be passed on with `?`; the library's own keeps its kind inside.
pub type Result<T = ()> = anyhow::Result<T>;

/// The guide, whose code has to compile.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/turns.md")]
struct Guide;

/// The guide to live replies, likewise.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/live.md")]
struct LiveGuide;
