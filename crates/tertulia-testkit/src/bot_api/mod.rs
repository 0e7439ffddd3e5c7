//! A fake Bot API server: behaves as Telegram's own does where it matters to a bot that must lose nothing.
//!
//! [`BotApi`] is a running server. It hands out the updates that a test pushes, by `getUpdates` or to a webhook, takes
//! calls, refuses and cuts as it is told, and keeps a [`Journal`] of all of it. A process that is not the server's
//! own steers it by HTTP under `/control`:
//!
//! | request | what it does |
//! |---|---|
//! | `POST /control/messages` | pushes messages: `[{"chat": 7, "text": "hello"}, ...]` |
//! | `POST /control/updates` | pushes updates as Telegram writes them, without `update_id` |
//! | `POST /control/faults` | sets [`Faults`]; what is not named is off |
//! | `POST /control/refuse` | refuses calls with a 429: [`Refuse`] |
//! | `POST /control/migrate` | makes a group a supergroup: `{"from": -5, "to": -1005}` |
//! | `POST /control/advance` | moves the clock on: `{"seconds": 86400}` |
//! | `GET /control/journal?after=0&limit=1000&only=sent,given` | [`Entry`]s behind a number, as JSON |
//! | `GET /control/summary` | [`Summary`], and `now`, in the journal's time |
//!
//! What it does is taken from the source of `tdlib/telegram-bot-api` 10.0. Missing on purpose: files and forms with
//! parts, several bots, calls in the answer to a webhook, TLS, whether a message exists in its chat, and whether an
//! edit changes anything. A known method that is not about messages or updates is answered `true` and does nothing.

mod answer;
mod clock;
mod control;
mod faults;
mod handle;
mod http;
mod journal;
mod limits;
mod methods;
mod names;
mod options;
mod params;
mod poll;
mod queue;
mod state;
mod update;
mod webhook;

pub use faults::{Delay, Faults};
pub use handle::BotApi;
pub use journal::{Entry, Event, Journal, Summary};
pub use limits::{Rate, Refuse};
pub use options::Options;
pub use update::NewUpdate;
