//! What a turn said where replies are kept as answers.

use crate::bot::answer;
use crate::storage::LogWrite;

/// The answers among the [writes](crate::runner::journal::JournalRecord::writes) of a turn: the update that each is to, as
/// its id is written, and the replies.
pub fn answers(writes: &[LogWrite]) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for write in writes {
        let Some(update) = write.key.name().as_str().strip_prefix("answer/") else { continue };
        let replies = write.append.iter().map(|entry| match answer::text(entry) {
            Some(text) => text.to_owned(),
            None => String::from_utf8_lossy(entry).into_owned(),
        });
        // One that is written again replaces what was before.
        found.retain(|(to, _)| to != update);
        found.push((update.to_owned(), replies.collect()));
    }
    found
}

/// What is written to other logs than answers and sessions. What ends a stream, and the log of live replies, tell of times and
/// of random numbers: a turn that is played again never writes the same.
pub(super) fn others(writes: &[LogWrite]) -> impl Iterator<Item = &LogWrite> {
    let known = |name: &str| {
        name == "live" || ["answer/", "session/", "stream/"].iter().any(|kind| name.starts_with(kind))
    };
    writes.iter().filter(move |write| !known(write.key.name().as_str()))
}
