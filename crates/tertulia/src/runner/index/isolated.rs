//! Running some updates and no others, to find the one that stops the process.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Arrived, Index, Start, Verdict};
use crate::Shard;
use crate::runner::Begun;
use crate::storage::Offset;

/// The updates that may be taken.
#[derive(Debug, Default)]
pub(in crate::runner) struct Only(HashSet<(Shard, Offset), RandomState>);

impl Only {
    pub(super) fn allows(&self, arrived: &Arrived) -> bool {
        self.0.contains(&arrived.at())
    }
}

impl FromIterator<(Shard, Offset)> for Only {
    fn from_iter<I: IntoIterator<Item = (Shard, Offset)>>(updates: I) -> Self {
        Self(updates.into_iter().collect())
    }
}

impl Index {
    /// Takes only these from here on, or any update again.
    pub(in crate::runner) fn restrict(&self, only: Option<Only>) -> Start {
        let mut state = self.state.lock();
        state.only = only;
        // Whoever waits until nothing more is to be done may have waited for this alone.
        self.quiet.notify_waiters();
        self.start(&mut state)
    }

    /// Waits until nothing runs and nothing that may be taken is ready. Updates in backoff, and those behind them,
    /// may be left.
    pub(in crate::runner) async fn cohort_ended(&self) {
        self.quiet_once(|state| state.running + state.passing == 0 && state.ready() == 0).await;
    }

    /// What earlier processes had begun when they stopped. Those for which `verdict` has one are given it.
    pub(in crate::runner) fn suspects(
        &self,
        verdict: impl Fn(&Begun) -> Option<Verdict>,
    ) -> Vec<((Shard, Offset), Begun)> {
        let mut state = self.state.lock();
        let mut suspects = Vec::new();
        for arrived in state.sequencer.entries_mut().filter(|arrived| arrived.begun.times > 0) {
            match verdict(&arrived.begun) {
                Some(verdict) => Arc::make_mut(arrived).verdict = Some(Arc::new(verdict)),
                None => suspects.push((arrived.at(), arrived.begun)),
            }
        }
        suspects
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{Bounds, Crowd};
    use super::*;
    use crate::runner::{About, Keys};
    use crate::storage::{CommitId, ItemId};
    use crate::{Conversation, Name, Timestamp};

    fn arrived(chat: i64) -> (Keys, Arc<Arrived>) {
        let conversation = Conversation::new("test", &chat.to_string()).unwrap();
        let update = ItemId::Number(Name::from_static("test"), chat);
        let about =
            About { update, conversation, arrived: Timestamp(0), attempt: 1, body: Bytes::from_static(b"x") };
        let offset = Offset(chat.cast_unsigned());
        (Keys::Conversation, Arc::new(Arrived::new(about, Shard(0), CommitId(1), offset, CommitId(1))))
    }

    fn only(chat: u64) -> Option<Only> {
        Some([(Shard(0), Offset(chat))].into_iter().collect())
    }

    #[tokio::test]
    async fn between_two_suspects_nothing_runs_and_it_is_not_quiet_for_all_that() {
        let crowd = Crowd { entries: 10, bytes: 100 };
        let (running, computing, entries, ready, bytes) = (10, 10, 10, 10, 100);
        let index = Index::new(Bounds { running, computing, entries, ready, bytes, crowd });
        let _ = index.restrict(only(0));
        assert_eq!(index.push(vec![arrived(0), arrived(1)]), Start(1));
        for chat in [0, 1] {
            let _ = index.restrict(only(chat));
            let (place, taken) = index.take().unwrap();
            assert!(index.finish(place, &taken).0.is_none());
            index.cohort_ended().await;
            assert!(!index.is_quiet());
        }
        assert_eq!(index.len(), 0);
        let _ = index.restrict(None);
        index.quiet().await;
    }

    #[tokio::test]
    async fn who_waits_for_quiet_is_woken_when_no_suspects_are_tried_any_more() {
        let crowd = Crowd { entries: 10, bytes: 100 };
        let (running, computing, entries, ready, bytes) = (10, 10, 10, 10, 100);
        let index = Index::new(Bounds { running, computing, entries, ready, bytes, crowd });
        let _ = index.restrict(Some(Only::default()));
        let ends = async {
            tokio::task::yield_now().await;
            let _ = index.restrict(None);
        };
        tokio::join!(index.quiet(), ends);
    }
}
