//! What answers a post: who posts is checked, the body read within bounds, its update put into the inbox.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{MethodRouter, post};
use tertulia::bot::{Door, Header, Hook};
use tertulia::error::Kind;
use tertulia::runner::Receipt;

use super::WebhookOptions;
use super::bounds::Room;
use super::read::read;
use crate::{Problem, ProblemKind, body};

/// The wait that a post is told when there is no room: as many seconds at least, and at most.
const WAIT: std::ops::RangeInclusive<u64> = 2..=30;
/// The wait that it is told while the bot is stopping, in seconds: there may be another one soon.
const WAIT_FOR_ANOTHER: u64 = 1;

#[derive(Debug)]
struct Shared {
    door: Door,
    hook: Arc<dyn Hook>,
    options: WebhookOptions,
    room: Room,
}

/// What answers the posts of a webhook: a route of anybody's axum program. The bot needs the hook's adapter. Each
/// call has bounds of its own.
///
/// | answer | when |
/// |---|---|
/// | 200, empty | the update is in the inbox, as durable as the storage promises, or was before |
/// | 200, empty | the post is authentic and no update: its bytes are kept in `dead`, with the reason |
/// | 401 | the post is not authentic; if headers tell, nothing of the body was read |
/// | 408, 413, 415 | the body did not arrive in time, is too large, or is compressed |
/// | 503, `Retry-After: 1` | the bot is stopping |
/// | 503, `Retry-After: 2` to `30` | there is no room, or the storage is away: nothing is lost if it is posted again |
///
/// Failures are [`Problem`]s. It is never 410, at which platforms give up a webhook.
///
/// ```no_run
/// use axum::Router;
/// use tertulia::bot::{Bot, Context};
/// use tertulia_http::{WebhookOptions, webhook};
/// use tertulia_telegram::Telegram;
///
/// # async fn example(listener: tokio::net::TcpListener) -> anyhow::Result<()> {
/// let (telegram, hook) = Telegram::from_env()?.webhook(None);
/// let bot = Bot::new(telegram).on_message(async |ctx: Context| {
///     ctx.reply(format!("you said: {}", ctx.text())).await?;
///     Ok(())
/// });
/// let running = bot.start().await?;
/// let posts = webhook(running.door().clone(), hook, WebhookOptions::default());
/// axum::serve(listener, Router::new().route("/webhook/telegram", posts)).await?;
/// # Ok(())
/// # }
/// ```
pub fn webhook<S>(door: Door, hook: impl Hook, options: WebhookOptions) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let room = Room::new(&options);
    let shared = Arc::new(Shared { door, hook: Arc::new(hook), options, room });
    post(answer)
        .fallback(|| async { Problem::new(ProblemKind::MethodNotAllowed, "a webhook takes only POST") })
        .with_state(shared)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Result<StatusCode, Problem> {
    let Shared { door, hook, options, room } = &*shared;
    let (parts, posted) = request.into_parts();
    let later = || later(door.clock.random());
    hook.admit(&|name| header(&parts.headers, name), door.clock.now()).map_err(forged)?;
    if door.intake.is_closed() {
        return Err(stopping());
    }
    if room.is_full() {
        return Err(later());
    }
    body::check_encoding(&parts.headers)?;
    let (posted, bytes) = read(posted, options, room, door.clock.random()).await?;
    let place = room.post().ok_or_else(later)?;
    let update = hook.open(&|name| header(&parts.headers, name), posted).map_err(forged)?;
    if let Some(fault) = &update.fault {
        tracing::warn!(hook = hook.name(), fault, "a post is no update and is kept in `dead`");
    }
    let intake = door.intake.clone();
    // The inbox holds the update whether the poster waits or not, so its room is taken until it is in. The task ends
    // when the inbox answers, at the latest when the runner is gone; there are no more of them than posts may wait.
    let submitted = tokio::spawn(async move {
        let receipt = intake.submit(update).await;
        drop((bytes, place));
        receipt
    });
    match tokio::time::timeout(options.accept_within, submitted).await {
        Ok(Ok(Ok(Receipt::Accepted | Receipt::Seen))) => Ok(StatusCode::OK),
        Ok(Ok(Err(error))) => Err(match error.kind() {
            Kind::Closed => stopping(),
            Kind::Invalid => Problem::new(ProblemKind::TooLarge, "the storage takes no update of this size"),
            _ => {
                tracing::error!(hook = hook.name(), %error, "an update was not put into the inbox");
                later()
            }
        }),
        // Only a panic or the end of the runtime ends the task without an answer.
        Ok(Err(_)) | Err(_) => Err(later()),
    }
}

/// What the headers say under a name.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Header<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Header::Absent,
        (Some(value), None) => Header::One(value.as_bytes()),
        (Some(_), Some(_)) => Header::Several,
    }
}

fn forged(error: tertulia::Error) -> Problem {
    Problem::new(ProblemKind::Forged, error.to_string())
}

fn stopping() -> Problem {
    let text = "the bot is stopping and takes no updates";
    Problem::new(ProblemKind::Unavailable, text).retry_after(WAIT_FOR_ANOTHER)
}

/// There is no room now. Not all who are told so should come back at once.
pub(crate) fn later(random: u64) -> Problem {
    let seconds = WAIT.start() + random % (WAIT.end() - WAIT.start() + 1);
    let text = "the bot takes no updates for now, post it again";
    Problem::new(ProblemKind::Unavailable, text).retry_after(seconds)
}
