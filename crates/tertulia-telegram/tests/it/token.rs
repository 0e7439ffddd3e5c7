//! The bot token is in the path of every request, and must be nowhere else.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::bot::{Adapter, Bot, Context};
use tertulia::runner::{self, Options, Ticket};
use tertulia::storage::ItemId;
use tertulia::{Conversation, Error, Name};
use tertulia_telegram::Telegram;
use tracing_subscriber::fmt::MakeWriter;

use crate::fake::{Fake, PATIENCE, Scripted, TOKEN, message, refusal, too_many};

/// The secret part of the token.
const CANARY: &str = "canary_SECRET";

/// Everything that was logged, by any library.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// All that can be seen of an error.
fn shown(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        text += &format!(" {inner} {inner:?} {inner:#?}");
        cause = inner.source();
    }
    text
}

/// The errors of one fetch and one call.
async fn errors(telegram: &Telegram) -> Vec<Error> {
    let call = runner::Call::new(
        Conversation::new("telegram", "5").unwrap(),
        Ticket { update: ItemId::Number(Name::from_static("test"), 1), ordinal: 0 },
        bytes::Bytes::from_static(include_bytes!("fixtures/call-v1")),
    );
    let fetched = telegram.source().unwrap().fetch(1).await.unwrap_err();
    let sent = telegram.sender().unwrap().send(&call).await.unwrap_err();
    vec![fetched, sent]
}

#[tokio::test]
async fn the_token_is_in_no_log_no_error_and_no_debug_output() {
    let log = Log::default();
    // Everything, down to the HTTP client's own traces.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let fake = Fake::start().await;
    let quick = || fake.telegram().poll_timeout(Duration::ZERO).poll_margin(Duration::from_millis(300));
    let mut seen = Vec::new();

    // Answers that repeat the request.
    let echo = format!("no such path: /bot{TOKEN}/getUpdates, secret {}", &TOKEN[8..]);
    for status in [400, 401, 404, 409, 500] {
        fake.script("getUpdates", [refusal(status, &echo)]);
        fake.script("sendMessage", [refusal(status, &echo)]);
        seen.extend(errors(&quick()).await);
    }
    fake.script("getUpdates", [Scripted::Text(200, echo.clone())]);
    fake.script("sendMessage", [Scripted::Text(200, echo)]);
    seen.extend(errors(&quick()).await);
    assert!(seen.iter().any(|error| error.to_string().contains("<token>")), "{seen:?}");

    // No server, no such host, a server that hangs up.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let hang_up = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    seen.extend(errors(&quick().api_url(&address).unwrap()).await);
    hang_up.abort();
    assert!(hang_up.await.unwrap_err().is_cancelled());
    seen.extend(errors(&quick().api_url(&address).unwrap()).await);
    seen.extend(errors(&quick().api_url("http://nowhere.invalid").unwrap()).await);
    seen.extend(errors(&quick().api_url("https://127.0.0.1:1").unwrap()).await);
    // No answer.
    fake.script("getUpdates", [Scripted::Hang]);
    seen.push(quick().source().unwrap().fetch(1).await.unwrap_err());

    // A whole bot, with everything that is logged on the way.
    let bot = Bot::new(quick())
        .options(Options { backoff: Duration::from_millis(5), ..Options::default() })
        .on_message(async |ctx: Context| {
            ctx.reply("hi").await?;
            Ok(())
        });
    let described = format!("{bot:?}");
    fake.script("getUpdates", [refusal(502, "Bad Gateway"), too_many(0)]);
    fake.script(
        "sendMessage",
        [refusal(502, "Bad Gateway"), refusal(403, "Forbidden: bot was blocked by the user")],
    );
    fake.push([message(1, 1, "a"), message(2, 1, "b")]);
    let running = bot.start().await.unwrap();
    fake.until("a reply", |known| known.sent(1).len() == 3).await;
    fake.script("getUpdates", [refusal(409, "Conflict: terminated by other getUpdates request")]);
    seen.push(
        Error::internal("outer").with_source(tokio::time::timeout(PATIENCE, running.failed()).await.unwrap()),
    );
    running.shutdown(PATIENCE).await;

    let telegram = quick();
    let debug = format!(
        "{telegram:?} {:?} {:?} {running:?} {described}",
        telegram.source().unwrap(),
        telegram.sender().unwrap()
    );
    assert!(debug.contains("7000001"), "the bot's public id is shown: {debug}");
    assert!(!debug.contains(CANARY), "{debug}");
    for error in &seen {
        let shown = shown(error);
        assert!(!shown.contains(CANARY), "{shown}");
    }
    let logged = String::from_utf8(log.0.lock().clone()).unwrap();
    for expected in ["trying again", "a call is given up", "a source cannot go on", "hyper", "reqwest"] {
        assert!(logged.contains(expected), "nothing was logged of {expected}");
    }
    for line in logged.lines() {
        assert!(!line.contains(CANARY), "{line}");
    }
}
