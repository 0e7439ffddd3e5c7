//! What the script says and calls for each wish, at first and when a tool has answered.

use serde_json::{Value, json};

use super::wish::Wish;
use super::{Call, Piece, story};
use crate::demo::agent::tools;

/// What it says to anything else.
pub(crate) const HELP: &str = "Hello! I am the demonstration agent of Tertulia. I keep what you tell me and use a few \
    tools. Try:\n\
    my name is Ana\n\
    what is my name\n\
    note <text>, notes\n\
    count, history\n\
    what is 12*(3+4)\n\
    what time is it\n\
    search <words>, or ask me about Tertulia\n\
    tell me a long story, and stop\n\
    think about <something>\n\
    delete my notes\n\
    forget me";

/// The first turn.
pub(super) fn first(turn: &str, wish: &Wish<'_>) -> Vec<Piece> {
    match wish {
        Wish::Calculate(sum) => {
            let sum = sum.replace('×', "*").replace('÷', "/");
            vec![
                thinks("That is a sum. The calculator is better at it than I am."),
                calls(turn, tools::CALCULATOR, &json!({ "expression": sum })),
            ]
        }
        Wish::Clock => {
            vec![thinks("I have no sense of time, but a clock."), calls(turn, tools::CLOCK, &json!({}))]
        }
        Wish::Search { words, .. } => vec![
            thinks("The documentation may say something about this. I look it up."),
            calls(turn, tools::SEARCH, &json!({ "query": words })),
        ],
        Wish::DeleteNotes => vec![
            thinks("The notes are to go. That cannot be undone, so I will be asked whether it is meant."),
            calls(turn, tools::NOTES_DELETE, &json!({})),
        ],
        Wish::Story => vec![says(story::STORY)],
        Wish::Think(about) => {
            let about = if about.is_empty() { "nothing in particular" } else { about };
            vec![
                thinks(&story::THOUGHTS.replace("<it>", about)),
                says(&format!("I have thought about {about}. There is much to be said for it.")),
            ]
        }
        Wish::Other => vec![says(HELP)],
    }
}

/// The turn after the tool has given `result`: JSON, or the text of an error.
pub(super) fn after(wish: &Wish<'_>, result: &str) -> Vec<Piece> {
    let value: Value = serde_json::from_str(result).unwrap_or(Value::Null);
    let failed = value["error"].as_str();
    let text = match (wish, failed) {
        (_, _) if value["denied"] == true => "Then I keep them.".to_owned(),
        (Wish::Calculate(sum), Some(error)) => format!("I cannot calculate {sum}: {error}."),
        (_, Some(error)) => format!("That did not work: {error}."),
        (Wish::Calculate(sum), None) => format!("{sum} = {}", shown(&value["result"])),
        (Wish::Clock, None) => format!("It is {}.", shown(&value["now"])),
        (Wish::DeleteNotes, None) => match value["deleted"].as_u64() {
            Some(1) => "I have deleted your note.".to_owned(),
            Some(count) if count > 1 => format!("I have deleted your {count} notes."),
            _ => "There were no notes.".to_owned(),
        },
        (Wish::Search { words, outright }, None) => found(words, *outright, &value),
        (_, None) => HELP.to_owned(),
    };
    vec![says(&text)]
}

/// An answer out of what the search gave.
fn found(words: &str, outright: bool, value: &Value) -> String {
    let found: &[Value] = value["found"].as_array().map_or(&[], Vec::as_slice);
    let Some((best, others)) = found.split_first() else {
        return match outright {
            true => format!("The documentation says nothing about \"{words}\"."),
            false => format!("I found nothing about that in the documentation.\n\n{HELP}"),
        };
    };
    let place = |found: &Value| format!("{} ({})", shown(&found["title"]), shown(&found["file"]));
    let mut text = format!("From {}:\n\n{}", place(best), shown(&best["text"]));
    if !others.is_empty() {
        let others: Vec<_> = others.iter().map(place).collect();
        text.push_str(&format!("\n\nSee also: {}.", others.join("; ")));
    }
    text
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn thinks(text: &str) -> Piece {
    Piece::Thinks(text.to_owned())
}

fn says(text: &str) -> Piece {
    Piece::Says(text.to_owned())
}

/// One call a turn is all it ever makes.
fn calls(turn: &str, name: &str, input: &Value) -> Piece {
    Piece::Calls(Call { id: format!("call-{turn}"), name: name.to_owned(), input: input.to_string() })
}
