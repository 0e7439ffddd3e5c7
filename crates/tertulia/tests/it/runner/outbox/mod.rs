//! Calls are made after their turn is committed, in order per conversation, until they succeed or are given up.

mod deadline;
mod delivery;
mod given_up;
mod join;
mod lost;
mod marks;
mod order;
mod pace;
mod refer;
mod room;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::runner::{CallOptions, Delivery, HandlerResult, Options, RetryAfter, Runner, Ticket, Turn};
use tertulia::storage::{BoxFuture, Storage};
use tertulia::{Error, Result};

use super::support::{Diary, Platform, Run, SPACE, pass, runner};

/// Makes the two calls `<update>.0` and `<update>.1`.
async fn call_twice(turn: Turn, text: String) -> anyhow::Result<()> {
    for n in 0..2 {
        let ticket = turn.call(format!("{text}.{n}").into())?;
        assert_eq!(ticket, Ticket { update: turn.about().update.clone(), ordinal: n });
    }
    Ok(())
}

/// The calls of these updates.
fn twice(updates: impl IntoIterator<Item = i64>) -> Vec<String> {
    updates.into_iter().flat_map(|n| [format!("{n}.0"), format!("{n}.1")]).collect()
}

/// Makes the calls that the update lists: words with options behind them, such as `hello!` (at most once), `ping~60`
/// (within 60 s), `text#17` (joined under the key 17), `edit@1.0` (about the first call of update 1) and `live+` (made
/// in steps).
async fn call_listed(turn: Turn, text: String) -> anyhow::Result<()> {
    for word in text.split_whitespace() {
        let (rest, join) = match word.split_once('#') {
            Some((rest, key)) => (rest, Some(key.to_owned())),
            None => (word, None),
        };
        let (rest, refers) = match rest.split_once('@') {
            Some((rest, ticket)) => (rest, Some(format!("{SPACE}/{ticket}").parse()?)),
            None => (rest, None),
        };
        let (rest, within) = match rest.split_once('~') {
            Some((rest, seconds)) => (rest, Some(Duration::from_secs(seconds.parse()?))),
            None => (rest, None),
        };
        let (rest, steps) = rest.strip_suffix('+').map_or((rest, false), |rest| (rest, true));
        let (body, delivery) = match rest.strip_suffix('!') {
            Some(body) => (body, Delivery::AtMostOnce),
            None => (rest, Delivery::AtLeastOnce),
        };
        turn.call_with(body.to_owned().into(), CallOptions { delivery, within, join, refers, steps })?;
    }
    Ok(())
}

/// A platform that notes what it is sent, and takes 1 ms for it.
fn noting(sent: &Diary) -> Arc<Platform> {
    let note = sent.clone();
    Platform::new(move |call| {
        note.note(&call.conversation, String::from_utf8_lossy(&call.body));
        let id = format!("message of {}", call.ticket.ordinal);
        async move {
            pass(1).await;
            Ok(id)
        }
    })
}

/// A platform that notes what it is sent and answers as told, given the call and how often it was tried.
fn answering(
    tries: &Diary,
    answer: impl Fn(&str, usize) -> Result<()> + Send + Sync + 'static,
) -> Arc<Platform> {
    let note = tries.clone();
    Platform::new(move |call| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let nth = note.count(&call.conversation, &body);
        let answer = answer(&body, nth).map(|()| String::new());
        async move { answer }
    })
}

fn unavailable() -> Result<()> {
    Err(Error::unavailable("no network"))
}

fn unknown() -> Result<()> {
    Err(Error::new(Kind::Unknown, "the connection broke"))
}

fn too_many(seconds: u64) -> Result<()> {
    Err(Error::unavailable("too many requests").with_source(RetryAfter(Duration::from_secs(seconds))))
}

/// A runner whose updates list calls.
fn listing(storage: &Arc<dyn Storage>, options: Options) -> Runner<Listing> {
    runner(storage, options, |turn, text| Box::pin(call_listed(turn, text)))
}

/// Runs updates that list calls.
type Listing = Run<fn(Turn, String) -> BoxFuture<'static, HandlerResult>>;
