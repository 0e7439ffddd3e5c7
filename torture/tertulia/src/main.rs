//! Tertulia's bot for the torture: counts each chat's messages in a session and echoes them. With an argument, that is how
//! many stops it takes until the update that ran alone at each of them is given up.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Context, Session};
use tertulia::runner::Options;
use tertulia::{Error, Result};
use tertulia_sqlite::Sqlite;
use tertulia_telegram::{RateLimits, Telegram};

#[derive(Default, Serialize, Deserialize)]
struct Chat {
    messages: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::var("TORTURE_DIR").map_err(|_| Error::invalid("TORTURE_DIR is not set"))?;
    // Poison is given up soon, and the server has no limits.
    let mut options = Options {
        time_limit: Some(Duration::from_secs(2)),
        backoff: Duration::from_millis(100),
        ..Options::default()
    };
    if let Some(stops) = std::env::args().nth(1) {
        options.stops =
            stops.parse().map_err(|_| Error::invalid(format!("{stops} is no number of stops")))?;
    }
    Bot::new(Telegram::from_env()?.rate_limits(RateLimits::none()))
        .options(options)
        .storage(Sqlite::open(Path::new(&folder).join("bot.db")).await?)
        .session::<Chat>("chat")
        .on_message(async |ctx: Context, mut chat: Session<Chat>| {
            chat.messages += 1;
            poison(ctx.text()).await?;
            ctx.reply(format!("{} {}", chat.messages, ctx.text())).await?;
            Ok(())
        })
        .run()
        .await
}

/// Does what a poisonous text asks for. The session was changed, which must not show.
async fn poison(text: &str) -> Result<()> {
    match text.split(' ').next() {
        Some("/error") => Err(Error::invalid("poison")),
        Some("/panic") => panic!("poison"),
        Some("/hang") => std::future::pending().await,
        Some("/abort") => std::process::abort(),
        _ => Ok(()),
    }
}
