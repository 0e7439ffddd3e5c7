//! A seeded simulator of the whole: the library's own decisions, sessions, runner, bot layer and outbox, in virtual
//! time, among processes, a storage, a platform and people that misbehave as their seed says.
//!
//! One seed is one story of a few virtual seconds, played in some milliseconds on a runtime with one thread and a
//! paused clock. Processes crash at any wait, stop, pause and go on; one after the other, and two at a time. The storage
//! refuses, delays, loses requests and answers, applies a batch after its sender was told that nobody knows (or is
//! dead), and loses its power with what it has not synced. The platform's answers are lost, its calls fail, clients give
//! their updates twice. Handlers wait, fail, panic, hang and save in the middle. Wall clocks of processes are an hour
//! apart. Then nothing fails any more, what is left is done, and the story is judged.
//!
//! # What must hold
//! - **I1** Every acknowledged update is applied, or in `dead` if it had to die, and only then.
//! - **I2**, **I3** A session's list holds each update once, in the order in which people wrote.
//! - **I4** Counters, also those that several conversations share, are exact.
//! - **I5** Every reply is said, the first time in order, and is in the `sent` log. It is said again only by a process
//!   that did not know of its arrival, and only if it was in the outbox when that process began or later. While two
//!   processes live at once, nothing is promised of the order of calls, and nothing is judged.
//! - **I6** Nothing is said or acknowledged that is not durable at that moment.
//! - **I7** A reader that goes on from where it was has seen exactly the log. The log is one that every turn adds to;
//!   streams, their resets and their subscribers are to come.
//! - **I8** A live reply ends as one stream that says what one run said, whole: the run that was applied, unless a question
//!   came between. The platform's messages show that text, no other and once, but for messages that nobody could know of;
//!   so does the answer. One of an update that dies breaks off. The conversation's log `live` tells of each once.
//! - Answers are those of the turn that was applied; inbox and outbox are empty at the end; nothing is stuck for ten
//!   minutes in which nothing fails.
//!
//! # Where is what
//! `plan` draws a story; `world` is what its parts share; `disk` is the storage and its power, `ledger` what it has
//! applied; `link` is the storage as a process sees it, `spoil` what bugs do to batches; `process` is the bot, `life` and
//! `fate` how processes live and end; `platform` (with its `wall`, on which live replies are shown, and `connection`, what a process has of
//! it), `people` and `reader` are the world outside; `judge` compares (live replies: `judge_live`); `play` tells a story from begin to
//! end; `check` tells thousands. `storm` tells some over a real server, in real time: there `wire` stands in the place of
//! `link`, `real` in that of `disk`, and what fails on the way is drawn in `weather` and done by [`crate::proxy`].
//!
//! - *A new fault* is drawn in `plan` (a rate, a moment, a kind of update) and done where it happens, which asks
//!   `World::rates` so that it ends with the others. Say it in the trace.
//! - *A new invariant* is either judged as it happens (`World::violation`, as in `platform`) or at the end (`judge`).
//! - *It must be able to fail*: a [`Sabotage`] builds a bug into a part around the library, and a test finds it.
//! - Random numbers come from `World::rng`, one series for each part, and never from elsewhere; what is walked through
//!   is in an order (`BTreeMap`, not `HashMap`); `select!` is `biased`. A test plays seeds twice and compares.
//!
//! # Playing a seed again
//! `TERTULIA_SIM_SEED=123 cargo test -p tertulia-testkit --test it simulator -- --nocapture` tells all that happened,
//! with its virtual time. `TERTULIA_SIM_SEEDS=50000` plays more seeds than the usual 5,000.
//!

mod check;
mod connection;
mod disk;
mod fate;
mod figures;
mod judge;
mod judge_live;
mod ledger;
mod life;
mod link;
mod people;
mod plan;
mod platform;
mod play;
mod process;
mod reader;
mod real;
mod sabotage;
mod spoil;
mod storm;
mod trace;
mod wall;
mod weather;
mod wire;
mod world;

pub use check::{check, find};
pub use figures::Figures;
pub use play::{Story, play};
pub use real::{Ground, Open};
pub use sabotage::Sabotage;
pub use storm::{storm, storms};
