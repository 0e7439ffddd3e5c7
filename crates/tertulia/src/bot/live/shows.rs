//! Shows a live reply as a message of a platform: follows its stream, and makes of it one message that is edited. Where no
//! message can be edited it is sent when it is whole.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::format::shown;
use crate::bot::{Adapter, Outgoing};
use crate::error::Kind;
use crate::runner::{Call, Paced, Referred, Sender, Step, Ticket, Wait};
use crate::storage::BoxFuture;
use crate::stream::{End, Event, EventKind, From, Limit, Stream, StreamId, Streams};
use crate::{Clock, Error, Result};

/// What follows a text that broke off.
const BROKEN_OFF: &str = " …";
/// A stream that is in memory alone is gone after a restart, until the handler has begun it again: how often that is
/// looked for, and how long a time each is after the last.
const LOOKS: u32 = 60;
const AGAIN: Duration = Duration::from_secs(1);

/// The sender of a platform, which shows live replies too.
#[derive(Debug)]
pub(in crate::bot) struct Shows {
    inner: Arc<dyn Sender>,
    adapter: Arc<dyn Adapter>,
    streams: Streams,
    clock: Clock,
    /// What is known of the replies that are being shown. Written and read by the one task that makes the next step; an
    /// entry goes when its call is over or given up.
    shown: Mutex<HashMap<Ticket, Shown>>,
}

/// What is shown of a reply.
#[derive(Debug, Default)]
struct Shown {
    /// What it says so far, as far as it was read.
    text: String,
    from: From,
    ended: Option<End>,
    /// The messages that show it.
    messages: Vec<Message>,
    /// How often its stream was looked for.
    looks: u32,
    /// Its stream is not there any more.
    lost: bool,
}

#[derive(Debug)]
struct Message {
    id: String,
    /// A hash of what it says; `None` if an earlier process has written it.
    says: Option<u64>,
}

/// The next request that a reply needs.
enum Next {
    Send(usize),
    Edit(usize),
    /// Of the last message.
    Delete,
    Nothing,
}

impl Shows {
    pub(in crate::bot) fn new(
        inner: Arc<dyn Sender>,
        adapter: Arc<dyn Adapter>,
        streams: Streams,
        clock: Clock,
    ) -> Self {
        Self { inner, adapter, streams, clock, shown: Mutex::default() }
    }

    async fn go_on(&self, call: &Call, known: &mut Shown) -> Result<Step> {
        let name = shown(&call.body).ok_or_else(|| Error::invalid("the call names no live reply"))?;
        let id = StreamId::new(call.conversation.clone(), &name)?;
        let stream = self.read(&id, known).await?;
        let text = known.says();
        let parts = self.adapter.parts(&text);
        let grows = self.adapter.encode(&call.conversation, &Outgoing::Edit { text: BROKEN_OFF })?.is_some();
        let next = if grows || known.ended.is_some() { known.next(&parts) } else { Next::Nothing };
        let outgoing = match next {
            Next::Send(at) => Outgoing::Reply { text: parts[at] },
            Next::Edit(at) => Outgoing::Edit { text: parts[at] },
            Next::Delete => Outgoing::Delete,
            Next::Nothing if known.ended.is_some() => return Ok(Step::Made(known.ids())),
            Next::Nothing => return Ok(Step::On { so_far: known.ids(), next: self.news(stream, known) }),
        };
        let made = self.request(call, known, &outgoing, &next).await?;
        match next {
            Next::Send(at) => {
                known.messages.push(Message { id: made, says: Some(hash(parts[at])) });
            }
            Next::Edit(at) => {
                let message = &mut known.messages[at];
                (message.id, message.says) = (made, Some(hash(parts[at])));
            }
            Next::Delete => drop(known.messages.pop()),
            Next::Nothing => {}
        }
        Ok(Step::On { so_far: known.ids(), next: Box::pin(ready(())) })
    }

    /// Makes a request of the platform, within its rates.
    async fn request(
        &self,
        call: &Call,
        known: &Shown,
        outgoing: &Outgoing<'_>,
        next: &Next,
    ) -> Result<String> {
        let body = self.adapter.encode(&call.conversation, outgoing)?;
        let body = body
            .ok_or_else(|| Error::invalid(format!("`{}` has no {}", self.adapter.name(), outgoing.word())))?;
        let request = Call::new(call.conversation.clone(), call.ticket.clone(), body);
        let about = match next {
            Next::Edit(at) => known.messages.get(*at),
            Next::Delete => known.messages.last(),
            Next::Send(_) | Next::Nothing => None,
        };
        let request = match about {
            Some(Message { id, .. }) => {
                request.refers(Referred { ticket: call.ticket.clone(), message: id.clone() })
            }
            None => request,
        };
        match self.inner.wait(&request) {
            Wait::None => {}
            Wait::Conversation(wait) | Wait::Everybody(wait) => {
                let text = format!("a live reply in {} is held to a rate", call.conversation);
                return Err(Error::unavailable(text).with_source(Paced(wait)));
            }
        }
        self.inner.send(&request).await
    }

    /// Reads what has been said; gives the stream, if it is there.
    async fn read(&self, id: &StreamId, known: &mut Shown) -> Result<Option<Stream>> {
        if known.ended.is_some() {
            return Ok(None);
        }
        let found = match self.streams.get(id).await {
            Err(error) if error.kind() == Kind::Gone => {
                known.lose();
                return Ok(None);
            }
            found => found?,
        };
        let Some(stream) = found else {
            known.looks += 1;
            if self.streams.storage().is_some() || known.looks > LOOKS {
                known.lose();
            }
            return Ok(None);
        };
        loop {
            match stream.read(known.from, Limit::PAGE).await {
                Ok(page) => {
                    known.from = From::At(page.next());
                    page.entries().for_each(|entry| known.hear(&entry));
                    known.ended = page.closed();
                    if known.ended.is_some() || page.is_up_to_date() {
                        return Ok(Some(stream));
                    }
                }
                // It is said anew.
                Err(error) if error.kind() == Kind::Gone && !matches!(known.from, From::Start) => {
                    known.text.clear();
                    known.from = From::Start;
                }
                Err(error) if error.kind() == Kind::Gone => {
                    known.lose();
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Resolves when more is said.
    fn news(&self, stream: Option<Stream>, known: &Shown) -> BoxFuture<'static, ()> {
        let clock = self.clock.clone();
        let (Some(stream), From::At(cursor)) = (stream, known.from) else {
            return Box::pin(async move { clock.sleep(AGAIN).await });
        };
        Box::pin(async move {
            // What fails is found out when it is read.
            if stream.ready(&cursor).await.is_err() {
                clock.sleep(AGAIN).await;
            }
        })
    }
}

impl Shown {
    /// What an earlier process has shown.
    fn of(so_far: &str) -> Self {
        let ids = so_far.split(',').filter(|id| !id.is_empty());
        let messages = ids.map(|id| Message { id: id.to_owned(), says: None });
        Self { messages: messages.collect(), ..Self::default() }
    }

    /// Its stream is not there any more, and nobody says anything more.
    fn lose(&mut self) {
        (self.ended, self.lost) = (Some(End::Aborted), true);
    }

    /// The ids of its messages, with commas between them.
    fn ids(&self) -> String {
        self.messages.iter().map(|message| &*message.id).collect::<Vec<_>>().join(",")
    }

    fn hear(&mut self, entry: &[u8]) {
        // Others may write to the stream too, whatever they like.
        if let Ok(event) = Event::decode(entry)
            && event.kind == EventKind::Content
        {
            self.text.push_str(&event.content);
        }
    }

    /// What is to be shown.
    fn says(&self) -> String {
        let broken_off = self.ended == Some(End::Aborted) && !self.text.trim().is_empty();
        format!("{}{}", self.text, if broken_off { BROKEN_OFF } else { "" })
    }

    fn next(&self, parts: &[&str]) -> Next {
        // A run that has said nothing yet leaves what an earlier one has shown, and so does one of which nothing is known.
        if parts.is_empty() && (self.ended.is_none() || self.lost) {
            return Next::Nothing;
        }
        let differs = |(message, part): (&Message, &&str)| message.says != Some(hash(part));
        if let Some(at) = self.messages.iter().zip(parts).position(differs) {
            return Next::Edit(at);
        }
        match self.messages.len() {
            shown if shown < parts.len() => Next::Send(shown),
            shown if shown > parts.len() => Next::Delete,
            _ => Next::Nothing,
        }
    }
}

fn hash(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

impl Sender for Shows {
    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        self.inner.send(call)
    }

    fn step<'a>(&'a self, call: &'a Call, so_far: &'a str) -> BoxFuture<'a, Result<Step>> {
        if shown(&call.body).is_none() {
            return self.inner.step(call, so_far);
        }
        Box::pin(async move {
            let known = self.shown.lock().remove(&call.ticket);
            let mut known = known.unwrap_or_else(|| Shown::of(so_far));
            let step = self.go_on(call, &mut known).await;
            let goes_on = match &step {
                Ok(Step::Made(_)) => false,
                Ok(Step::On { .. }) => true,
                // It is given up after anything else.
                Err(error) => matches!(error.kind(), Kind::Unavailable | Kind::Unknown | Kind::Timeout),
            };
            if goes_on {
                self.shown.lock().insert(call.ticket.clone(), known);
            }
            step
        })
    }

    fn wait(&self, call: &Call) -> Wait {
        // A step asks for itself, once it knows whether there is something to do.
        if shown(&call.body).is_some() { Wait::None } else { self.inner.wait(call) }
    }

    fn forget(&self, call: &Call) {
        self.shown.lock().remove(&call.ticket);
        self.inner.forget(call);
    }
}
