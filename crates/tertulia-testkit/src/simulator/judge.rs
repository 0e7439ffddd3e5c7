//! Compares what the world knows with what is stored, when all is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tertulia::bot::answer::{self, Answer};
use tertulia::runner::{DEAD, DeadKind, DeadRecord, INBOX, OUTBOX, SENT, SentRecord};
use tertulia::session::{Options, State};
use tertulia::storage::{Page, Read, Storage};
use tertulia::{Clock, Conversation, Error, Key, Name, Sessions, Shard, Timestamp};

use super::ledger::{number, text};
use super::plan::{Kind, POLLED, Written};
use super::platform::{incoming, reply};
use super::process::{Chat, SHARED, Total};
use super::reader::Seen;
use super::world::{World, events};

/// Judges a world in which nothing happens any more.
pub(super) async fn judge(world: &World, readers: &BTreeMap<Conversation, Seen>) {
    let judge = Judge { world, storage: world.stored() };
    if let Err(error) = judge.all(readers).await {
        world.violation(|| format!("the store cannot be read: {error}"));
    }
}

pub(super) struct Judge<'a> {
    pub(super) world: &'a World,
    pub(super) storage: Arc<dyn Storage>,
}

impl Judge<'_> {
    async fn all(&self, readers: &BTreeMap<Conversation, Seen>) -> Result<(), Error> {
        let dead = self.dead().await?;
        for conversation in self.world.conversations() {
            self.session(&conversation).await?;
            if self.world.plan.sabotage.fails_over() {
                continue;
            }
            let chat = self.stored::<Chat>("chat", &conversation).await?;
            self.fates(&conversation, &dead, &chat).await?;
            self.lives(&conversation, &chat).await?;
            self.said(&conversation).await?;
            if let Some(seen) = readers.get(&conversation) {
                let (seen, written) = (seen.all(), self.events(&conversation).await?);
                self.same("a reader has seen", &conversation, &seen, "of", &written);
            }
        }
        if !self.world.plan.sabotage.fails_over() {
            self.total().await?;
            for name in [INBOX, OUTBOX] {
                let left = self.world.queued(&name).await;
                self.check(left == 0, || format!("{left} entries are left in {name}"));
            }
        }
        Ok(())
    }

    pub(super) fn check(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.world.violation(otherwise);
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(
        &self,
        what: &str,
        of: &Conversation,
        is: &[T],
        but: &str,
        should: &[T],
    ) {
        self.check(is == should, || format!("{of}: {what} {is:?} {but} {should:?}"));
    }

    pub(super) fn updates(&self, conversation: &Conversation) -> impl Iterator<Item = (usize, &Written)> {
        let all = self.world.plan.updates.iter().enumerate();
        all.filter(move |(_, written)| written.conversation == *conversation)
    }

    /// The session holds what the turns that were applied have put there, in that order and once; where nothing may
    /// be lost, those are all turns in the order in which people wrote.
    async fn session(&self, conversation: &Conversation) -> Result<(), Error> {
        let chat = self.stored::<Chat>("chat", conversation).await?;
        let expected: Vec<usize> = if self.world.plan.sabotage.fails_over() {
            self.world.ledger.lock().turns.get(&events(conversation)).cloned().unwrap_or_default()
        } else {
            let applied = self.updates(conversation).filter(|(_, written)| written.kind.is_applied());
            applied.map(|(number, _)| number).collect()
        };
        self.same("the session holds", conversation, &chat.list, "instead of", &expected);
        self.same("the history holds", conversation, chat.history.tail(), "instead of", &expected);
        let count = chat.count;
        self.check(count == expected.len() as u64, || {
            format!("{conversation}: the counter is {count} instead of {}", expected.len())
        });
        Ok(())
    }

    async fn stored<S: State + DeserializeOwned>(
        &self,
        name: &str,
        conversation: &Conversation,
    ) -> Result<S, Error> {
        let clock = Clock::starting_at(Timestamp(0), 0);
        let sessions = Sessions::<S>::with(Arc::clone(&self.storage), clock, name, Options::default())?;
        Ok(sessions.get(conversation.clone()).await?.into_inner())
    }

    async fn total(&self) -> Result<(), Error> {
        let total = self.stored::<Total>("total", &Conversation::parse(SHARED)?).await?.count;
        let expected = self.world.plan.updates.iter().filter(|written| written.kind == Kind::Shares).count();
        self.check(total == expected as u64, || {
            format!("the shared counter is {total} instead of {expected}")
        });
        Ok(())
    }

    /// Every update was acknowledged and is dead if it had to die, and only then; whoever waits for its answer has it.
    async fn fates(
        &self,
        conversation: &Conversation,
        dead: &[(DeadKind, String)],
        chat: &Chat,
    ) -> Result<(), Error> {
        let is_polled = conversation.source() == POLLED;
        for (number, Written { kind, .. }) in self.updates(conversation) {
            self.check(self.world.platform.is_taken(number), || format!("{number} was never acknowledged"));
            let letters =
                dead.iter().filter(|(what, body)| *what == DeadKind::Update && *body == number.to_string());
            let letters = letters.count();
            self.check(letters == usize::from(kind.dies()), || {
                format!("{number} is {letters} times in dead, and is {kind:?}")
            });
            if is_polled || *kind == Kind::Fault {
                continue;
            }
            let answer = answer::read(&*self.storage, conversation, &incoming(self.world, number).id).await?;
            let answer = self.unlive(answer);
            let replies = (0..kind.replies()).map(|nth| reply(self.world, number, nth)).collect();
            let replies = self.live_replies(replies, number, chat);
            let expected = if kind.dies() { Answer::GivenUp } else { Answer::Replies(replies) };
            self.check(answer.as_ref() == Some(&expected), || {
                format!("the answer to {number} is {answer:?} instead of {expected:?}")
            });
        }
        let calls =
            dead.iter().filter(|(what, _)| matches!(what, DeadKind::Call(_))).map(|(_, body)| body.as_str());
        let mut calls: Vec<_> = calls.filter(|body| self.is_in(conversation, body)).collect();
        calls.sort_unstable();
        let mut expected = if is_polled { self.replies(conversation, true) } else { Vec::new() };
        expected.sort_unstable();
        self.check(calls == expected, || {
            format!("{conversation}: dead calls are {calls:?} instead of {expected:?}")
        });
        Ok(())
    }

    fn is_in(&self, conversation: &Conversation, call: &str) -> bool {
        let number = call.split(':').next().and_then(|number| number.parse::<usize>().ok());
        number.is_some_and(|number| self.world.plan.updates[number].conversation == *conversation)
    }

    /// What should be said, in order; or what should be refused.
    fn replies(&self, conversation: &Conversation, refused: bool) -> Vec<String> {
        let those = self.updates(conversation).filter(|(_, w)| (w.kind == Kind::Unsendable) == refused);
        those
            .flat_map(|(number, w)| (0..w.kind.replies()).map(move |nth| reply(self.world, number, nth)))
            .collect()
    }

    /// Every reply was said, and is in the log of what was said. (In which order the first of each came, and whether
    /// repeats were excused, was judged when they came.)
    async fn said(&self, conversation: &Conversation) -> Result<(), Error> {
        if conversation.source() != POLLED || self.world.plan.sabotage == super::Sabotage::GateOff {
            return Ok(());
        }
        let expected: BTreeSet<_> = self.replies(conversation, false).into_iter().collect();
        let said = self.world.platform.received().remove(conversation).unwrap_or_default();
        let said: BTreeSet<_> = said.into_iter().collect();
        self.check(said == expected, || format!("{conversation}: said was {said:?} instead of {expected:?}"));
        let noted = self.log(Key::Log(conversation.clone(), SENT)).await?;
        let noted: BTreeSet<_> = noted
            .iter()
            .filter_map(|bytes| SentRecord::decode(bytes).ok())
            .filter(|record| record.ticket.ordinal < 1 << 31)
            .map(|record| record.message.trim_start_matches("message ").to_owned())
            .collect();
        self.check(noted == expected, || {
            format!("{conversation}: noted was {noted:?} instead of {expected:?}")
        });
        Ok(())
    }

    async fn events(&self, conversation: &Conversation) -> Result<Vec<usize>, Error> {
        Ok(self.log(events(conversation)).await?.iter().filter_map(number).collect())
    }

    pub(super) async fn log(&self, key: Key) -> Result<Vec<bytes::Bytes>, Error> {
        let mut pages = self.storage.read(&[Read::new(key)]).await?;
        let page = pages.remove(0)?.and_then(Page::into_log);
        Ok(page.map(|page| page.entries).unwrap_or_default())
    }

    async fn dead(&self) -> Result<Vec<(DeadKind, String)>, Error> {
        let shards: BTreeSet<Shard> = self.world.conversations().iter().map(Conversation::shard).collect();
        let dead: Name = DEAD;
        let reads: Vec<_> = shards.iter().map(|shard| Read::new(Key::Queue(*shard, dead.clone()))).collect();
        let mut records = Vec::new();
        for page in self.storage.read(&reads).await? {
            for entry in page?.and_then(Page::into_queue).map(|page| page.entries).unwrap_or_default() {
                let record = DeadRecord::decode(&entry.bytes)?;
                records.push((record.what, text(&record.body)));
            }
        }
        Ok(records)
    }
}
