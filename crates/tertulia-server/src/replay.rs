//! `tertulia replay <conversation>`: runs its turns again on the demonstration bot or on a handler, sends nothing, and
//! tells what is different.

mod started;

use std::net::{Ipv4Addr, TcpListener};

use tertulia::Conversation;
use tertulia::bot::Bot;
use tertulia_http::Http;

use self::started::Started;
use crate::cli::Replayed;
use crate::config::Config;
use crate::failure::Failure;
use crate::handler;
use crate::output;
use crate::telegram::{Unasked, telegram};
use crate::webhook::Webhooks;

/// A port that nobody listens at.
///
/// # Errors
/// `Run` if there is none.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound
        .map(|address| address.port())
        .map_err(|error| Failure::Run(format!("there is no free port: {error}")))
}

/// With a port for `--with`, which the configuration has as the handler's.
pub(crate) async fn run(config: &Config, asked: &Replayed, port: Option<u16>) -> Result<(), Failure> {
    let conversation =
        Conversation::parse(&asked.conversation).map_err(|error| Failure::Usage(error.to_string()))?;
    let storage = config.storage.open_read_only().await?;
    let started = match (&asked.with, port) {
        (Some(command), Some(port)) => Some(Started::new(command, port).await?),
        _ => None,
    };
    let replayed = async {
        let (telegram, webhooks) = Webhooks::of(config, telegram(config)?)?;
        let bot = webhooks.platforms(Bot::new(Http));
        let bot = match telegram {
            Some(telegram) => bot.adapter(Unasked(telegram)),
            None => bot,
        };
        let replay = handler::give(config, bot)
            .await?
            .replay()?
            .within(config.runner().time_limit.unwrap_or_default());
        let mut replay = if asked.carry { replay.carry() } else { replay };
        Ok::<_, Failure>(replay.run(&*storage, conversation).await?)
    };
    let replayed = replayed.await;
    if let Some(started) = started {
        started.kill().await;
    }
    let replayed = replayed?;
    if replayed.turns == 0 && replayed.skipped.is_empty() {
        return Err(Failure::Run(format!("{} has no journal", replayed.conversation)));
    }
    output::line(&replayed);
    match replayed.differences.len() {
        0 => Ok(()),
        1 => Err(Failure::Run("there is a difference".to_owned())),
        count => Err(Failure::Run(format!("there are {count} differences"))),
    }
}
