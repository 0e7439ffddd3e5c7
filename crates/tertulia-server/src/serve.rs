//! `tertulia serve`: the bot on all its platforms, until a signal.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tertulia::Clock;
use tertulia::bot::{Bot, Running};
use tertulia::runner::dead;
use tertulia_http::{Access, Gate, Http, Load, Options, Server, router};
use tertulia_telegram::Telegram;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::ai;
use crate::config::Config;
use crate::failure::Failure;
use crate::handler;
use crate::metrics::Metrics;
use crate::output;
use crate::page;
use crate::place::Opened;
use crate::sessions;
use crate::signal::Signals;
use crate::stop::Stopping;
use crate::streams;
use crate::telegram::telegram;
use crate::webhook::Webhooks;

/// How often old dead letters are removed, the start apart.
const SWEEP: Duration = Duration::from_hours(24);

pub(crate) async fn run(config: &Config) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    let metrics = count()?;
    let (telegram, webhooks) = Webhooks::of(config, telegram(config)?)?;
    let cannot = |error| Failure::Run(format!("cannot listen on {}: {error}", config.listen));
    let listener = TcpListener::bind(config.listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let clock = Clock::system();
    let access = config.access(&clock)?;
    let opened = config.storage.open(&clock).await?;
    let running = Arc::new(start(config, telegram, &webhooks, &opened, clock.clone()).await?);
    let url = format!("http://{}", reachable(address));
    opened.set_address(&url)?;

    let server = Server::new(listener, config.server());
    let gate = Gate::new();
    let door = running.door();
    let mut options = options(config, &running, metrics, access.clone());
    options.gate = Some(gate.clone());
    let routes = router(door.clone(), options)
        .merge(page::routes(config))
        .merge(webhooks.routes(config, door))
        .merge(streams::routes(config, door.streams.clone(), &clock, &access, &gate))
        .merge(ai::routes(door, &access, &gate))
        .merge(sessions::routes(config, &opened, &clock, &access, &gate)?);
    let routes = gate.before(routes);
    let (close, closed) = oneshot::channel::<()>();
    let mut http = tokio::spawn(server.serve(routes, async {
        // A sender that is gone is a reason to stop too.
        let _ = closed.await;
    }));
    announce(config, &opened, &webhooks, &url, address);

    let outcome = tokio::select! {
        _ = &mut http => Err(Failure::Run("the HTTP server has ended, which it must not".into())),
        () = signals.next() => Ok(()),
        error = running.failed() => Err(Failure::Run(error.to_string())),
        error = webhooks.registering(&clock) => Err(Failure::Run(error.to_string())),
        () = keep_sweeping(&opened, &clock, config.keep_dead) => Ok(()),
    };
    output::line("stopping");
    let stopping = Stopping { running: &running, gate: &gate, close, http, within: config.drain_timeout };
    tokio::select! {
        left = stopping.stop(&clock) => left.print(),
        () = signals.next() => {
            output::error("stopped at once; what was accepted is done after the next start");
            std::process::exit(130);
        }
    }
    drop(running);
    opened.close().await;
    output::line("stopped");
    outcome
}

/// Has everything counted from here on.
fn count() -> Result<Metrics, Failure> {
    let metrics = Metrics::default();
    metrics::set_global_recorder(metrics.clone()).map_err(|error| Failure::Run(error.to_string()))?;
    Ok(metrics)
}

/// Removes dead letters once they are old enough, at the start and each day; does not end.
async fn keep_sweeping(opened: &Opened, clock: &Clock, keep: Duration) {
    loop {
        match dead::sweep(&*opened.storage, clock, keep).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old dead letters were removed"),
            Err(error) => tracing::warn!(%error, "old dead letters cannot be removed now"),
        }
        clock.sleep(SWEEP).await;
    }
}

async fn start(
    config: &Config,
    telegram: Option<Telegram>,
    webhooks: &Webhooks,
    opened: &Opened,
    clock: Clock,
) -> Result<Running, Failure> {
    let streams = streams::open(config, opened, &clock);
    let bot = Bot::new(Http).storage(opened.storage.clone()).streams(streams);
    let bot = bot.clock(clock).options(config.runner());
    let bot = match telegram {
        Some(telegram) => bot.adapter(telegram),
        None => bot,
    };
    let bot = config.keep_journal(webhooks.platforms(bot));
    Ok(handler::give(config, bot).await?.start().await?)
}

fn options(config: &Config, running: &Arc<Running>, metrics: Metrics, access: Access) -> Options {
    let of = Arc::clone(running);
    let load = move || {
        let stats = of.stats();
        let oldest = stats.oldest.unwrap_or_default().as_millis();
        Load {
            running: of.is_running(),
            updates: stats.updates,
            calls: stats.calls,
            oldest_ms: Some(u64::try_from(oldest).unwrap_or(u64::MAX)),
            parked: Some(stats.parked),
        }
    };
    let of = Arc::clone(running);
    let counted = move || {
        // Sets the gauges.
        let _ = of.stats();
        metrics.render()
    };
    let mut options = Options::new().load(load).metrics(counted);
    options.answer_within = config.answer_timeout;
    options.access = access;
    options
}

/// Where a client on this machine finds a listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn announce(config: &Config, opened: &Opened, webhooks: &Webhooks, url: &str, address: SocketAddr) {
    let properties = opened.storage.properties();
    output::line(format_args!("storage   {}", properties.name));
    output::line(format_args!("          {}", properties.durability));
    output::line(format_args!("http      {url}"));
    if reachable(address) != address {
        output::line(format_args!("          on every address, port {}", address.port()));
    }
    if config.needs_token() {
        output::line("          a token is needed: `Authorization: Bearer <token>`");
    }
    let telegram = match (&config.telegram_token, &config.telegram_api_url) {
        (None, _) => "off, set TELEGRAM_BOT_TOKEN".to_owned(),
        (Some(_), None) => "on".to_owned(),
        (Some(_), Some(url)) => format!("on, at {url}"),
    };
    output::line(format_args!("telegram  {telegram}"));
    webhooks.announce(config, url);
    match (&config.handler, config.model()) {
        (Some(handler), _) => output::line(format_args!("handler   {handler}")),
        (None, Some(model)) => output::line(format_args!("model     {model}")),
        (None, None) => {}
    }
    output::line(format_args!("try       curl -d '{{\"text\":\"hello\"}}' {url}/chat/alice"));
    output::line(format_args!("or open   {url}"));
    output::line("ready");
}
