//! `tertulia chat <name>`: a conversation in the terminal or through a pipe, with the server that has the storage
//! open, or without one. On a terminal answers are shown as they come, and Ctrl-C stops the one that does.

mod local;
mod remote;
mod screen;

use std::io::{BufRead, IsTerminal};
use std::pin::pin;
use std::time::Duration;

use tertulia::bot::{Bot, Running};
use tertulia::{Clock, Conversation};
use tertulia_http::{Exchange, Http, Message, Options, SOURCE, exchange};
use tokio::sync::mpsc;

use crate::client::Client;
use crate::config::Config;
use crate::failure::Failure;
use crate::handler;
use crate::output;
use crate::place::{Opened, Place};
use crate::telegram::{Unasked, telegram};
use crate::webhook::Webhooks;
use screen::{Screen, Seen};

/// How long the feed of a server may take to tell of an answer that has come.
const TELLS: Duration = Duration::from_secs(5);

/// Who answers.
enum Peer {
    Server(Box<Client>),
    Bot(Box<InProcess>),
}

/// The bot, running in this process.
struct InProcess {
    running: Running,
    opened: Opened,
    conversation: Conversation,
    options: Options,
}

pub(crate) async fn run(config: &Config, name: &str, url: Option<String>, live: bool) -> Result<(), Failure> {
    let conversation = Conversation::new(SOURCE, name).map_err(|error| Failure::Usage(error.to_string()))?;
    let server = match url {
        Some(url) => Some(url),
        // A bot of this process would make the calls of a server's once more.
        None if config.storage.is_shared() => {
            let text = format!("{} may be in use: say which server to talk to with --url", config.storage);
            return Err(Failure::Usage(text));
        }
        None => config.storage.server()?,
    };
    let peer = match server {
        Some(url) => Peer::Server(Box::new(Client::new(config, &url, name)?)),
        None => Peer::Bot(Box::new(InProcess::start(config, conversation).await?)),
    };
    let terminal = std::io::stdout().is_terminal();
    let screen = (terminal || live).then(|| Screen::new(terminal));
    let told = talk(&peer, screen).await;
    if let Peer::Bot(bot) = peer {
        bot.stop(config.drain_timeout).await;
    }
    told
}

/// Reads lines until they end. A message that fails does not end the conversation, but the exit code tells.
async fn talk(peer: &Peer, mut screen: Option<Screen>) -> Result<(), Failure> {
    let prompt = std::io::stdin().is_terminal();
    let mut lines = lines();
    let mut failed = 0;
    loop {
        if prompt {
            output::text("> ");
        }
        let line = tokio::select! {
            line = lines.recv() => line,
            () = interrupted(), if screen.is_some() => None,
        };
        let Some(line) = line else { break };
        if line.trim().is_empty() {
            continue;
        }
        let said = match &mut screen {
            Some(screen) => peer.say_live(&line, screen).await,
            None => peer.say(&line).await.map(texts),
        };
        match said {
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
    async fn say(&self, text: &str) -> Result<Exchange, String> {
        match self {
            Self::Server(client) => client.say(text).await,
            Self::Bot(bot) => bot.say(text).await,
        }
    }

    /// Says something and shows what is said to it as it comes; gives the replies that were not shown.
    async fn say_live(&self, text: &str, screen: &mut Screen) -> Result<Vec<String>, String> {
        let said = match self {
            Self::Server(client) => by_server(client, text, screen).await,
            Self::Bot(bot) => by_bot(bot, text, screen).await,
        };
        said.map(|exchange| screen.rest(texts(exchange)))
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
        let running = handler::give(config, bot).await?.start().await?;
        let mut options = Options::new();
        options.answer_within = config.answer_timeout;
        Ok(Self { running, opened, conversation, options })
    }

    async fn say(&self, text: &str) -> Result<Exchange, String> {
        let (door, message) = (self.running.door(), Message::new(text));
        let answered = exchange(door, &self.conversation, &message, None, &self.options).await;
        answered.map_err(|problem| problem.cause().map_or(problem.to_string(), ToString::to_string))
    }

    async fn stop(self, deadline: Duration) {
        let Self { running, opened, .. } = self;
        running.shutdown(deadline).await;
        drop(running);
        opened.close().await;
    }
}

/// Says something to the bot in this process.
async fn by_bot(bot: &InProcess, text: &str, screen: &mut Screen) -> Result<Exchange, String> {
    let door = bot.running.door();
    let failed = |error: tertulia::Error| error.to_string();
    let mut following = local::Following::new(door, &bot.conversation).await.map_err(failed)?;
    let mut saying = pin!(bot.say(text));
    let mut stops = 0;
    let said = loop {
        let seen = tokio::select! {
            said = &mut saying => break said,
            seen = following.next(true) => seen.map_err(failed)?,
            () = interrupted() => {
                interrupt(&mut stops);
                following.stop().await.map_err(failed)?;
                continue;
            }
        };
        seen.iter().for_each(|seen| output::text(&screen.show(seen)));
    };
    loop {
        let seen = following.next(false).await.map_err(failed)?;
        if seen.is_empty() {
            return said;
        }
        seen.iter().for_each(|seen| output::text(&screen.show(seen)));
    }
}

/// Says something to the bot behind a server.
async fn by_server(client: &Client, text: &str, screen: &mut Screen) -> Result<Exchange, String> {
    let Some(mut following) = remote::Following::new(client).await else { return client.say(text).await };
    let mut saying = pin!(client.say(text));
    let mut stops = 0;
    let said = loop {
        let seen = tokio::select! {
            said = &mut saying => break said?,
            seen = following.next() => seen,
            () = interrupted() => {
                interrupt(&mut stops);
                following.stop().await;
                continue;
            }
        };
        output::text(&screen.show(&seen));
    };
    let rest = async {
        loop {
            match following.next().await {
                Seen::Answered(update) if update == said.update => return,
                seen => output::text(&screen.show(&seen)),
            }
        }
    };
    let _ = tokio::time::timeout(TELLS, rest).await;
    Ok(said)
}

/// Resolves at a Ctrl-C; never if they cannot be heard.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// The first Ctrl-C stops the answer, the second the program.
fn interrupt(stops: &mut u32) {
    *stops += 1;
    if *stops > 1 {
        std::process::exit(130);
    }
}

fn texts(exchange: Exchange) -> Vec<String> {
    exchange.replies.into_iter().map(|reply| reply.text).collect()
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
