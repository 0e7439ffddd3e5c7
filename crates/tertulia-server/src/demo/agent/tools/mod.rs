//! What the agent can do besides talking: the tools, as a model is told of them, and their calls.

mod calculator;
mod docs;
mod notes;
mod search;

use std::time::SystemTime;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tertulia::Timestamp;
use tertulia::bot::{self, Context};
use tertulia::graph::Step;

use super::Agent;
use super::state::{Change, Kept};
use crate::demo::model::{Call, ToolSpec};

pub(crate) const CALCULATOR: &str = "calculator";
pub(crate) const CLOCK: &str = "clock";
pub(crate) const SEARCH: &str = "search";
pub(crate) const NOTES_ADD: &str = "notes_add";
pub(crate) const NOTES_LIST: &str = "notes_list";
pub(crate) const NOTES_DELETE: &str = "notes_delete";
pub(crate) const NAME_SET: &str = "name_set";

/// What a call gives, or what was wrong with it, for the model.
pub(super) type Output = Result<Done, String>;

/// What a call gives.
#[derive(Debug, PartialEq)]
pub(super) struct Done {
    /// What the model is told.
    pub(super) output: Value,
    /// What it does to the session.
    pub(super) change: Option<Change>,
    /// Where the user can look, as references.
    pub(super) sources: Vec<Value>,
}

impl Done {
    fn of(output: Value) -> Self {
        Self { output, change: None, sources: Vec::new() }
    }

    fn and(self, change: Change) -> Self {
        Self { change: Some(change), ..self }
    }
}

/// Where a call is made.
pub(super) struct Calling<'a> {
    pub(super) ctx: &'a Context,
    pub(super) step: &'a Step,
    pub(super) agent: &'a Agent,
    pub(super) kept: &'a Kept,
    /// What may come out otherwise another time is recorded under this name, for those who replay the turn.
    pub(super) once: &'a str,
}

/// All of them.
pub(crate) fn specs() -> Vec<ToolSpec> {
    let spec = |name, description, properties: Value| {
        let names: Vec<_> =
            properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let input = json!({
            "type": "object", "properties": properties, "required": names, "additionalProperties": false,
        });
        ToolSpec { name, description, input }
    };
    let text = |description: &str| json!({ "type": "string", "description": description });
    let expression = text("Numbers, + - * / ^ % and parentheses, such as 12*(3+4)");
    let query = text("What to look for, in a few words");
    vec![
        spec(CALCULATOR, "Calculates.", json!({ "expression": expression })),
        spec(CLOCK, "The date and the time now, in UTC.", json!({})),
        spec(SEARCH, "Searches the documentation of Tertulia.", json!({ "query": query })),
        spec(NOTES_ADD, "Keeps a note.", json!({ "text": text("The note") })),
        spec(NOTES_LIST, "The notes that are kept, in order.", json!({})),
        spec(NOTES_DELETE, "Deletes all notes. The user is asked whether that is meant.", json!({})),
        spec(NAME_SET, "Keeps the user's name.", json!({ "name": text("The name") })),
    ]
}

/// What is to be asked before this call, if anything.
pub(super) fn question(name: &str, kept: &Kept) -> Option<String> {
    match (name, kept.notes.len()) {
        (NOTES_DELETE, 1) => Some("Shall I delete your note? Say yes or no.".to_owned()),
        (NOTES_DELETE, count) if count > 1 => {
            Some(format!("Shall I delete your {count} notes? Say yes or no."))
        }
        _ => None,
    }
}

/// Makes a call.
///
/// # Errors
/// What recording and saying give; what is wrong with the call is its output.
pub(super) async fn call(at: &Calling<'_>, call: &Call) -> bot::Result<Output> {
    let input = &*call.input;
    #[derive(Deserialize)]
    struct Nothing {}
    #[derive(Deserialize)]
    struct Expression {
        expression: String,
    }
    #[derive(Deserialize)]
    struct Query {
        query: String,
    }
    #[derive(Deserialize)]
    struct Text {
        text: String,
    }
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    Ok(match &*call.name {
        CALCULATOR => read(input).and_then(|Expression { expression }| {
            calculator::calculate(&expression).map(|result| Done::of(json!({ "result": number(result) })))
        }),
        CLOCK => match read(input) {
            Ok(Nothing {}) => {
                let now = at.ctx.turn().clock().now();
                let now = at.ctx.once(at.once, async move { Ok(json!({ "now": date(now) })) }).await?;
                Ok(Done::of(now))
            }
            Err(wrong) => Err(wrong),
        },
        SEARCH => match read(input) {
            Ok(Query { query }) => Ok(search::search(at, &call.id, &query).await?),
            Err(wrong) => Err(wrong),
        },
        NOTES_ADD => read(input).and_then(|Text { text }| notes::add(at.kept, &text)),
        NOTES_LIST => read(input).map(|Nothing {}| Done::of(json!({ "notes": at.kept.notes }))),
        NOTES_DELETE => read(input).map(|Nothing {}| notes::delete(at.kept)),
        NAME_SET => read(input).and_then(|Name { name }| notes::name(&name)),
        name => Err(format!("there is no tool `{name}`")),
    })
}

/// The input of a call; nothing at all counts as no fields.
fn read<T: DeserializeOwned>(input: &str) -> Result<T, String> {
    let input = if input.trim().is_empty() { "{}" } else { input };
    serde_json::from_str(input).map_err(|error| format!("the input of the call is wrong: {error}"))
}

/// Whole where it is whole, and without what comes of halves that a computer cannot write.
fn number(value: f64) -> Value {
    let rounded = format!("{value:.12e}").parse().unwrap_or(value);
    match rounded.to_string().parse::<i64>() {
        Ok(whole) => json!(whole),
        Err(_) => json!(rounded),
    }
}

/// Such as `Sat, 21 Nov 2026 19:30:00 GMT`.
fn date(at: Timestamp) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(at.0))
}
