//! Compares what a turn did with what it does.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::Difference;
use super::answers::{answers, others};
use crate::runner::journal::{JournalCall, JournalRecord, Played};
use crate::storage::LogWrite;

/// What is different, but for sessions.
pub(super) fn compare(record: &JournalRecord, played: &Played) -> Vec<Difference> {
    let mut found: Vec<Difference> = played.strayed.iter().cloned().map(Difference::Strayed).collect();
    if let Some(error) = &played.failed {
        // An error that says the same again says nothing.
        if found.is_empty() {
            found.push(Difference::Fails(error.clone()));
        }
        return found;
    }
    let (was, is) = (said(&record.calls, &record.writes), said(&played.calls, &played.writes));
    for nth in 0..was.len().max(is.len()) {
        let (was, is) = (was.get(nth), is.get(nth));
        if was != is {
            found.push(Difference::Said { nth, was: was.cloned(), is: is.cloned() });
        }
    }
    let (was, is) = (written(&record.writes), written(&played.writes));
    let logs = was.keys().chain(is.keys().filter(|log| !was.contains_key(*log)));
    let logs = logs.filter(|log| was.get(*log) != is.get(*log));
    found.extend(logs.map(|log| Difference::Written { log: (*log).to_owned() }));
    found
}

/// What a turn said, in order: its calls, or its answers.
fn said(calls: &[JournalCall], writes: &[LogWrite]) -> Vec<Value> {
    let calls = calls.iter().map(|call| {
        let body = readable(&call.body);
        let options = &call.options;
        if *options == crate::runner::CallOptions::default() {
            return body;
        }
        json!({ "call": body, "options": format!("{options:?}") })
    });
    let answers = answers(writes).into_iter().flat_map(|(_, replies)| replies);
    calls.chain(answers.map(Value::from)).collect()
}

fn readable(bytes: &Bytes) -> Value {
    // Most formats have a version before what they say.
    let said = bytes.strip_prefix(&[1]).or(bytes.strip_prefix(&[2])).unwrap_or(bytes);
    serde_json::from_slice(said).unwrap_or_else(|_| String::from_utf8_lossy(said).into_owned().into())
}

type Written<'a> = Vec<(&'a Option<Bytes>, &'a Vec<Bytes>, bool)>;

fn written(writes: &[LogWrite]) -> BTreeMap<&str, Written<'_>> {
    let mut logs: BTreeMap<&str, Written<'_>> = BTreeMap::new();
    for write in others(writes) {
        let log = logs.entry(write.key.name().as_str()).or_default();
        log.push((&write.base, &write.append, write.delete));
    }
    logs
}
