//! `tertulia fake-telegram`: a fake Bot API server of its own, for bots in any language.

use std::io::Read;
use std::net::SocketAddr;

use clap::Args;
use tertulia_testkit::bot_api::{BotApi, Options};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::output;
use crate::signal::Signals;

/// What `tertulia fake-telegram` takes besides `--listen`.
#[derive(Debug, Default, Args)]
pub(crate) struct FakeTelegram {
    /// The one bot token that is taken [default: any]
    #[arg(long)]
    token: Option<String>,
    /// What the random numbers are made from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// End when stdin does, as it does when whoever started this ends
    #[arg(long)]
    until_closed: bool,
}

/// Serves until a signal.
pub(crate) async fn run(asked: FakeTelegram, listen: Option<&str>) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    let mut options = Options::default();
    if let Some(listen) = listen {
        options.listen = address(listen)?;
    }
    options.token = asked.token;
    options.seed = asked.seed;
    let listen = options.listen;
    let cannot = |error| Failure::Run(format!("cannot listen on {listen}: {error}"));
    let api = BotApi::start(options).await.map_err(cannot)?;
    // The first line is for programs.
    output::line(api.url());
    output::line(format_args!(
        "push      curl -d '[{{\"chat\":7,\"text\":\"hello\"}}]' {}/control/messages",
        api.url()
    ));
    output::line(format_args!("read      curl {}/control/journal", api.url()));
    ended(&mut signals, asked.until_closed).await;
    Ok(())
}

/// Waits for a signal, or for the end of stdin if that is an end.
pub(crate) async fn ended(signals: &mut Signals, until_closed: bool) {
    let closed = async {
        match until_closed {
            true => closed().await,
            false => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signals.next() => {}
        () = closed => {}
    }
}

pub(crate) fn address(text: &str) -> Result<SocketAddr, Failure> {
    let wrong =
        |_| Failure::Usage(format!("listen: `{text}` is not allowed; allowed: such as 127.0.0.1:8081"));
    text.parse().map_err(wrong)
}

/// Waits for the end of stdin.
async fn closed() {
    let (ended, end) = oneshot::channel::<()>();
    // A thread of its own: one of the runtime's would keep the program from ending. It ends with the program.
    std::thread::spawn(move || {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        drop(ended);
    });
    let _ = end.await;
}
