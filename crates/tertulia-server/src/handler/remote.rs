//! A handler behind a URL, as a bot has it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tertulia::bot::{self, Bot, Bypass, Context, Data, Session, Update};
use tertulia::storage::Storage;
use tertulia::{Clock, Sessions, session};
use tertulia_http::Exposed;

use super::answer::{Answer, Line};
use super::client::{Answering, Client};
use super::effects::Effects;
use super::failed::Failed;
use super::lines::Lines;
use super::once::Once;
use super::request::Request;
use super::state::State;
use crate::config::{self, Config};
use crate::demo::{Demo, SESSION, demo};
use crate::failure::Failure;

/// How long the end of a body is waited for that has said it is done: then its connection can be used again.
const END: Duration = Duration::from_millis(100);

/// The handler that updates are posted to.
#[derive(Debug)]
pub(super) struct Remote {
    client: Client,
    /// The name of its sessions.
    session: String,
    /// What somebody says to stop it.
    cancel: Option<String>,
}

impl Remote {
    /// The configured one.
    ///
    /// # Errors
    /// `Run` if TLS cannot be set up.
    pub(super) fn new(handler: &config::Handler) -> Result<Self, Failure> {
        Ok(Self {
            client: Client::new(handler)?,
            session: handler.session.clone(),
            cancel: handler.cancel.clone(),
        })
    }

    /// Gives a bot this handler, for every update, and its session.
    pub(super) fn on(self, bot: Bot) -> Bot {
        let bot = match &self.cancel {
            Some(text) => {
                let text = text.clone();
                let cancels = move |update: &Update| update.text().is_some_and(|said| said.trim() == text);
                bot.bypass(cancels, async |turn: Bypass| {
                    turn.cancel_turn().await?;
                    Ok(())
                })
            }
            None => bot,
        };
        bot.session::<State>(self.session.as_str()).data(self).on_any(handle)
    }
}

/// Gives a bot the configured handler, or the demonstration's.
///
/// # Errors
/// `Run` if TLS cannot be set up.
pub(crate) async fn give(config: &Config, bot: Bot) -> Result<Bot, Failure> {
    match &config.handler {
        Some(handler) => Ok(Remote::new(handler)?.on(bot)),
        None => Ok(demo(bot, config.agent(&Clock::system())).await?),
    }
}

/// The sessions of the configured handler, or the demonstration's.
///
/// # Errors
/// `Invalid` if they cannot have their name.
pub(crate) fn exposed(
    config: &Config,
    storage: &Arc<dyn Storage>,
    clock: &Clock,
) -> tertulia::Result<Exposed> {
    let options = session::Options::default();
    Ok(match &config.handler {
        Some(handler) => {
            let name = &handler.session;
            Exposed::new(Sessions::<State>::with(Arc::clone(storage), clock.clone(), name, options)?)
        }
        None => Exposed::new(Sessions::<Demo>::with(Arc::clone(storage), clock.clone(), SESSION, options)?),
    })
}

/// Posts an update and has its answer happen.
///
/// # Cancel safety
/// If dropped, the connection is closed and nothing of the answer happens but what was recorded.
async fn handle(ctx: Context, session: Session<State>, remote: Data<Remote>) -> bot::Result {
    let once = Once::read(&ctx).await?;
    let mut effects = Effects::new(ctx.clone(), session, once);
    let mut heard = Vec::new();
    loop {
        let body = Request::new(&ctx, effects.session(), effects.once().known(), &heard).encode()?;
        match remote.client.post(body, ctx.turn().clock().now()).await? {
            Answering::Empty => {}
            Answering::Whole(body) => {
                let answer: Answer = parse("the handler's answer", &body.rest().await?)?;
                effects.answer(answer).await?;
            }
            Answering::Lines(lines) => {
                follow(lines, &mut effects, &ctx, remote.client.time_limit()).await?;
            }
        }
        match effects.ask().await? {
            Some(response) => heard.push(response),
            None => return Ok(()),
        }
        ctx.more_time(remote.client.time_limit());
    }
}

/// Takes lines until one says that it was the last. Each lets the handler run on.
async fn follow(mut lines: Lines, effects: &mut Effects, ctx: &Context, more: Duration) -> bot::Result {
    let mut number = 0;
    loop {
        let line = tokio::select! {
            line = lines.next() => line?,
            // The connection is closed, and what was said so far counts.
            stopped = effects.stopped() => return stopped,
        };
        let Some(line) = line else { break };
        ctx.more_time(more);
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let line: Line = parse(&format!("line {number} of the handler's answer"), &line)?;
        if effects.line(line).await? {
            return end(lines).await;
        }
    }
    Err(Failed::new("the handler's answer ended without `done`").into())
}

/// Sees that nothing follows. An answer that is done counts, however long its connection stays open.
async fn end(mut lines: Lines) -> bot::Result {
    match tokio::time::timeout(END, lines.next()).await {
        Ok(Ok(Some(line))) if !line.trim_ascii().is_empty() => {
            Err(Failed::new("the handler's answer goes on after `done`").into())
        }
        _ => Ok(()),
    }
}

/// Reads JSON.
fn parse<T: DeserializeOwned>(what: &str, json: &Bytes) -> Result<T, Failed> {
    serde_json::from_slice(json).map_err(|error| Failed::new(format!("{what} cannot be read: {error}")))
}
