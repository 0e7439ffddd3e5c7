//! What is kept of a message, read without waiting.

use tertulia::Conversation;
use tertulia::stream::{End, Event, From, Limit};

use super::call::Calls;
use super::chunk::Chunk;
use super::fold::Fold;
use super::lives::Entry;
use super::reply::Reply;
use super::router::App;
use crate::Problem;

/// The chunks of a message as far as it is said, but for its start and its end.
///
/// # Errors
/// What the storage gives.
pub(super) async fn chunks(
    app: &App,
    conversation: &Conversation,
    reply: &Reply,
    fold: &mut Fold,
) -> Result<Vec<Chunk>, Problem> {
    let mut chunks = Vec::new();
    for (said, lives) in &reply.said {
        let mut texts = Vec::new();
        for live in lives {
            if told(app, conversation, live, fold, &mut chunks).await? {
                texts.push(fold.text().to_owned());
            }
        }
        fold.beside(said.replies.clone(), texts, false, &mut chunks);
    }
    Ok(chunks)
}

/// Adds the chunks of a live reply, and whether it has ended.
async fn told(
    app: &App,
    conversation: &Conversation,
    live: &Entry,
    fold: &mut Fold,
    chunks: &mut Vec<Chunk>,
) -> Result<bool, Problem> {
    let stream = live.stream(&app.door, conversation).await?;
    let Some(stream) = stream else { return Ok(false) };
    fold.begin(&live.stream, chunks);
    let mut from = From::Start;
    loop {
        let page = stream.read(from, Limit::PAGE).await?;
        for event in page.entries().filter_map(|entry| Event::decode(&entry).ok()) {
            fold.event(&event, chunks);
        }
        match page.closed() {
            Some(End::Complete | End::Stopped | End::Aborted) => {
                fold.end(chunks);
                return Ok(true);
            }
            None if page.is_empty() => return Ok(false),
            None => from = From::At(page.next()),
        }
    }
}

/// The calls of tools that came up before a message and whose results it may tell: those of its turn, and those of the message
/// before, which may have ended with a question.
///
/// # Errors
/// What the storage gives.
pub(super) async fn calls_before(
    app: &App,
    conversation: &Conversation,
    replies: &[Reply],
    reply: &Reply,
) -> Result<Calls, Problem> {
    let turns = [reply.turn(), replies.last().and_then(Reply::turn)];
    let mut fold = Fold::default();
    for before in replies.iter().filter(|before| before.turn().is_some() && turns.contains(&before.turn())) {
        chunks(app, conversation, before, &mut fold).await?;
    }
    Ok(fold.into_calls().of_before())
}
