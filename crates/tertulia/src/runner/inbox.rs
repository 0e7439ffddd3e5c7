//! Keeps updates: what waits goes into the inboxes in one commit, then into the index, then whoever brought it is
//! told.

use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio::sync::{mpsc, watch};

use super::core::Core;
use super::format::{DeadKind, DeadRecord, InboxRecord, RESERVED};
use super::index::Arrived;
use super::intake::Request;
use super::names::{DEAD, INBOX};
use super::panics::caught;
use super::{About, Handler, Incoming, Keys, Receipt};
use crate::storage::{
    Append, Appended, CommitId, Committed, Head, Offset, QueueWrite, Revision, Scope, Write,
};
use crate::{Error, Key, Result, Shard, Timestamp};

/// The most updates of one commit; at most one write for each.
const MAX_UPDATES: usize = 200;
/// The most bytes of one commit, but for a single update.
const MAX_BYTES: usize = 8 << 20;

/// Reads and appends the inboxes of all shards, alone, so that the index sees them in the order of their offsets.
#[derive(Debug)]
pub(super) struct Inbox<H: Handler> {
    pub(super) core: Arc<Core<H>>,
    /// How far each shard's inbox has been read.
    pub(super) read: Vec<Option<(CommitId, Offset)>>,
    /// The last arrival stamp given.
    pub(super) stamp: Timestamp,
}

/// Where the append of an update is within a batch.
struct Place {
    write: usize,
    /// Which append of the batch, over all its writes.
    append: usize,
}

impl<H: Handler> Inbox<H> {
    pub(super) fn new(core: Arc<Core<H>>) -> Self {
        Self { core, read: vec![None; Shard::COUNT], stamp: Timestamp(0) }
    }

    /// Serves requests until told to stop, and those that came before: all that wait together share one commit.
    pub(super) async fn serve(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut closing: watch::Receiver<bool>,
    ) {
        let mut kept = None;
        loop {
            let first = match kept.take() {
                Some(request) => request,
                None => {
                    let request = tokio::select! {
                        biased;
                        request = requests.recv() => request,
                        _ = closing.wait_for(|closing| *closing), if !requests.is_closed() => {
                            requests.close();
                            continue;
                        }
                    };
                    let Some(request) = request else { return };
                    request
                }
            };
            let mut count = first.updates.len();
            let mut group = vec![first];
            while count < MAX_UPDATES
                && let Ok(request) = requests.try_recv()
            {
                if count + request.updates.len() > MAX_UPDATES {
                    kept = Some(request);
                    break;
                }
                count += request.updates.len();
                group.push(request);
            }
            self.keep(group).await;
        }
    }

    /// Keeps the updates of these requests, by as many commits as it takes, and answers.
    async fn keep(&mut self, group: Vec<Request>) {
        let mut waiting = Vec::with_capacity(group.len());
        let mut updates = Vec::new();
        for request in group {
            waiting.push((request.updates.len(), request.answer));
            if updates.is_empty() {
                updates = request.updates;
            } else {
                updates.extend(request.updates);
            }
        }
        let mut receipts = Vec::with_capacity(updates.len());
        let mut refused = None;
        while !updates.is_empty() {
            let room = self.core.index.room(updates.len()).await;
            let rest = updates.split_off(self.fitting(&updates, room));
            match self.commit(updates).await {
                Ok(more) => receipts.extend(more),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
            updates = rest;
        }
        let mut receipts = receipts.into_iter();
        for (size, answer) in waiting {
            let of_this: Vec<Receipt> = receipts.by_ref().take(size).collect();
            // Whoever asked may have stopped waiting; the updates are in all the same.
            let _ = answer.send(match &refused {
                Some(error) if of_this.len() < size => Err(Error::new(error.kind(), error.to_string())),
                _ => Ok(of_this),
            });
        }
    }

    /// How many of these updates one commit takes, at least one.
    fn fitting(&self, updates: &[Incoming], room: usize) -> usize {
        let limits = &self.core.limits;
        let most = room.min(limits.writes).max(1);
        let bytes = MAX_BYTES.min(limits.batch_bytes);
        let mut sum = 0;
        let fits = |update: &Incoming| {
            sum += update.body.len() + RESERVED;
            sum <= bytes
        };
        updates.iter().take(most).map(fits).take_while(|fits| *fits).count().max(1)
    }

    /// Commits updates, for as long as it takes, and puts them into the index.
    async fn commit(&mut self, updates: Vec<Incoming>) -> Result<Vec<Receipt>> {
        let now = self.core.clock.now();
        self.stamp = self.stamp.max(now);
        let (writes, places) = self.writes(&updates, now);
        // Per write: the shard, if it is to an inbox.
        let inboxes: Vec<Option<Shard>> =
            writes.iter().map(|write| (*write.key().name() == INBOX).then(|| write.key().shard())).collect();
        let committed = match self.core.scope {
            Scope::Store => {
                // Made anew only if they have to be tried again, which spares a copy of each batch.
                let mut first = Some(writes);
                let writes = || first.take().unwrap_or_else(|| self.writes(&updates, now).0);
                self.core.commit_for_sure(writes).await?
            }
            Scope::Shard => self.commit_each(writes).await?,
        };
        // An inbox that this commit alone has moved is known to its end; any other is read. It was moved by
        // somebody else, or by an earlier try of this commit whose answer was lost.
        let mut known: Vec<Option<CommitId>> = Vec::with_capacity(inboxes.len());
        let mut behind = Vec::new();
        let mut added = vec![0; inboxes.len()];
        for place in &places {
            added[place.write] += u64::from(matches!(committed.appended[place.append], Appended::At(_)));
        }
        for ((shard, head), added) in inboxes.iter().zip(&committed.heads).zip(added) {
            let (Some(shard), Some(head)) = (shard, head.as_ref().and_then(Head::queue)) else {
                known.push(None);
                continue;
            };
            let joins = match self.read[shard.index()] {
                Some((incarnation, next)) => incarnation == head.incarnation && next.0 + added == head.end.0,
                None => added == head.end.0,
            };
            if joins {
                self.read[shard.index()] = Some((head.incarnation, head.end));
            } else {
                behind.push(*shard);
            }
            known.push(joins.then_some(head.incarnation));
        }
        let mut receipts = Vec::with_capacity(updates.len());
        let arrivals = updates.into_iter().zip(places).filter_map(|(update, place)| {
            let Appended::At(offset) = committed.appended[place.append] else {
                receipts.push(Receipt::Seen);
                return None;
            };
            receipts.push(Receipt::Accepted);
            let Incoming { conversation, id, body, .. } = update;
            let (shard, arrived) = (conversation.shard(), self.stamp);
            Some(Arrived {
                about: About { update: id, conversation, arrived, attempt: 1, body },
                body_left_behind: false,
                not_before: Timestamp(0),
                shard,
                incarnation: known[place.write]?,
                offset,
                revision: Revision(0),
            })
        });
        self.push(arrivals);
        if !behind.is_empty() {
            self.refill_for_sure(&behind).await;
        }
        Ok(receipts)
    }

    /// The writes that keep these updates, and where each of them is.
    fn writes(&self, updates: &[Incoming], now: Timestamp) -> (Vec<Write>, Vec<Place>) {
        let mut writes: Vec<QueueWrite> = Vec::new();
        // The write to each shard's inbox; there may be many, so they are not searched.
        let mut inboxes = [None; Shard::COUNT];
        let mut nths = Vec::with_capacity(updates.len());
        for update in updates {
            let shard = update.conversation.shard();
            let (write, bytes) = match &update.fault {
                None => {
                    let write = *inboxes[shard.index()].get_or_insert_with(|| {
                        writes.push(QueueWrite::new(Key::Queue(shard, INBOX)));
                        writes.len() - 1
                    });
                    (write, InboxRecord::encode_new(&update.conversation, self.stamp, &update.body))
                }
                Some(fault) => {
                    let key = Key::Queue(shard, DEAD);
                    let write = writes.iter().position(|write| write.key == key).unwrap_or_else(|| {
                        writes.push(QueueWrite::new(key));
                        writes.len() - 1
                    });
                    (write, dead_record(update, now, fault))
                }
            };
            nths.push((write, writes[write].append.len()));
            writes[write].append.push(Append { id: Some(update.id.clone()), bytes });
        }
        let mut starts = Vec::with_capacity(writes.len());
        let mut sum = 0;
        for write in &writes {
            starts.push(sum);
            sum += write.append.len();
        }
        let places = nths.into_iter().map(|(write, nth)| Place { write, append: starts[write] + nth });
        let places = places.collect();
        (writes.into_iter().map(Write::from).collect(), places)
    }

    /// Commits each write alone, where a batch reaches no further than a shard.
    async fn commit_each(&self, writes: Vec<Write>) -> Result<Committed> {
        let commits = writes.into_iter().map(|write| self.core.commit_for_sure(move || vec![write.clone()]));
        let mut all = Committed::default();
        for mut committed in try_join_all(commits).await? {
            all.heads.append(&mut committed.heads);
            all.appended.append(&mut committed.appended);
        }
        Ok(all)
    }

    /// Puts updates into the index.
    pub(super) fn push(&self, arrivals: impl Iterator<Item = Arrived>) {
        // Keys are told before the index is locked, since that is the user's code.
        let handler = &*self.core.handler;
        let keyed = arrivals.map(|arrived| (keys(handler, &arrived.about), Arc::new(arrived))).collect();
        let start = self.core.index.push(keyed);
        self.core.start(start);
    }
}

/// What an update is ordered by. A panic in the user's function must not stop the intake.
fn keys<H: Handler>(handler: &H, about: &About) -> Keys {
    caught("the key function", || handler.keys(about)).unwrap_or_else(|error| {
        tracing::error!(update = ?about.update, %error, "ordering by conversation");
        Keys::Conversation
    })
}

fn dead_record(update: &Incoming, died: Timestamp, fault: &str) -> bytes::Bytes {
    DeadRecord {
        conversation: update.conversation.clone(),
        died,
        attempts: 0,
        what: DeadKind::Update,
        error: fault.to_owned(),
        body: update.body.clone(),
    }
    .encode()
}
