//! What is known in memory of an update that is in the inbox.

use std::sync::Arc;

use bytes::Bytes;

use crate::runner::{About, Begun, InboxRecord, Mark, Released};
use crate::storage::{CommitId, Offset, Removal, Revision, Which};
use crate::{Shard, Timestamp};

/// An update in the inbox.
#[derive(Clone, Debug)]
pub(in crate::runner) struct Arrived {
    pub(in crate::runner) about: About,
    pub(in crate::runner) known: Known,
    /// When an earlier process put it off: not to be run before. Zero in one that this process puts off.
    pub(in crate::runner) not_before: Timestamp,
    pub(in crate::runner) shard: Shard,
    pub(in crate::runner) incarnation: CommitId,
    pub(in crate::runner) offset: Offset,
    pub(in crate::runner) born: CommitId,
    pub(in crate::runner) revision: Revision,
    /// It is not run until it is let go.
    pub(in crate::runner) parked: bool,
    /// How processes that stopped had begun it. No times if they had not.
    pub(in crate::runner) begun: Begun,
    /// This process has marked it as begun.
    pub(in crate::runner) marked: bool,
    /// How often other processes have taken over what a run of this one wrote.
    pub(in crate::runner) superseded: u8,
    /// It passes the queue.
    pub(in crate::runner) passes: bool,
    /// What its turn has given out before its end; `None` if nothing.
    pub(in crate::runner) released: Option<Arc<Released>>,
    /// What was decided about it and could not be committed yet: it is not run again for that.
    pub(in crate::runner) verdict: Option<Arc<Verdict>>,
}

/// What is known of an update's entry. Unless it is all, the entry is read again before the update runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runner) enum Known {
    /// It is as it is here.
    Whole,
    /// It may be gone, or have changed. The body, which does not change, is here.
    Doubtful,
    /// The body was too much to keep, too.
    BodyLeftBehind,
}

/// What becomes of an update that is not run any more, and why.
#[derive(Debug)]
pub(in crate::runner) enum Verdict {
    /// It goes to `dead`.
    Bury(String),
    /// It stays and holds back what is behind it, until it is let go.
    Park(String),
}

impl Arrived {
    /// The entry at `offset` as the commit `born` appended it, never run nor marked, with its body.
    pub(in crate::runner) fn new(
        about: About,
        shard: Shard,
        incarnation: CommitId,
        offset: Offset,
        born: CommitId,
    ) -> Self {
        Self {
            about,
            known: Known::Whole,
            not_before: Timestamp(0),
            shard,
            incarnation,
            offset,
            born,
            revision: Revision(born),
            parked: false,
            begun: Begun::default(),
            marked: false,
            superseded: 0,
            passes: false,
            released: None,
            verdict: None,
        }
    }

    /// What its turn has given out before its end.
    pub(in crate::runner) fn released(&self) -> &Released {
        const NOTHING: &Released = &Released::NOTHING;
        self.released.as_deref().unwrap_or(NOTHING)
    }

    /// Forgets the body, which is read again, with the revision that it has then.
    pub(in crate::runner) fn leave_body_behind(&mut self) {
        self.about.body = Bytes::new();
        self.known = Known::BodyLeftBehind;
    }

    /// Nobody knows whether its entry is still there, and as it was.
    pub(in crate::runner) fn doubt(&mut self) {
        if self.known == Known::Whole {
            self.known = Known::Doubtful;
        }
    }

    /// Its entry, with what it is to say beside the update.
    pub(in crate::runner) fn record(&self, attempts: u16, not_before: Timestamp, mark: Mark) -> InboxRecord {
        InboxRecord {
            conversation: self.about.conversation.clone(),
            arrived: self.about.arrived,
            attempts,
            not_before,
            mark,
            released: self.released().clone(),
            body: self.about.body.clone(),
        }
    }

    /// Notes what its turn has given out.
    pub(in crate::runner) fn give_out(&mut self, released: Released) {
        self.released = (released != Released::NOTHING).then(|| Arc::new(released));
    }

    /// Takes its entry out of the inbox, as which it must still be there.
    pub(in crate::runner) fn removal(&self) -> Removal {
        Removal { offset: self.offset, which: Which::Expected(self.revision) }
    }

    /// Takes its entry out of the inbox, whatever has become of it.
    pub(in crate::runner) fn discard(&self) -> Removal {
        Removal { offset: self.offset, which: Which::Born(self.born) }
    }

    /// Where its entry is, among all inboxes.
    pub(in crate::runner) fn at(&self) -> (Shard, Offset) {
        (self.shard, self.offset)
    }

    /// The bytes that count against the bound.
    pub(super) fn kept(&self) -> usize {
        self.about.body.len()
    }
}
