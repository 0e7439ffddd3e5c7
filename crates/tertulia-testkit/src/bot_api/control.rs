//! What a controller in another process asks for, under `/control`.

use std::time::Duration;

use hyper::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Reply;
use super::journal::{Entry, Summary};
use super::params::pairs;
use super::state::Shared;
use super::update::NewUpdate;

/// How many entries of the journal are given unless told otherwise.
const ENTRIES: usize = 1000;

#[derive(Deserialize)]
struct Message<'a> {
    chat: i64,
    #[serde(borrow)]
    text: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct Migration {
    from: i64,
    to: i64,
}

#[derive(Deserialize)]
struct Advance {
    seconds: u64,
}

#[derive(Serialize)]
struct Numbered<'a> {
    number: u64,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// Answers a controller. What is wrong is told in words.
pub(super) fn answer(
    shared: &Shared,
    method: &Method,
    path: &str,
    query: Option<&str>,
    body: &[u8],
) -> Reply {
    let outcome = match (method.as_str(), path) {
        ("POST", "messages") => messages(shared, body),
        ("POST", "updates") => updates(shared, body),
        ("POST", "faults") => read(body).map(|faults| shared.with(|held| held.set_faults(faults))).map(done),
        ("POST", "refuse") => {
            read(body).map(|refuse| shared.with(|held| held.state.limits.ask(refuse))).map(done)
        }
        ("POST", "migrate") => {
            read(body).map(|Migration { from, to }| shared.with(|held| held.migrate(from, to))).map(done)
        }
        ("POST", "advance") => {
            read(body).map(|Advance { seconds }| shared.time.advance(Duration::from_secs(seconds))).map(done)
        }
        ("GET", "journal") => journal(shared, query.unwrap_or_default()),
        ("GET", "summary") => summary(shared),
        _ => return Reply::refused(404, "there is no such control; see tertulia_testkit::bot_api"),
    };
    match outcome {
        Ok(body) => Reply { status: 200, body, retry_after: None },
        Err(why) => Reply::refused(400, &why),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn done((): ()) -> String {
    "{}".to_owned()
}

/// The summary, and the server's time, which is the one of the journal's entries.
fn summary(shared: &Shared) -> Result<String, String> {
    #[derive(Serialize)]
    struct Present<'a> {
        now: u128,
        #[serde(flatten)]
        summary: &'a Summary,
    }
    shared.with(|held| {
        written(&Present { now: held.elapsed().as_millis(), summary: held.state.journal.summary() })
    })
}

fn written(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

fn messages(shared: &Shared, body: &[u8]) -> Result<String, String> {
    let messages: Vec<Message<'_>> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    push(shared, messages.iter().map(|message| NewUpdate::message(message.chat, &message.text)))
}

fn updates(shared: &Shared, body: &[u8]) -> Result<String, String> {
    let updates: Vec<Value> = read(body)?;
    let updates: Option<Vec<_>> = updates.into_iter().map(NewUpdate::parse).collect();
    let updates = updates.ok_or("an update is an object with one field besides `update_id`")?;
    push(shared, updates.into_iter())
}

/// Pushes them, and gives their ids: `null` for each that was not taken.
fn push(shared: &Shared, updates: impl Iterator<Item = NewUpdate>) -> Result<String, String> {
    let ids = updates.map(|update| shared.with(|held| held.push(update)));
    written(&ids.collect::<Vec<_>>())
}

fn journal(shared: &Shared, query: &str) -> Result<String, String> {
    let (mut after, mut limit, mut only) = (0, ENTRIES, None);
    for (name, value) in pairs(query) {
        let number = || value.parse().map_err(|_| format!("`{value}` is no number"));
        match name.as_ref() {
            "after" => after = number()?,
            "limit" => limit = usize::try_from(number()?).unwrap_or(usize::MAX),
            "only" => only = Some(value),
            name => return Err(format!("`{name}` is unknown; known: after, limit, only")),
        }
    }
    let wanted = |entry: &Entry| {
        only.as_ref().is_none_or(|only| only.split(',').any(|name| name == entry.event.name()))
    };
    shared.with(|held| {
        let entries = held.state.journal.after(after).filter(|(_, entry)| wanted(entry)).take(limit);
        let entries: Vec<Numbered<'_>> = entries.map(|(number, entry)| Numbered { number, entry }).collect();
        written(&entries)
    })
}
