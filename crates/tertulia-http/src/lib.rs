//! Talks to bots over HTTP: a message is posted, the answer carries the replies.
//!
//! - [`Http`] is the platform, [`router`] its routes over a running bot, [`Server`] serves them within limits.
//! - [`exchange`](exchange()) is the same without HTTP: a message in, the replies out.
//! - [`webhook`](webhook()) is a route for platforms that post their updates, [`Signed`] such a platform for any system
//!   that signs its posts.
//! - Dead letters and parked updates are looked at and put right under `/v1`; [`view`] is their JSON.
//! - [`Access`] tells who may do what: API tokens with [scopes](Scope), [`Capabilities`] for one stream or session.
//! - [`sessions`](sessions()) are routes for sessions as JSON, of whatever type: [`Exposed`] names those that are served.
//! - A [`Gate`] before the routes lets a server stop without cutting off whoever was let in.
//! - [`page`](page()) is a page in the browser that speaks with the bot.
//! - Whatever fails is a [`Problem`]: its kind decides the status, in one table; what the client is told and what
//!   the log keeps are separate.
//!
//! ```no_run
//! use tertulia::bot::{Bot, Context};
//! use tertulia_http::{Http, Options, Server, ServerOptions, router};
//!
//! # async fn example(listener: tokio::net::TcpListener) -> tertulia::Result<()> {
//! let bot = Bot::new(Http).on_message(async |ctx: Context| {
//!     ctx.reply(format!("you said: {}", ctx.text())).await?;
//!     Ok(())
//! });
//! let running = bot.start().await?;
//! let routes = router(running.door().clone(), Options::new());
//! Server::new(listener, ServerOptions::default()).serve(routes, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here remembers anything that a restart would lose: the replies to an update are read from the storage.

mod access;
mod adapter;
mod admin;
mod ai;
mod body;
mod chat;
mod exchange;
mod fork;
mod gate;
mod health;
mod message;
mod metrics;
mod options;
mod page;
pub mod patch;
mod problem;
mod request;
mod router;
mod server;
mod sessions;
mod signed;
mod streams;
pub mod view;
mod webhook;

pub use access::{
    Access, Capabilities, Grant, Mint, Minted, Origins, Resource, Right, Rights, Scope, Scopes,
};
pub use adapter::{Http, SOURCE};
pub use ai::{AiOptions, ai};
pub use exchange::{Exchange, exchange};
pub use gate::Gate;
pub use message::Message;
pub use options::{Load, Options};
pub use page::{PageOptions, page};
pub use problem::{Problem, ProblemKind};
pub use router::router;
pub use server::{Server, ServerOptions};
pub use sessions::{Exposed, SessionsHttpOptions, sessions};
pub use signed::Signed;
pub use streams::{StreamsHttpOptions, streams};
pub use webhook::{WebhookOptions, webhook};

/// The guide to HTTP, whose code has to compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/http.md")]
struct HttpGuide;

/// The guide to webhooks, whose code has to compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/webhooks.md")]
struct Guide;
