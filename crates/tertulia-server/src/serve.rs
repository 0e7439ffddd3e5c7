//! `tertulia serve`: the bot on all its platforms, until a signal.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tertulia::bot::{Bot, Running};
use tertulia::{Clock, runner};
use tertulia_http::{Http, Load, Options, Server, ServerOptions, router};
use tertulia_telegram::Telegram;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::config::Config;
use crate::demo::demo;
use crate::failure::Failure;
use crate::output;
use crate::place::Opened;
use crate::signal::Signals;
use crate::telegram::telegram;

/// The least time that updates get to end once the server has stopped.
const LEAST_DRAIN: Duration = Duration::from_secs(1);

pub(crate) async fn run(config: &Config) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    let telegram = telegram(config)?;
    let cannot = |error| Failure::Run(format!("cannot listen on {}: {error}", config.listen));
    let listener = TcpListener::bind(config.listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let clock = Clock::system();
    let opened = config.storage.open(&clock).await?;
    let running = Arc::new(start(config, telegram, &opened, clock.clone()).await?);
    let url = format!("http://{}", reachable(address));
    opened.set_address(&url)?;

    let mut limits = ServerOptions::default();
    limits.drain = config.drain_timeout;
    let server = Server::new(listener, limits);
    let (stop, stopped) = oneshot::channel::<()>();
    let routes = router(running.door().clone(), options(config, &running));
    let mut serving = Box::pin(server.serve(routes, async {
        // A sender that is gone is a reason to stop too.
        let _ = stopped.await;
    }));
    announce(config, &opened, &url, address);

    let outcome = tokio::select! {
        _ = &mut serving => Ok(()),
        () = signals.next() => Ok(()),
        error = running.failed() => Err(Failure::Run(error.to_string())),
    };
    output::line("stopping");
    let began = clock.now();
    let drain = async {
        let _ = stop.send(());
        serving.await;
        let left = config.drain_timeout.saturating_sub(clock.now().since(began)).max(LEAST_DRAIN);
        running.shutdown(left).await
    };
    tokio::select! {
        left = drain => {
            for update in left {
                tracing::warn!(conversation = %update.conversation, update = ?update.update, "left unfinished");
            }
        }
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

async fn start(
    config: &Config,
    telegram: Option<Telegram>,
    opened: &Opened,
    clock: Clock,
) -> tertulia::Result<Running> {
    let options = runner::Options { concurrency: config.concurrency, ..Default::default() };
    let bot = Bot::new(Http).storage(opened.storage.clone()).clock(clock).options(options);
    let bot = match telegram {
        Some(telegram) => bot.adapter(telegram),
        None => bot,
    };
    demo(bot).start().await
}

fn options(config: &Config, running: &Arc<Running>) -> Options {
    let running = Arc::clone(running);
    let mut options = Options::new().load(move || Load {
        running: running.is_running(),
        updates: running.size(),
        calls: running.calls(),
        ..Load::default()
    });
    options.answer_within = config.answer_timeout;
    match &config.token {
        Some(token) => options.token(token.reveal()),
        None => options,
    }
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

fn announce(config: &Config, opened: &Opened, url: &str, address: SocketAddr) {
    let properties = opened.storage.properties();
    output::line(format_args!("storage   {}", properties.name));
    output::line(format_args!("          {}", properties.durability));
    output::line(format_args!("http      {url}"));
    if reachable(address) != address {
        output::line(format_args!("          on every address, port {}", address.port()));
    }
    if config.token.is_some() {
        output::line("          a token is needed: `Authorization: Bearer <token>`");
    }
    let telegram = match (&config.telegram_token, &config.telegram_api_url) {
        (None, _) => "off, set TELEGRAM_BOT_TOKEN".to_owned(),
        (Some(_), None) => "on".to_owned(),
        (Some(_), Some(url)) => format!("on, at {url}"),
    };
    output::line(format_args!("telegram  {telegram}"));
    output::line(format_args!("try       curl -d '{{\"text\":\"hello\"}}' {url}/chat/alice"));
    output::line("ready");
}
