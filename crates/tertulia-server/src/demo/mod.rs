//! The demonstration bot: remembers a name, notes, how many messages there were, and the last ones.

mod pages;
mod request;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use tertulia::Log;
use tertulia::bot::{Bot, Context, Session};

use pages::pages;
use request::Request;

/// What the bot knows of a conversation.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Demo {
    #[serde(default)]
    name: Option<String>,
    /// Messages since the conversation began or was forgotten.
    #[serde(default)]
    messages: u64,
    #[serde(default)]
    notes: Vec<String>,
    /// Every message, cut where it is long.
    #[serde(default)]
    history: Log<String>,
}

/// The most characters of a name, of a note, and of a message in the history, which is cut there.
const MAX_NAME: usize = 100;
const MAX_NOTE: usize = 1_000;
const MAX_LINE: usize = 200;
/// The most notes.
const MAX_NOTES: usize = 1_000;
/// How many messages `history` shows.
const SHOWN: usize = 20;

const HELP: &str = "I keep what you tell me. Try:\n\
    my name is Ana\n\
    what is my name\n\
    note <text>\n\
    notes\n\
    count\n\
    history\n\
    forget me";

/// The name of its sessions.
pub(crate) const SESSION: &str = "demo";

/// Gives a bot the demonstration's handler and its session.
pub(crate) fn demo(bot: Bot) -> Bot {
    bot.session::<Demo>(SESSION).on_message(talk)
}

async fn talk(ctx: Context, mut chat: Session<Demo>) -> tertulia::bot::Result {
    for reply in chat.answer(ctx.text()) {
        ctx.reply(reply).await?;
    }
    Ok(())
}

impl Demo {
    /// Takes a message and gives the replies.
    fn answer(&mut self, text: &str) -> Vec<String> {
        let request = Request::read(text);
        if request == Request::Forget {
            *self = Self::default();
            return vec!["I have forgotten what you told me.".to_owned()];
        }
        self.messages += 1;
        self.remember(text);
        match request {
            Request::MyName(name) if name.chars().count() > MAX_NAME => {
                vec![format!("That name is too long for me, I keep up to {MAX_NAME} characters.")]
            }
            Request::MyName(name) => {
                let reply = format!("Nice to meet you, {name}.");
                self.name = Some(name.to_owned());
                vec![reply]
            }
            Request::WhatName => vec![match &self.name {
                Some(name) => format!("Your name is {name}."),
                None => "I do not know your name yet. Tell me: my name is ...".to_owned(),
            }],
            Request::Note(note) => vec![self.note(note)],
            Request::Notes if self.notes.is_empty() => vec!["There are no notes yet.".to_owned()],
            Request::Notes => pages(&self.notes, 1),
            Request::Count => vec![match self.messages {
                1 => "1 message, this one.".to_owned(),
                count => format!("{count} messages, with this one."),
            }],
            Request::History => {
                let last = self.history.tail();
                let last = &last[last.len().saturating_sub(SHOWN)..];
                pages(last, self.history.len() - last.len() + 1)
            }
            Request::Forget | Request::Help => vec![HELP.to_owned()],
        }
    }

    fn note(&mut self, note: &str) -> String {
        if note.is_empty() {
            return "Note what? Such as: note buy bread".to_owned();
        }
        if note.chars().count() > MAX_NOTE {
            return format!("That note is too long for me, I keep up to {MAX_NOTE} characters.");
        }
        if self.notes.len() >= MAX_NOTES {
            return format!(
                "I keep up to {MAX_NOTES} notes, and there are that many. To start again: forget me"
            );
        }
        self.notes.push(note.to_owned());
        format!("Noted, number {}.", self.notes.len())
    }

    fn remember(&mut self, text: &str) {
        let mut line: String = text.trim().chars().take(MAX_LINE + 1).collect();
        if line.chars().count() > MAX_LINE {
            line.pop();
            line.push('…');
        }
        self.history.push(line);
    }
}
