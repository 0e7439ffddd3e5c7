//! Tells a message as it is said: the live replies to its updates, then what was replied beside them, then the end.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tertulia::bot::Door;
use tertulia::bot::answer::{self, Answer};
use tertulia::storage::ItemId;
use tertulia::stream::{End, Event, Followed, From, Limit, Page, Tail};
use tertulia::{Conversation, Result};

use super::chunk::Chunk;
use super::fold::Fold;
use super::lives::{self, Entry};

/// How much is read at once, unless a single event is larger.
const PAGE: Limit = Limit { entries: usize::MAX, bytes: 64 << 10 };
/// The wait for the stream of a live reply that is about to begin.
const BEGINS: Duration = Duration::from_millis(20);

/// A message that is being told.
pub(super) struct Telling {
    door: Door,
    conversation: Conversation,
    message: String,
    /// The updates whose replies make up the message and are not all told, in order; the message ends with the last one.
    updates: VecDeque<ItemId>,
    fold: Fold,
    has_begun: bool,
    /// The streams that were taken up.
    taken: HashSet<String>,
    /// Live replies that were not begun.
    pending: VecDeque<Entry>,
    current: Option<Current>,
    /// What the live replies to the first update said.
    texts: Vec<String>,
    /// How the last live reply ended.
    ended: End,
}

/// The live reply that is being told.
struct Current {
    tail: Tail,
    /// As it was when nothing of it was told, as long as that is so.
    untold: Option<Fold>,
}

/// What comes next of a message.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Chunks(Vec<Chunk>),
    /// These are the last ones.
    End(Vec<Chunk>),
    /// What was told is being said anew, which no chunk says: the reader has to begin anew too.
    Anew,
}

impl Telling {
    /// Will tell what is replied to these updates, at least one, as the message of that id.
    pub(super) fn new(
        door: &Door,
        conversation: &Conversation,
        message: String,
        updates: Vec<ItemId>,
        fold: Fold,
    ) -> Self {
        Self {
            door: door.clone(),
            conversation: conversation.clone(),
            message,
            updates: updates.into(),
            fold,
            has_begun: false,
            taken: HashSet::new(),
            pending: VecDeque::new(),
            current: None,
            texts: Vec::new(),
            ended: End::Complete,
        }
    }

    /// What comes next; not to be asked after the end. Waits for it.
    ///
    /// # Errors
    /// What the storage gives; `Gone` if a stream went while it was told.
    ///
    /// # Cancel safety
    /// If dropped, nothing is left out.
    pub(super) async fn next(&mut self) -> Result<Next> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Ok(Next::Chunks(vec![Chunk::Start { message_id: self.message.clone() }]));
        }
        loop {
            let next = match &mut self.current {
                Some(current) => {
                    let followed = current.tail.next().await?;
                    self.follow(followed)
                }
                None if self.pending.is_empty() => self.look().await?,
                None => self.begin().await?,
            };
            match next {
                Some(Next::Chunks(chunks)) if chunks.is_empty() => {}
                Some(next) => return Ok(next),
                None => {}
            }
        }
    }

    fn follow(&mut self, followed: Option<Followed>) -> Option<Next> {
        match followed {
            Some(Followed::Page(page)) => Some(self.page(&page)),
            Some(Followed::Reset(_)) => {
                match self.current.as_ref().and_then(|current| current.untold.clone()) {
                    Some(untold) => {
                        self.fold = untold;
                        None
                    }
                    None => Some(Next::Anew),
                }
            }
            None => {
                self.current = None;
                None
            }
        }
    }

    fn page(&mut self, page: &Page) -> Next {
        let mut chunks = Vec::new();
        for event in page.entries().filter_map(|entry| Event::decode(&entry).ok()) {
            self.fold.event(&event, &mut chunks);
        }
        if let Some(current) = self.current.as_mut().filter(|_| !chunks.is_empty()) {
            current.untold = None;
        }
        let Some(how) = page.closed() else { return Next::Chunks(chunks) };
        self.current = None;
        self.texts.push(self.fold.text().to_owned());
        self.fold.end(&mut chunks);
        self.ended = how;
        match how {
            End::Complete | End::Stopped => Next::Chunks(chunks),
            End::Aborted => {
                self.fold.finish(how, &mut chunks);
                Next::End(chunks)
            }
        }
    }

    /// Begins the next live reply.
    async fn begin(&mut self) -> Result<Option<Next>> {
        let Some(live) = self.pending.front() else { return Ok(None) };
        let Some(stream) = live.stream(&self.door, &self.conversation).await? else {
            // What is no longer kept is not waited for; its text is among the replies.
            match answer::read(&*self.door.storage, &self.conversation, &live.to).await? {
                Some(_) => drop(self.pending.pop_front()),
                None => self.door.clock.sleep(BEGINS).await,
            }
            return Ok(None);
        };
        let mut chunks = Vec::new();
        self.fold.begin(&live.stream, &mut chunks);
        self.current =
            Some(Current { tail: stream.tail(From::Start).limit(PAGE), untold: Some(self.fold.clone()) });
        self.pending.pop_front();
        Ok(Some(Next::Chunks(chunks)))
    }

    /// Looks for other live replies, or the end; waits if there is neither.
    async fn look(&mut self) -> Result<Option<Next>> {
        let (storage, conversation) = (&*self.door.storage, &self.conversation);
        let (Some(update), Some(last)) = (self.updates.front(), self.updates.back()) else {
            return Ok(Some(Next::End(Vec::new())));
        };
        // Live replies are there before the answer is.
        let answered = answer::read(storage, conversation, update).await?;
        let is_last = self.updates.len() == 1;
        // An answer expires before that to a later update does.
        let is_past = !is_last && answer::read(storage, conversation, last).await?.is_some();
        let (found, seen) = lives::read(&self.door, conversation).await?;
        let new = |live: &Entry| live.to == *update && !self.taken.contains(&live.stream);
        let new: Vec<_> = found.into_iter().filter(new).collect();
        if !new.is_empty() {
            self.taken.extend(new.iter().map(|live| live.stream.clone()));
            self.pending.extend(new);
            return Ok(None);
        }
        match answered {
            Some(answer) => Ok(Some(self.answered(answer))),
            None if is_past => Ok(Some(self.answered(Answer::Replies(Vec::new())))),
            None => {
                tokio::select! {
                    changed = self.door.live_changed(conversation, seen) => drop(changed?),
                    answer = answer::wait(storage, conversation, update) => drop(answer?),
                    answer = answer::wait(storage, conversation, last), if !is_last => drop(answer?),
                }
                Ok(None)
            }
        }
    }

    /// All live replies to an update are told.
    fn answered(&mut self, answer: Answer) -> Next {
        let texts = std::mem::take(&mut self.texts);
        self.updates.pop_front();
        let mut chunks = Vec::new();
        let replies = match answer {
            Answer::Replies(replies) => replies,
            Answer::GivenUp => {
                self.fold.finish(End::Aborted, &mut chunks);
                return Next::End(chunks);
            }
            Answer::Cancelled => {
                let error_text = "the message was cancelled by another one".to_owned();
                return Next::End(vec![Chunk::Error { error_text }]);
            }
        };
        let is_end = self.updates.is_empty();
        self.fold.beside(replies, texts, is_end, &mut chunks);
        match is_end {
            true => {
                self.fold.finish(self.ended, &mut chunks);
                Next::End(chunks)
            }
            false => Next::Chunks(chunks),
        }
    }
}
