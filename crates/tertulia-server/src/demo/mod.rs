//! The demonstration: an agent that uses tools and streams what it says, behind a bot that remembers a name, notes, and
//! how many messages there were, asks before it forgets them, and can be stopped.

pub(crate) mod agent;
pub(crate) mod model;
mod pages;
mod request;

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::Log;
use tertulia::bot::{Bot, Bypass, Context, Data, Session, Update};
use tertulia::error::Kind;
use tertulia::graph::Graph;
use tertulia::runner::Ticket;
use tertulia::storage::ItemId;
use tertulia_http::SOURCE;

use agent::{Agent, Answer, Asked, Change};
use model::Message;
use pages::pages;
use request::{Request, is_stop, is_yes};

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
    /// The message that shows the notes, where messages can be changed: it follows them.
    #[serde(default)]
    shown: Option<Ticket>,
    /// What the agent has asked and nobody has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Asked>,
    /// Every message, cut where it is long.
    #[serde(default)]
    history: Log<String>,
    /// What was said with the agent, as its model is told of it.
    #[serde(default)]
    talk: Log<Message>,
}

/// The most characters of a name, of a note, and of a message in the history, which is cut there.
const MAX_NAME: usize = 100;
const MAX_NOTE: usize = 1_000;
const MAX_LINE: usize = 200;
/// The most notes.
const MAX_NOTES: usize = 1_000;
/// How many messages `history` shows.
const SHOWN: usize = 20;
/// How long it waits to be told that it is to forget.
const SURE_WITHIN: Duration = Duration::from_mins(10);
/// The name of its sessions.
pub(crate) const SESSION: &str = "demo";

/// Gives a bot the demonstration's handlers and its session.
///
/// # Errors
/// None: an agent whose graph cannot be built fails the tests.
pub(crate) async fn demo(bot: Bot, agent: Agent) -> tertulia::Result<Bot> {
    let stops = |update: &Update| update.text().is_some_and(is_stop);
    let graph = agent::graph(agent.clone()).await?;
    let bot = bot.session::<Demo>(SESSION).data(agent).data(graph).bypass(stops, stop);
    Ok(bot.on_message(talk).on(agent::is_decision, pressed))
}

/// Stops what is under way in the conversation, at once. An answer that is being said is kept as far as it was said.
async fn stop(turn: Bypass) -> tertulia::bot::Result {
    let graph = turn.data::<Graph<Answer>>().await?;
    let stopped =
        turn.stop_live().await? > 0 || turn.cancel_turn().await? || agent::stop_asking(&turn, &graph).await?;
    turn.reply(if stopped { "Stopped." } else { "There is nothing to stop." }).await?;
    Ok(())
}

/// Short commands are answered at once, all else by the agent; with a model of its own the agent answers everything.
async fn talk(
    ctx: Context,
    mut chat: Session<Demo>,
    agent: Data<Agent>,
    graph: Data<Graph<Answer>>,
) -> tertulia::bot::Result {
    if is_from_elsewhere(&ctx) {
        // Whoever is in the chat sees what is answered.
        let from = ctx.update().from.as_ref().map_or("", |user| &user.name);
        ctx.reply(format!("{}: {}", if from.is_empty() { "From elsewhere" } else { from }, ctx.text()))
            .await?;
    }
    let decided = agent::decided(&ctx, &chat, &graph).await?;
    if decided.is_some() {
        return agent::answer(&ctx, &mut chat, &graph, decided).await;
    }
    let request = Request::read(ctx.text());
    match request {
        _ if !agent.scripted => {}
        Request::Forget => return forget(&ctx, chat).await,
        Request::Other => {}
        _ => return short(&ctx, chat, request).await,
    }
    chat.heard(ctx.text());
    agent::answer(&ctx, &mut chat, &graph, None).await
}

async fn short(ctx: &Context, mut chat: Session<Demo>, request: Request<'_>) -> tertulia::bot::Result {
    let mut said = None;
    for reply in chat.answer(ctx.text()) {
        said = Some(ctx.reply(reply).await?);
    }
    match request {
        Request::Notes if chat.notes_fit() && can_edit(ctx) => chat.shown = said,
        Request::Note(_) => chat.show_again(ctx).await?,
        _ => {}
    }
    Ok(())
}

/// A button of a question, which may be over.
async fn pressed(ctx: Context, mut chat: Session<Demo>, graph: Data<Graph<Answer>>) -> tertulia::bot::Result {
    const OVER: &str = "That question is over.";
    let decided = agent::decided(&ctx, &chat, &graph).await?;
    if decided.is_some() {
        return agent::answer(&ctx, &mut chat, &graph, decided).await;
    }
    match ctx.conversation().source() == tertulia_telegram::NAME {
        true => ctx.answer_callback(OVER).await?,
        false => drop(ctx.reply(OVER).await?),
    }
    Ok(())
}

/// Whether it was said over HTTP in the conversation of another platform.
fn is_from_elsewhere(ctx: &Context) -> bool {
    let over_http = matches!(&ctx.turn().about().update, ItemId::Bytes(space, _) if space.as_str() == SOURCE);
    over_http && ctx.conversation().source() != SOURCE
}

/// Whether what was said can be changed there.
fn can_edit(ctx: &Context) -> bool {
    ctx.conversation().source() != SOURCE
}

/// Forgets everything, if that is meant.
async fn forget(ctx: &Context, mut chat: Session<Demo>) -> tertulia::bot::Result {
    let sure = ctx.ask("Forget all you have told me? Say yes.").within(SURE_WITHIN).await;
    let reply = match sure {
        Ok(answer) if is_yes(&answer.text) => {
            chat.set(Demo::default());
            "I have forgotten what you told me."
        }
        Ok(_) => "Then I keep it.",
        Err(error) if error.kind() == Kind::Timeout => "You did not say, so I keep it.",
        Err(error) => return Err(error.into()),
    };
    ctx.reply(reply).await?;
    Ok(())
}

impl Demo {
    /// Takes a message and gives the replies; none if it is not answered here.
    fn answer(&mut self, text: &str) -> Vec<String> {
        self.heard(text);
        match Request::read(text) {
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
            Request::Forget | Request::Other => Vec::new(),
        }
    }

    /// Counts a message and remembers it.
    fn heard(&mut self, text: &str) {
        self.messages += 1;
        self.remember(text);
    }

    /// Whether the notes are one message.
    fn notes_fit(&self) -> bool {
        !self.notes.is_empty() && pages(&self.notes, 1).len() == 1
    }

    /// Has the message that shows the notes show all there are.
    async fn show_again(&mut self, ctx: &Context) -> tertulia::bot::Result {
        if !self.notes_fit() {
            self.shown = None;
        }
        if let Some(shown) = &self.shown {
            ctx.edit(shown, pages(&self.notes, 1).concat()).await?;
        }
        Ok(())
    }

    fn note(&mut self, note: &str) -> String {
        if let Some(why) = refusal(self.notes.len(), note) {
            return why;
        }
        self.notes.push(note.to_owned());
        format!("Noted, number {}.", self.notes.len())
    }

    /// Does what a tool does.
    fn make(&mut self, change: &Change) {
        change.make(&mut self.name, &mut self.notes);
        if self.notes.is_empty() {
            self.shown = None;
        }
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

/// Why a note is not kept beside so many others, if there is a reason.
fn refusal(notes: usize, note: &str) -> Option<String> {
    if note.is_empty() {
        Some("Note what? Such as: note buy bread".to_owned())
    } else if note.chars().count() > MAX_NOTE {
        Some(format!("That note is too long for me, I keep up to {MAX_NOTE} characters."))
    } else if notes >= MAX_NOTES {
        Some(format!("I keep up to {MAX_NOTES} notes, and there are that many. To start again: forget me"))
    } else {
        None
    }
}
