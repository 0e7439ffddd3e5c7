//! `tertulia fork <conversation>`: goes on with a conversation elsewhere, from now or from one of its turns.

use reqwest::Url;
use serde_json::json;
use tertulia::bot::journal::fork;
use tertulia::{Clock, Conversation};
use tertulia_http::{SOURCE, Scope};

use crate::cli::Forked;
use crate::client;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Config, asked: &Forked) -> Result<(), Failure> {
    let parse = |text: &str| Conversation::parse(text).map_err(|error| Failure::Usage(error.to_string()));
    let clock = Clock::system();
    let from = parse(&asked.conversation)?;
    let to = match &asked.to {
        Some(to) => parse(to)?,
        None => parse(&format!("{SOURCE}:fork-{:08x}", clock.random() >> 32))?,
    };
    match config.storage.server()? {
        Some(url) => through(config, &client::parse(&url)?, &from, asked.at, &to).await?,
        None => {
            let opened = config.storage.open(&clock).await?;
            let forked = fork(&*opened.storage, &clock, &from, asked.at, &to).await;
            opened.close().await;
            forked?;
        }
    }
    output::line(format_args!("{from} was copied to {to}"));
    if to.source() == SOURCE {
        output::line(format_args!("go on    tertulia chat {}", to.id()));
    }
    output::line(format_args!("look at  tertulia show {to}"));
    Ok(())
}

/// Has the server that has the storage open do it.
async fn through(
    config: &Config,
    url: &Url,
    from: &Conversation,
    at: Option<u64>,
    to: &Conversation,
) -> Result<(), Failure> {
    let http = client::http(config, url)?;
    let mut route = url.clone();
    if let Ok(mut path) = route.path_segments_mut() {
        path.pop_if_empty().extend(["v1", "fork"]);
    }
    let body = json!({ "from": from.as_str(), "at": at, "to": to.as_str() });
    let mut request = http.post(route).json(&body);
    if let Some(token) = config.token_for(Scope::Admin) {
        request = request.bearer_auth(token.reveal());
    }
    let cannot = |error: reqwest::Error| {
        let error = error.without_url();
        Failure::Run(format!("the server at {} cannot be reached: {error}", url.authority()))
    };
    let response = request.send().await.map_err(cannot)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = response.bytes().await.map_err(cannot)?;
    Err(Failure::Run(
        client::refusal(status, &body).unwrap_or_else(|| format!("the server answered {status}")),
    ))
}
