//! What is posted of an update.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tertulia::bot::{self, Context, Response, UpdateKind, User};

/// The version of this format. Fields may be added to it; anything else is another version.
const VERSION: u32 = 1;

/// An update and what is known of its conversation.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    version: u32,
    conversation: &'a str,
    /// The update's id, unique in its conversation: the same in each attempt.
    id: String,
    attempt: u16,
    arrived_ms: u64,
    update: Happened<'a>,
    /// The update as its platform gave it, if that is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a RawValue>,
    session: &'a Value,
    /// What earlier attempts had recorded, by its name.
    once: &'a Map<String, Value>,
    /// What the handler has heard since it asked, each time: absent before it does.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    heard: Vec<Happened<'a>>,
}

/// What happened, as every platform tells it.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Happened<'a> {
    Message {
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<From<'a>>,
    },
    Callback {
        data: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<From<'a>>,
    },
    Other {
        /// The platform's own word for it.
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<From<'a>>,
    },
    /// Nobody answered in time.
    Nothing,
}

#[derive(Debug, Serialize)]
struct From<'a> {
    id: &'a str,
    name: &'a str,
}

impl<'a> Request<'a> {
    /// What `ctx` is the turn of, with the session as it is now. `heard` is what came since the handler asked, or
    /// nothing where nobody answered.
    pub(super) fn new(
        ctx: &'a Context,
        session: &'a Value,
        once: &'a Map<String, Value>,
        heard: &'a [Option<Response>],
    ) -> Self {
        let about = ctx.turn().about();
        Self {
            version: VERSION,
            conversation: about.conversation.as_str(),
            id: about.update.to_string(),
            attempt: about.attempt,
            arrived_ms: about.arrived.0,
            update: Happened::new(ctx.update()),
            raw: serde_json::from_slice(&about.body).ok(),
            session,
            once,
            heard: heard
                .iter()
                .map(|heard| {
                    heard.as_ref().map_or(Happened::Nothing, |response| Happened::new(&response.update))
                })
                .collect(),
        }
    }

    /// As it is posted.
    ///
    /// # Errors
    /// None that is known of: all of it can be written as JSON.
    pub(super) fn encode(&self) -> bot::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }
}

impl<'a> Happened<'a> {
    fn new(update: &'a bot::Update) -> Self {
        let from = update.from.as_ref().map(|User { id, name }| From { id, name });
        match &update.kind {
            UpdateKind::Message { text } => Self::Message { text: text.as_deref(), from },
            UpdateKind::Callback { data } => Self::Callback { data, from },
            UpdateKind::Other(name) => Self::Other { name, from },
            _ => Self::Other { name: "", from },
        }
    }
}
