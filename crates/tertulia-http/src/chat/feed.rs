//! `GET /v1/chat/{id}/feed`: what comes to a conversation, as server-sent events, from whatever tab or program.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::{BoxFuture, select_all};
use futures_util::stream::{FuturesUnordered, StreamExt, unfold};
use serde::Serialize;
use tertulia::bot::answer::{self, Answer};
use tertulia::bot::{Door, LiveEntry};
use tertulia::storage::{Base, Etag, ItemId, LogPage, Read};
use tertulia::{Conversation, Key, Result};
use tokio::time::Instant;

use super::journal::{self, Turns, log};
use super::open::{self, Recent};
use super::place::{At, Place};
use super::said::{Said, Spoken, State as What};
use super::{Id, conversation, posted, sse, transcript};
use crate::access::{Grant, Resource, Right, Scope};
use crate::router::Shared;
use crate::streams::query::Query;
use crate::{Gate, Problem, ProblemKind, request};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How many turns are read at once, and how many of the last ones are looked through at the beginning.
const TURNS: usize = 64;
/// How long one answer lasts. Then the reader comes back.
const LASTS: Duration = Duration::from_hours(1);

/// Somebody follows a conversation.
struct Feed {
    door: Door,
    conversation: Conversation,
    place: Place,
    /// What is not answered, as it is known so far.
    open: HashMap<ItemId, Said>,
    /// Resolves with the answers to these.
    answers: FuturesUnordered<BoxFuture<'static, (ItemId, Result<Answer>)>>,
    /// Answers that were not told.
    answered: Vec<(ItemId, Answer)>,
    /// The logs as they were when they were read: the journal, live replies, posted messages.
    seen: [Option<Etag>; 3],
    first: Option<Bytes>,
    heartbeat: Duration,
    until: Instant,
    gate: Option<Gate>,
    over: bool,
}

/// A live reply has begun.
#[derive(Serialize)]
struct Begun<'a> {
    #[serde(flatten)]
    spoken: Spoken,
    /// The update whose turn it is.
    turn: String,
    /// The update it answers, and when it began.
    to: String,
    at: u64,
    /// What that says.
    text: &'a str,
}

/// Events are `posted`, `live`, `turn` and `ping`; `place`, whose id is where to go on, after those that came together; and
/// `reset` for a reader who has to read the conversation anew. Whoever comes without an id gets what comes from now on.
pub(super) async fn get(
    State(shared): State<Shared>,
    grant: Grant,
    id: Id,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let conversation = conversation(&shared.door, id)?;
    grant.needs_either(Scope::Chat, Resource::Conversation(&conversation), Right::Read)?;
    let query = Query::new(query.as_deref())?;
    let wrong = |_| Problem::new(ProblemKind::Invalid, "the Last-Event-ID is not one of this server's");
    let id = match headers.get(LAST_EVENT_ID).map(|id| id.to_str()).transpose().map_err(wrong)? {
        Some(id) => Some(id.to_owned()),
        None => query.get("last_event_id")?.map(Into::into),
    };
    let place = id.filter(|id| !id.is_empty()).map(|id| id.parse::<Place>()).transpose()?;
    let options = &shared.options;
    let mut feed = Feed {
        door: shared.door.clone(),
        conversation,
        place: Place::default(),
        open: HashMap::new(),
        answers: FuturesUnordered::new(),
        answered: Vec::new(),
        seen: [None; 3],
        first: None,
        heartbeat: options.heartbeat,
        until: Instant::now() + grant.lasts().map_or(LASTS, |lasts| lasts.min(LASTS)),
        gate: options.gate.clone(),
        over: false,
    };
    feed.first = Some(feed.begin(place).await?);
    let events = unfold(feed, async |mut feed| {
        let events = feed.next().await?;
        Some((Ok::<_, Infallible>(events), feed))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

impl Feed {
    /// Finds what is open, and tells what of it was answered while its turn is not over.
    async fn begin(&mut self, place: Option<Place>) -> Result<Bytes> {
        let (door, conversation) = (&self.door.clone(), &self.conversation.clone());
        let turns = journal::last(&*door.storage, conversation, None, TURNS).await?;
        let recent = Recent::read(door, conversation).await?;
        let now = Place { journal: turns.next, live: recent.live_next, posted: recent.posted_next };
        self.place = place.unwrap_or(now);
        let known = transcript::updates(&turns);
        let mut out = b"retry:1000\n\n".to_vec();
        for (id, mut said) in recent.others(conversation, &known) {
            open::settle(door, conversation, &id, &mut said).await?;
            match said.state {
                What::Accepted => self.wait_for(id, said),
                // Those of turns that are not among these are told by the journal.
                _ if turns.more => {}
                _ => sse::event(&mut out, "turn", None, &said),
            }
        }
        Ok(out.into())
    }

    /// Has the answer to a message told, where answers are kept; elsewhere its turn is.
    fn wait_for(&mut self, id: ItemId, said: Said) {
        let answers = self.door.answers(&self.conversation);
        if self.open.insert(id.clone(), said).is_none() && answers {
            self.answers.push(Box::pin(wait(self.door.clone(), self.conversation.clone(), id)));
        }
    }

    /// The next events; `None` when the reader is to come back.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        while !self.over {
            match self.read().await {
                Ok(out) if out.is_empty() => {}
                Ok(out) => return Some(out.into()),
                Err(error) => {
                    tracing::warn!(conversation = %self.conversation, %error, "a conversation cannot be followed");
                    return None;
                }
            }
            let gate = self.gate.clone();
            let closed = async {
                match gate {
                    Some(gate) => gate.closed().await,
                    None => std::future::pending().await,
                }
            };
            let (until, heartbeat) = (self.until, self.heartbeat);
            tokio::select! {
                biased;
                () = closed => return None,
                () = tokio::time::sleep_until(until) => return None,
                woken = self.changed() => match woken {
                    Ok(()) => {}
                    Err(_) => return None,
                },
                () = tokio::time::sleep(heartbeat) => return Some(Bytes::from_static(b"event:ping\ndata:{}\n\n")),
            }
        }
        None
    }

    /// Waits until there is something new.
    async fn changed(&mut self) -> Result<()> {
        let keys = self.keys();
        let storage = &*self.door.storage;
        let changes = keys.iter().zip(self.seen).map(|(key, seen)| storage.changed(key, seen));
        tokio::select! {
            biased;
            Some((id, answer)) = self.answers.next() => {
                self.answered.push((id, answer?));
                Ok(())
            }
            (changed, _, _) = select_all(changes) => changed.map(drop),
        }
    }

    fn keys(&self) -> [Key; 3] {
        let of = &self.conversation;
        [journal::key(of), open::live(of), posted::key(of)]
    }

    /// What came since it was read last.
    async fn read(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let [journal, live, posted] = self.keys();
        let page = self.page(posted, self.place.posted, 2).await?;
        let posts = page.as_ref().map(posted::read).transpose()?.unwrap_or_default();
        self.place.posted = moved(self.place.posted, page.as_ref());
        for posted in posts {
            let Some(id) = request::from_hex(&posted.update) else { continue };
            let said = posted.said();
            sse::event(&mut out, "posted", None, &said);
            self.wait_for(id, said);
        }
        for (_, live) in self.lives(&live).await? {
            if let Some(spoken) = open::spoken(&self.conversation, &live) {
                let (turn, to) = (request::hex(&live.update), request::hex(&live.to));
                let begun = Begun { spoken, turn, to, at: live.at.0, text: &live.text };
                sse::event(&mut out, "live", None, &begun);
            }
            if !self.open.contains_key(&live.to) {
                self.wait_for(live.to.clone(), open::said_to(&live));
            }
        }
        // After the others, so that what was committed in between is over.
        if !self.turns(&journal, &mut out).await? {
            return Ok(out);
        }
        for (id, answer) in std::mem::take(&mut self.answered) {
            // Unless its turn is over, which was told.
            if let Some(mut said) = self.open.remove(&id) {
                said.answer(answer);
                Recent::read(&self.door, &self.conversation).await?.complete(&self.conversation, &mut said);
                sse::event(&mut out, "turn", None, &said);
            }
        }
        if !out.is_empty() {
            let id = self.place.to_string();
            sse::event(&mut out, "place", Some(&id), &serde_json::json!({}));
        }
        Ok(out)
    }

    async fn page(&mut self, key: Key, at: At, seen: usize) -> Result<Option<LogPage>> {
        let storage = &*self.door.storage;
        let read = Read::new(key.clone()).base(Base::Never);
        let page = match log(storage, read.clone().from(at.from())).await? {
            Some(page) => Some(page),
            // It is another log than it was, or so much came that some of it is trimmed.
            None => log(storage, read).await?,
        };
        self.seen[seen] = page.as_ref().map(|page| page.head.etag);
        Ok(page)
    }

    async fn lives(&mut self, key: &Key) -> Result<Vec<(u64, LiveEntry)>> {
        let head = log(&*self.door.storage, Read::head(key.clone())).await?.map(|page| page.head);
        self.seen[1] = head.map(|head| head.etag);
        let Some(head) = head else { return Ok(Vec::new()) };
        let at = self.place.live;
        let from = if at.incarnation == head.incarnation.0 { at.offset } else { 0 };
        let lives = self.door.live(&self.conversation, from).await?;
        self.place.live = At { incarnation: head.incarnation.0, offset: lives.next };
        Ok(lives.entries)
    }

    /// Tells the turns that were committed. Gives false if it is not known which, so that the reader has to begin anew.
    async fn turns(&mut self, key: &Key, out: &mut Vec<u8>) -> Result<bool> {
        let storage = self.door.storage.clone();
        let mut recent = None;
        loop {
            let head = log(&*storage, Read::head(key.clone())).await?.map(|page| page.head);
            self.seen[0] = head.map(|head| head.etag);
            let Some(head) = head else { return Ok(true) };
            let at = self.place.journal;
            if at.incarnation != 0 && (at.incarnation != head.incarnation.0 || at.offset < head.start.0) {
                out.clear();
                out.extend_from_slice(b"event:reset\ndata:{}\n\n");
                self.over = true;
                return Ok(false);
            }
            if at.incarnation != 0 && at.offset >= head.end.0 {
                return Ok(true);
            }
            let mut turns = Turns { next: at, ..Turns::default() };
            journal::more(&*storage, &self.conversation, &mut turns, TURNS).await?;
            if turns.next == at {
                return Ok(true);
            }
            self.place.journal = turns.next;
            let recent = match &recent {
                Some(recent) => recent,
                None => recent.insert(Recent::read(&self.door, &self.conversation).await?),
            };
            for (number, record) in &turns.records {
                for mut said in journal::said(&self.door, &self.conversation, *number, record) {
                    recent.complete(&self.conversation, &mut said);
                    self.open.retain(|_, open| open.update != said.update);
                    sse::event(out, "turn", None, &said);
                }
            }
        }
    }
}

async fn wait(door: Door, conversation: Conversation, id: ItemId) -> (ItemId, Result<Answer>) {
    let answer = answer::wait(&*door.storage, &conversation, &id).await;
    (id, answer)
}

/// The place after a page; where there is no log it stays.
fn moved(at: At, page: Option<&LogPage>) -> At {
    match page {
        Some(_) => At::after(page),
        None => at,
    }
}
