//! Updates as they are pushed: what they say, how long they are kept, and behind which others a webhook gets them.

use std::time::Duration;

use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// An update that has no id yet.
#[derive(Clone, Debug, PartialEq)]
pub struct NewUpdate {
    /// Telegram's word for it, such as `edited_message`.
    pub(super) kind: String,
    content: Value,
    /// The chat it belongs to, else the user, else 0.
    pub(super) chat: i64,
    /// A webhook gets the updates of one lane one after the other. No lane is one of its own.
    pub(super) lane: Option<i64>,
    /// How long it is kept.
    pub(super) lifetime: Duration,
}

impl NewUpdate {
    /// A message that the user `chat` wrote to the bot; somebody in the group, if `chat` is negative.
    pub fn message(chat: i64, text: &str) -> Self {
        Self::new("message", json!({ "chat": self::chat(chat), "from": user(chat.abs()), "text": text }))
    }

    /// A button with `data` that `user` pressed, under a message in `chat`.
    pub fn callback(user: i64, chat: i64, data: &str) -> Self {
        let message = json!({ "message_id": 1, "date": 0, "chat": self::chat(chat) });
        let from = self::user(user);
        let content = json!({ "from": from, "message": message, "chat_instance": "1", "data": data });
        Self::new("callback_query", content)
    }

    /// An update as Telegram writes it, such as `{"message": {...}}`; an `update_id` is ignored. What a message needs
    /// and is not there is added: `message_id` and `date`; of a query, its `id`.
    ///
    /// # Panics
    /// If it is not an object with one field besides `update_id`.
    pub fn raw(update: Value) -> Self {
        Self::parse(update).expect("an object with one field besides `update_id`")
    }

    pub(super) fn parse(update: Value) -> Option<Self> {
        let Value::Object(mut fields) = update else { return None };
        fields.remove("update_id");
        let mut fields = fields.into_iter();
        let (kind, content) = fields.next()?;
        fields.next().is_none().then(|| Self::new(&kind, content))
    }

    fn new(kind: &str, content: Value) -> Self {
        let id = |at: &str| content.pointer(at).and_then(Value::as_i64);
        let chat = id("/chat/id").or_else(|| id("/message/chat/id"));
        let user = id("/from/id").or_else(|| id("/user/id"));
        // As in the server's source, but for polls, which have a lane each.
        let (owner, number) = match kind {
            "inline_query" => (user, 1),
            "chosen_inline_result" => (user, 2),
            "callback_query" => (user, 3),
            "shipping_query" | "pre_checkout_query" => (user, 4),
            "my_chat_member" => (chat, 5),
            "chat_member" | "chat_join_request" => (user, 6),
            "chat_boost" | "removed_chat_boost" => (chat, 7),
            "message_reaction" => (chat, 8),
            "message_reaction_count" => (chat, 9),
            "business_connection" => (user, 10),
            "business_message" | "edited_business_message" | "deleted_business_messages" => (chat, 11),
            "purchased_paid_media" => (user, 12),
            _ => (chat, 0),
        };
        let lifetime = match kind {
            "callback_query" | "shipping_query" | "pre_checkout_query" => Duration::from_secs(150),
            _ => DAY,
        };
        Self {
            kind: kind.to_owned(),
            content,
            chat: chat.or(user).unwrap_or(0),
            lane: owner.map(|owner| owner.wrapping_add(number << 33)),
            lifetime,
        }
    }

    /// Everything of it behind the id, written as JSON: `"message":{...}}`.
    pub(super) fn render(mut self, number: i32, unix: u64) -> Box<str> {
        if let Value::Object(fields) = &mut self.content {
            let mut add = |name: &str, value: Value| {
                fields.entry(name).or_insert(value);
            };
            match self.kind.as_str() {
                "message"
                | "edited_message"
                | "channel_post"
                | "edited_channel_post"
                | "business_message" => {
                    add("message_id", number.into());
                    add("date", unix.into());
                }
                kind if kind.ends_with("_query") => add("id", format!("query-{number}").into()),
                _ => {}
            }
        }
        format!("{}:{}}}", Value::from(self.kind), self.content).into_boxed_str()
    }
}

/// A user, as Telegram writes it.
fn user(id: i64) -> Value {
    json!({ "id": id, "is_bot": false, "first_name": "User", "last_name": id.to_string() })
}

/// A chat, as Telegram writes it.
pub(super) fn chat(id: i64) -> Value {
    match id {
        0.. => json!({ "id": id, "type": "private", "first_name": "User", "last_name": id.to_string() }),
        -1_000_000_000_000..0 => {
            json!({ "id": id, "type": "group", "title": "Group", "all_members_are_administrators": true })
        }
        _ => json!({ "id": id, "type": "supergroup", "title": "Supergroup" }),
    }
}
