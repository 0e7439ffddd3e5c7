//! `tertulia chat <name>`: a conversation in the terminal or through a pipe, with the server that has the storage
//! open, or without one.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use tertulia::bot::{Bot, Running};
use tertulia::{Clock, Conversation};
use tertulia_http::{Http, Message, Options, SOURCE, exchange};
use tokio::sync::mpsc;

use crate::client::Client;
use crate::config::Config;
use crate::failure::Failure;
use crate::handler;
use crate::output;
use crate::place::{Opened, Place};
use crate::telegram::{Unasked, telegram};
use crate::webhook::Webhooks;

/// Who answers.
enum Peer {
    Server(Client),
    Bot(Box<InProcess>),
}

/// The bot, running in this process.
struct InProcess {
    running: Running,
    opened: Opened,
    conversation: Conversation,
    options: Options,
}

pub(crate) async fn run(config: &Config, name: &str, url: Option<String>) -> Result<(), Failure> {
    let conversation = Conversation::new(SOURCE, name).map_err(|error| Failure::Usage(error.to_string()))?;
    let server = match url {
        Some(url) => Some(url),
        None => config.storage.server()?,
    };
    let peer = match server {
        Some(url) => Peer::Server(Client::new(config, &url, name)?),
        None => Peer::Bot(Box::new(InProcess::start(config, conversation).await?)),
    };
    let told = talk(&peer).await;
    if let Peer::Bot(bot) = peer {
        bot.stop(config.drain_timeout).await;
    }
    told
}

/// Reads lines until they end. A message that fails does not end the conversation, but the exit code tells.
async fn talk(peer: &Peer) -> Result<(), Failure> {
    let prompt = std::io::stdin().is_terminal();
    let mut lines = lines();
    let mut failed = 0;
    loop {
        if prompt {
            output::text("> ");
        }
        let Some(line) = lines.recv().await else { break };
        if line.trim().is_empty() {
            continue;
        }
        match peer.say(&line).await {
            Ok(replies) => replies.iter().for_each(output::line),
            Err(error) => {
                failed += 1;
                output::error(error);
            }
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::Run("1 message was not answered".into())),
        failed => Err(Failure::Run(format!("{failed} messages were not answered"))),
    }
}

impl Peer {
    async fn say(&self, text: &str) -> Result<Vec<String>, String> {
        match self {
            Self::Server(client) => client.say(text).await,
            Self::Bot(bot) => bot.say(text).await,
        }
    }
}

impl InProcess {
    async fn start(config: &Config, conversation: Conversation) -> Result<Self, Failure> {
        if config.storage == Place::Memory {
            output::error("what is said is kept in memory, and forgotten at the end");
        }
        let clock = Clock::system();
        let opened = config.storage.open(&clock).await?;
        let bot = Bot::new(Http).storage(opened.storage.clone()).clock(clock).options(config.runner());
        let (telegram, webhooks) = Webhooks::of(config, telegram(config)?)?;
        let bot = match telegram {
            Some(telegram) => bot.adapter(Unasked(telegram)),
            None => bot,
        };
        let bot = config.keep_journal(webhooks.platforms(bot));
        let running = handler::give(config, bot)?.start().await?;
        let mut options = Options::new();
        options.answer_within = config.answer_timeout;
        Ok(Self { running, opened, conversation, options })
    }

    async fn say(&self, text: &str) -> Result<Vec<String>, String> {
        let (door, message) = (self.running.door(), Message::new(text));
        let answered = exchange(door, &self.conversation, &message, None, &self.options).await;
        match answered {
            Ok(exchange) => Ok(exchange.replies.into_iter().map(|reply| reply.text).collect()),
            Err(problem) => Err(problem.cause().map_or(problem.to_string(), ToString::to_string)),
        }
    }

    async fn stop(self, deadline: Duration) {
        let Self { running, opened, .. } = self;
        running.shutdown(deadline).await;
        drop(running);
        opened.close().await;
    }
}

/// Reads stdin on a thread of its own, which nobody waits for: it ends with the input or with the process.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
