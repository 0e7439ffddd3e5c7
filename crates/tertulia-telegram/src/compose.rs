//! What is said in a chat from elsewhere, such as a page that shows it: as an update that Telegram could have given; and
//! what a call says there, for such a page.

use bytes::Bytes;
use serde_json::{Value, json};
use tertulia::bot::{Update, UpdateKind};
use tertulia::{Conversation, Error, Result};

use crate::envelope::Envelope;
use crate::format::{self, Body};
use crate::place::Place;

/// The id of an update, a message or a person that Telegram does not know.
const NOBODY: i64 = 0;

/// An update of the chat in which somebody says this, with 0 for the ids that Telegram would have given. A reaction to it
/// and an answer to its button become calls that do nothing.
///
/// # Errors
/// `Invalid` if the conversation has no chat, or what happened is neither a message nor a pressed button.
pub(crate) fn update(conversation: &Conversation, update: &Update) -> Result<Bytes> {
    let (chat, connection) = match Place::of(conversation)? {
        Place::Chat(chat) => (chat, None),
        Place::Business { connection, chat } => (chat, Some(connection)),
        Place::Update(_) => {
            return Err(Error::invalid(format!("{conversation} has no chat in which something can be said")));
        }
    };
    let kind = if chat < 0 { "supergroup" } else { "private" };
    let name = update.from.as_ref().map_or("", |user| &user.name);
    let person = json!({ "id": NOBODY, "is_bot": false, "first_name": name });
    let mut message = json!({ "message_id": NOBODY, "date": 0, "chat": { "id": chat, "type": kind } });
    if let Some(connection) = connection {
        message["business_connection_id"] = connection.into();
    }
    let raw = match &update.kind {
        UpdateKind::Message { text } => {
            message["from"] = person;
            if let Some(text) = text {
                message["text"] = text.as_str().into();
            }
            json!({ "update_id": NOBODY, "message": message })
        }
        UpdateKind::Callback { data } => {
            let query = json!({ "id": "0", "from": person, "message": message, "data": data });
            json!({ "update_id": NOBODY, "callback_query": query })
        }
        _ => return Err(Error::invalid("only a message and a pressed button can be said from elsewhere")),
    };
    Ok(raw.to_string().into())
}

/// Whether an update was said from elsewhere: Telegram's own have positive ids.
pub(crate) fn is_composed(raw: &[u8]) -> bool {
    Envelope::open(raw).is_ok_and(|update| update.id == NOBODY)
}

/// The text of the messages that a call sends.
pub(crate) fn says(call: &[u8]) -> Option<String> {
    let Ok(Body::Requests(requests)) = format::decode(call) else { return None };
    let sent = requests.iter().filter(|request| request.method.starts_with("send"));
    let texts = sent.filter_map(|request| {
        let text = request.params.get("text").or_else(|| request.params.get("caption"));
        text.and_then(Value::as_str)
    });
    let texts: Vec<&str> = texts.collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tertulia::bot::{Adapter, Outgoing, User};
    use tertulia::runner::About;
    use tertulia::storage::ItemId;
    use tertulia::{Name, Timestamp};

    use super::*;
    use crate::Telegram;

    fn decoded(conversation: &Conversation, body: Bytes) -> Update {
        let update = ItemId::Number(Name::from_static("x"), 1);
        let (arrived, conversation) = (Timestamp(0), conversation.clone());
        let about = About { update, conversation, arrived, attempt: 1, body };
        Telegram::new("1:x").unwrap().decode(&about).unwrap()
    }

    #[test]
    fn what_is_said_from_elsewhere_is_decoded_as_what_was_said_there() {
        let ana = User { id: "0".to_owned(), name: "Ana".to_owned() };
        for id in ["42", "-7", "business:b:42"] {
            let chat = Conversation::new("telegram", id).unwrap();
            let said = [
                UpdateKind::Message { text: Some("hola \u{1f99a}".to_owned()) },
                UpdateKind::Callback { data: "approve:c1".to_owned() },
            ];
            for kind in said {
                let said = Update::new(kind).from(ana.clone());
                assert_eq!(decoded(&chat, update(&chat, &said).unwrap()), said);
            }
        }
        let alone = Conversation::new("telegram", "update:7").unwrap();
        let hi = Update::new(UpdateKind::Message { text: Some("hi".to_owned()) });
        let error = update(&alone, &hi).unwrap_err();
        assert_eq!(error.to_string(), "telegram:update:7 has no chat in which something can be said");
    }

    #[test]
    fn nothing_is_called_about_what_was_said_from_elsewhere() {
        let (telegram, chat) = (Telegram::new("1:x").unwrap(), Conversation::new("telegram", "42").unwrap());
        let composed = update(&chat, &Update::new(UpdateKind::Callback { data: "yes".to_owned() })).unwrap();
        let calls = [
            Outgoing::AnswerCallback { update: &composed, text: "ok" },
            Outgoing::React { update: &composed, emoji: "+" },
        ];
        for call in calls {
            let call = telegram.encode(&chat, &call).unwrap().unwrap();
            assert_eq!(format::decode(&call).unwrap(), Body::Requests(Vec::new()));
        }
        let theirs = br#"{"update_id":7,"message":{"message_id":1,"chat":{"id":42}}}"#;
        let call = telegram.encode(&chat, &Outgoing::React { update: theirs, emoji: "+" }).unwrap().unwrap();
        assert_ne!(format::decode(&call).unwrap(), Body::Requests(Vec::new()));
    }

    #[test]
    fn a_call_says_the_text_of_its_messages_and_a_change_none() {
        let (telegram, chat) = (Telegram::new("1:x").unwrap(), Conversation::new("telegram", "42").unwrap());
        let long = ["a".repeat(4_000), "b".repeat(4_000)].join("\n");
        let call = telegram.encode(&chat, &Outgoing::Reply { text: &long }).unwrap().unwrap();
        assert_eq!(says(&call).unwrap(), long);
        let edit = telegram.encode(&chat, &Outgoing::Edit { text: "new" }).unwrap().unwrap();
        assert_eq!(says(&edit), None);
        assert_eq!(says(b"{}"), None);
    }
}
