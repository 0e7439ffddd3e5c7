//! The methods that are answered at once: all but `getUpdates`.

use serde_json::{Value, json};

use super::answer::Reply;
use super::journal::Event;
use super::params::Params;
use super::state::Held;
use super::update::chat;

/// The most UTF-16 units of a message.
const MAX_TEXT: usize = 4096;

/// A call of a known method.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    /// In lower case.
    pub(super) method: &'static str,
    pub(super) params: &'a Params,
    /// The bot's id.
    pub(super) bot: i64,
    /// Over which connection it came.
    pub(super) connection: u32,
    /// Whether the answer will arrive.
    pub(super) heard: bool,
}

impl Held<'_> {
    /// Refuses a call if somebody asked for that.
    pub(super) fn refuse(&mut self, method: &'static str, params: &Params) -> Option<Reply> {
        let chat = params.chat();
        let retry_after = self.state.limits.refused(method, chat)?;
        self.write(Event::Refused { method, chat, status: 429 });
        Some(Reply::too_many(retry_after))
    }

    /// Does what a call asks for.
    pub(super) fn call(&mut self, call: Call<'_>) -> Reply {
        let outcome = match call.method {
            "sendmessage" => self.send(call),
            "editmessagetext" => self.edit(call),
            "deletemessage" => self.delete(call),
            "answercallbackquery" if call.params.callback_query_id.is_none() => {
                let why = "Bad Request: query is too old and response timeout expired or query ID is invalid";
                Err(Reply::refused(400, why))
            }
            "getme" => Ok(me(call.bot)),
            "setwebhook" => self.set_webhook(call.params),
            "deletewebhook" => Ok(self.delete_webhook(call.params)),
            "getwebhookinfo" => Ok(self.webhook_info()),
            method if method.starts_with("send") && call.params.chat().is_some() => self.writable(call),
            _ => Ok(Reply::done()),
        };
        let (method, chat, heard) = (call.method, call.params.chat(), call.heard);
        match outcome {
            Ok(reply) => {
                if !matches!(method, "sendmessage" | "editmessagetext") {
                    self.write(Event::Called { method, chat, heard });
                }
                reply
            }
            Err(reply) => {
                self.write(Event::Refused { method, chat, status: reply.status });
                reply
            }
        }
    }

    fn send(&mut self, call: Call<'_>) -> Result<Reply, Reply> {
        let text = text(call.params)?;
        self.writable(call)?;
        let to = required_chat(call.params)?;
        self.state.limits.count(to, self.now).map_err(Reply::too_many)?;
        self.state.messages += 1;
        let message = self.state.messages;
        let (connection, heard) = (call.connection, call.heard);
        self.write(Event::Sent { chat: to, message, text: text.into(), connection, heard });
        Ok(Reply::result(&self.message(call.bot, to, message, text)))
    }

    fn edit(&mut self, call: Call<'_>) -> Result<Reply, Reply> {
        let text = text(call.params)?;
        if call.params.inline_message_id.is_some() {
            return Ok(Reply::done());
        }
        self.writable(call)?;
        let to = required_chat(call.params)?;
        let message = self.existing(call.params, "Bad Request: message to edit not found")?;
        self.write(Event::Edited { chat: to, message, text: text.into(), heard: call.heard });
        Ok(Reply::result(&self.message(call.bot, to, message, text)))
    }

    fn delete(&mut self, call: Call<'_>) -> Result<Reply, Reply> {
        self.writable(call)?;
        self.existing(call.params, "Bad Request: message to delete not found")?;
        Ok(Reply::done())
    }

    /// Whether the chat is there to be written in.
    fn writable(&mut self, call: Call<'_>) -> Result<Reply, Reply> {
        let to = required_chat(call.params)?;
        match self.state.migrated.get(&to) {
            Some(supergroup) => Err(Reply::migrated(*supergroup)),
            None => Ok(Reply::done()),
        }
    }

    fn existing(&self, params: &Params, or_else: &str) -> Result<i32, Reply> {
        let message = params
            .message()
            .ok_or_else(|| Reply::refused(400, "Bad Request: message identifier is not specified"))?;
        let exists = (1..=self.state.messages).contains(&message);
        if exists { Ok(message) } else { Err(Reply::refused(400, or_else)) }
    }

    fn message(&self, bot: i64, to: i64, message: i32, text: &str) -> Value {
        json!({
            "message_id": message,
            "from": self::bot(bot),
            "chat": chat(to),
            "date": self.unix(),
            "text": text,
        })
    }
}

fn required_chat(params: &Params) -> Result<i64, Reply> {
    params.chat().ok_or_else(|| Reply::refused(400, "Bad Request: chat_id is empty"))
}

fn text(params: &Params) -> Result<&str, Reply> {
    let text = params.text.as_deref().unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Reply::refused(400, "Bad Request: message text is empty"));
    }
    // No text has more units than bytes.
    if text.len() > MAX_TEXT && text.encode_utf16().count() > MAX_TEXT {
        return Err(Reply::refused(400, "Bad Request: message is too long"));
    }
    Ok(text)
}

fn bot(id: i64) -> Value {
    json!({ "id": id, "is_bot": true, "first_name": "Fake", "username": "fake_bot" })
}

fn me(id: i64) -> Reply {
    let mut me = bot(id);
    let abilities = [
        ("can_join_groups", true),
        ("can_read_all_group_messages", true),
        ("supports_inline_queries", false),
        ("can_connect_to_business", false),
        ("has_main_web_app", false),
    ];
    for (name, can) in abilities {
        me[name] = can.into();
    }
    Reply::result(&me)
}
