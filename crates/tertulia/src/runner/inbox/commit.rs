//! Commits updates to the inboxes of their shards, and puts them into the index.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;

use super::Inbox;
use super::coming::Coming;
use crate::runner::format::{DeadKind, DeadRecord, InboxRecord};
use crate::runner::index::{Arrived, Verdict};
use crate::runner::names::{DEAD, INBOX};
use crate::runner::riders::queue;
use crate::runner::{About, CallOptions, Handler, Receipt};
use crate::storage::{
    Append, Appended, CommitId, Committed, Head, Offset, QueueWrite, Removal, Scope, Which, Write,
};
use crate::{Error, Key, Result, Shard, Timestamp};

/// An update that is too many for its key: where it lies, and in which incarnation of its inbox if that is known to its
/// end.
type Crowded = (Coming, (Offset, CommitId), Option<CommitId>);

/// Where the append of an update is within a batch.
struct Place {
    write: usize,
    /// Which append of the batch, over all its writes.
    append: usize,
}

impl<H: Handler> Inbox<H> {
    /// Commits updates, for as long as it takes, and puts them into the index.
    ///
    /// # Errors
    /// That of a batch that will not be taken, or not now for want of room, with the updates.
    pub(super) async fn commit(
        &mut self,
        mut updates: Vec<Coming>,
    ) -> Result<Vec<Receipt>, (Error, Vec<Coming>)> {
        let now = self.core.clock.now();
        self.stamp = self.stamp.max(now);
        updates.iter_mut().for_each(|update| update.about.arrived = self.stamp);
        let (writes, places) = self.writes(&updates, now);
        // Per write: the shard, if it is to an inbox.
        let inboxes: Vec<Option<Shard>> =
            writes.iter().map(|write| (*write.key().name() == INBOX).then(|| write.key().shard())).collect();
        let committed = match self.core.scope {
            Scope::Store => {
                // Made anew only if they have to be tried again, which spares a copy of each batch.
                let mut first = Some(writes);
                let writes = || first.take().unwrap_or_else(|| self.writes(&updates, now).0);
                self.core.commit_for_sure(writes).await
            }
            Scope::Shard => self.commit_each(writes).await,
        };
        let committed = match committed {
            Ok(committed) => committed,
            Err(error) => return Err((error, updates)),
        };
        // An inbox that this commit alone has moved is known to its end; any other is read. It was moved by
        // somebody else, or by an earlier try of this commit whose answer was lost.
        let mut known: Vec<Option<CommitId>> = Vec::with_capacity(inboxes.len());
        // What was appended to an inbox moved its etag.
        let by = |head: &Option<Head>| head.as_ref().map(|head| head.etag().commit);
        let births: Vec<Option<CommitId>> = committed.heads.iter().map(by).collect();
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
                // A storage that failed over has lost the end, and given some of its offsets again: here, and perhaps
                // before, so that only all of it tells what is new.
                if self.read[shard.index()].is_some_and(|(_, next)| head.end.0 < next.0 + added) {
                    self.read[shard.index()] = None;
                }
                behind.push(*shard);
            }
            known.push(joins.then_some(head.incarnation));
        }
        let mut receipts = Vec::with_capacity(updates.len());
        let mut arrivals = Vec::with_capacity(updates.len());
        let mut crowd = Vec::new();
        let mut faults = 0;
        for (update, place) in updates.into_iter().zip(places) {
            let (Appended::At(offset), Some(born)) = (committed.appended[place.append], births[place.write])
            else {
                receipts.push(Receipt::Seen);
                continue;
            };
            receipts.push(Receipt::Accepted);
            faults += usize::from(update.fault.is_some());
            if update.crowded {
                crowd.push((update, (offset, born), known[place.write]));
            } else if let Some(incarnation) = known[place.write] {
                let shard = update.about.conversation.shard();
                let arrived = Arrived::new(update.about, shard, incarnation, offset, born);
                arrivals.push((update.keys, Arrived { passes: update.passes, ..arrived }));
            }
        }
        let (seen, meter) =
            (receipts.iter().filter(|receipt| **receipt == Receipt::Seen).count(), &self.core.meter);
        meter.seen.increment(seen as u64);
        let turned_away = crowd.len() + faults;
        meter.turned_away.increment(turned_away as u64);
        meter.accepted.increment((receipts.len() - seen - turned_away) as u64);
        self.push(arrivals.into_iter());
        if !crowd.is_empty() {
            self.bury(crowd).await;
        }
        if !behind.is_empty() {
            self.refill_for_sure(&behind).await;
        }
        Ok(receipts)
    }

    /// Moves updates that are too many for their key to `dead`. They were put into the inbox first, since only that
    /// tells whether they had been there before. Those for which `dead` has no room wait for their keys like any other,
    /// to go there then instead of being run; they come with the incarnation of their inbox, if it is known to its end.
    async fn bury(&self, mut crowd: Vec<Crowded>) {
        let shard = |(update, ..): &Crowded| update.about.conversation.shard();
        crowd.sort_by_key(shard);
        let now = self.core.clock.now();
        for crowd in crowd.chunk_by(|one, other| shard(one) == shard(other)) {
            let shard = shard(&crowd[0]);
            let records: Vec<Append> = crowd
                .iter()
                .map(|(update, ..)| {
                    let bytes = dead_record(&update.about, now, &self.too_many(update).to_string());
                    Append { id: Some(update.about.update.clone()), bytes }
                })
                .collect();
            let writes = || {
                let mut writes = Vec::new();
                let remove = crowd
                    .iter()
                    .map(|(_, (offset, born), _)| Removal { offset: *offset, which: Which::Born(*born) });
                queue(&mut writes, shard, &INBOX).remove.extend(remove);
                queue(&mut writes, shard, &DEAD).append.clone_from(&records);
                writes
            };
            let conversation = &crowd[0].0.about.conversation;
            match self.core.commit_for_sure(writes).await {
                Ok(_) => {
                    let updates = crowd.len();
                    tracing::warn!(%conversation, updates, "too many wait for one key, more go to dead");
                }
                Err(error) => {
                    tracing::error!(%conversation, %error, "updates of too many wait in the inbox until they can be put away");
                    let wait = |(update, (offset, born), incarnation): &Crowded| {
                        let why = self.too_many(update).to_string();
                        let arrived =
                            Arrived::new(update.about.clone(), shard, (*incarnation)?, *offset, *born);
                        let verdict = Some(Arc::new(Verdict::Bury(why)));
                        Some((update.keys.clone(), Arrived { verdict, ..arrived }))
                    };
                    // The others are read again with the rest of their inbox.
                    self.push(crowd.iter().filter_map(wait));
                }
            }
        }
    }

    /// The writes that keep these updates, and where each of them is.
    fn writes(&self, updates: &[Coming], now: Timestamp) -> (Vec<Write>, Vec<Place>) {
        let mut writes: Vec<QueueWrite> = Vec::new();
        // The write to each shard's inbox; there may be many, so they are not searched.
        let mut inboxes = [None; Shard::COUNT];
        let mut nths = Vec::with_capacity(updates.len());
        for update in updates {
            let About { update: id, conversation, body, .. } = &update.about;
            let shard = conversation.shard();
            let (write, bytes) = match &update.fault {
                None => {
                    let write = *inboxes[shard.index()].get_or_insert_with(|| {
                        writes.push(QueueWrite::new(Key::Queue(shard, INBOX)));
                        writes.len() - 1
                    });
                    (write, InboxRecord::encode_new(conversation, self.stamp, body))
                }
                Some(fault) => {
                    let key = Key::Queue(shard, DEAD);
                    let write = writes.iter().position(|write| write.key == key).unwrap_or_else(|| {
                        writes.push(QueueWrite::new(key));
                        writes.len() - 1
                    });
                    (write, dead_record(&update.about, now, fault))
                }
            };
            nths.push((write, writes[write].append.len()));
            writes[write].append.push(Append { id: Some(id.clone()), bytes });
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
}

fn dead_record(about: &About, died: Timestamp, fault: &str) -> Bytes {
    DeadRecord {
        conversation: about.conversation.clone(),
        died,
        attempts: 0,
        what: DeadKind::Update,
        options: CallOptions::default(),
        error: fault.to_owned(),
        body: about.body.clone(),
    }
    .encode()
}
