//! `tertulia show <conversation> --timeline`: its turns one after the other, drawn for a terminal or as JSON.

use std::fmt::Write;

use serde_json::{Value, json};
use tertulia::Conversation;
use tertulia::bot::journal::{SessionChange, TimelineTurn, timeline};
use tertulia::runner::journal::How;
use tertulia::session::Operation;
use tertulia_http::view::readable;

use super::words::{cut, moment, said};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

/// The most characters of a line's text, and of a value.
const WIDE: usize = 100;
const VALUE: usize = 60;
/// How many changes of a session are shown.
const CHANGES: usize = 12;

pub(crate) async fn run(config: &Config, conversation: &str, as_json: bool) -> Result<(), Failure> {
    let conversation =
        Conversation::parse(conversation).map_err(|error| Failure::Usage(error.to_string()))?;
    let storage = config.storage.open_read_only().await?;
    let turns = timeline(&*storage, &conversation).await?;
    if turns.is_empty() {
        return Err(Failure::Run(format!("{conversation} has no journal")));
    }
    if as_json {
        let turns: Vec<Value> = turns.iter().map(|turn| tell(turn, &conversation)).collect();
        output::line(format_args!("{:#}", json!({ "conversation": conversation.as_str(), "turns": turns })));
        return Ok(());
    }
    let mut drawn = String::new();
    for turn in &turns {
        draw(&mut drawn, turn, &conversation);
    }
    output::text(&drawn);
    Ok(())
}

/// A turn in lines: `>` came, `<` was said, `*` changed, `!` is anything to know beside.
fn draw(out: &mut String, turn: &TimelineTurn, here: &Conversation) {
    let record = &turn.record;
    let mut head = format!("{:>4}  {}", turn.number, moment(record.at));
    if record.attempt > 1 {
        let _ = write!(head, "  try {}", record.attempt);
    }
    let _ = writeln!(out, "{head}");
    let mut line = |sign: &str, text: &str| {
        let _ = writeln!(out, "      {sign} {}", cut(text, WIDE));
    };
    line(">", &said(&record.update.body));
    for taken in &record.taken {
        let how = match taken.how {
            How::Joined => "joined",
            How::Asked(_) => "asked for",
            How::Steered(_) => "meanwhile",
        };
        line(">", &format!("{}  ({how})", said(&taken.update.body)));
    }
    for cancelled in &record.cancelled {
        line("!", &format!("cancelled: {}", said(&cancelled.body)));
    }
    for once in &record.once {
        line("!", &format!("once `{}`, {} bytes", once.name, once.result.len()));
    }
    for call in &record.calls {
        line("<", &said(&call.body));
    }
    for reply in turn.answers.iter().flat_map(|(_, replies)| replies) {
        line("<", reply);
    }
    match &turn.changes {
        Err(why) => line("!", &why.to_string()),
        Ok(changes) => {
            for SessionChange { session, operations, .. } in changes {
                let of =
                    if session.conversation == *here { session.name.clone() } else { session.to_string() };
                for operation in operations.iter().take(CHANGES) {
                    line("*", &format!("{of}  {}", change(operation)));
                }
                if operations.len() > CHANGES {
                    line("*", &format!("{of}  {} changes more", operations.len() - CHANGES));
                }
            }
        }
    }
}

fn change(operation: &Operation) -> String {
    let place = |path: &str| if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    match operation {
        Operation::Add { path, value } => format!("+ {} {}", place(path), cut(&value.to_string(), VALUE)),
        Operation::Remove { path } => format!("- {}", place(path)),
        Operation::Replace { path, value } => format!("= {} {}", place(path), cut(&value.to_string(), VALUE)),
    }
}

fn tell(turn: &TimelineTurn, here: &Conversation) -> Value {
    let record = &turn.record;
    let update = |update: &tertulia::runner::journal::JournalUpdate| json!({ "id": update.id.to_string(), "arrived_ms": update.arrived.0, "body": readable(&update.body) });
    let taken = record.taken.iter().map(|taken| {
        let mut told = update(&taken.update);
        told["how"] = match taken.how {
            How::Joined => "joined",
            How::Asked(_) => "asked",
            How::Steered(_) => "steered",
        }
        .into();
        told
    });
    let mut told = json!({
        "turn": turn.number,
        "at_ms": record.at.0,
        "attempt": record.attempt,
        "update": update(&record.update),
        "taken": taken.collect::<Vec<_>>(),
        "cancelled": record.cancelled.iter().map(update).collect::<Vec<_>>(),
        "once": record.once.iter().map(|once| json!({ "name": once.name, "bytes": once.result.len() })).collect::<Vec<_>>(),
        "calls": record.calls.iter().map(|call| super::words::body(&call.body)).collect::<Vec<_>>(),
        "replies": turn.answers.iter().flat_map(|(_, replies)| replies).collect::<Vec<_>>(),
    });
    match &turn.changes {
        Err(why) => told["not_known"] = why.to_string().into(),
        Ok(changes) => {
            let changes = changes.iter().map(|change| {
                let of = &change.session;
                let mut told = json!({ "session": of.name, "patch": change.operations });
                if of.conversation != *here {
                    told["conversation"] = of.conversation.as_str().into();
                }
                told
            });
            told["sessions"] = changes.collect();
        }
    }
    told
}
