//! The ids that queues remember, so that what a platform gives again after a move is seen.

use std::io::Write;

use tertulia::storage::{
    Batch, CommitId, ItemId, QueueWrite, SEEN_FOR, SeenId, SeenQuery, Storage, Write as Change,
};
use tertulia::{Clock, Key, Name, Result, Timestamp};

use super::export::say;
use super::line::{Line, SeenLine};
use super::progress::Progress;
use super::put::Tries;
use crate::failure::Failure;

/// The most ids that are asked for at once.
const PAGE: usize = 5_000;
/// How many are gathered, since a storage may give those of one queue far from each other.
const GATHERED: usize = 100_000;
/// The most ids of a line.
const LINE: usize = 10_000;

/// Writes the ids of what was appended before the export began. The update of a later one may not be in the file, and
/// is to be taken when it is given again.
pub(super) async fn export(
    storage: &dyn Storage,
    clock: &Clock,
    began: Timestamp,
    out: &mut impl Write,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut query = SeenQuery { limit: PAGE, ..SeenQuery::default() };
    let mut gathered = Vec::new();
    loop {
        let page = storage.seen(&query).await?;
        let now = clock.now();
        let is_before = |seen: &SeenId| SEEN_FOR.saturating_sub(seen.left) >= now.since(began);
        let until = |SeenId { queue, id, left }| (queue, id, now.after(left));
        gathered.extend(page.ids.into_iter().filter(is_before).map(until));
        if gathered.len() >= GATHERED || page.next.is_none() {
            for line in lines(std::mem::take(&mut gathered)) {
                progress.totals.ids += line.len();
                say(out, &Line::Seen(line))?;
                progress.moved();
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(()),
        }
    }
}

/// The ids by queue and space.
fn lines(mut ids: Vec<(Key, ItemId, Timestamp)>) -> impl Iterator<Item = SeenLine> {
    ids.sort_unstable_by(|(queue, id, _), (other, next, _)| {
        (queue, space(id), id).cmp(&(other, space(next), next))
    });
    let mut ids = ids.into_iter().peekable();
    std::iter::from_fn(move || {
        let (queue, first, until) = ids.next()?;
        let mut line = SeenLine::new(&queue, space(&first));
        line.push(&first, until);
        let mut count = 1;
        while let Some((_, id, until)) =
            ids.next_if(|(other, id, _)| count < LINE && *other == queue && space(id) == space(&first))
        {
            line.push(&id, until);
            count += 1;
        }
        Some(line)
    })
}

fn space(id: &ItemId) -> &Name {
    let (ItemId::Number(space, _) | ItemId::Bytes(space, _)) = id;
    space
}

/// Ids of a queue on their way into a store.
pub(super) struct Put {
    queue: Key,
    ids: Vec<(ItemId, Timestamp)>,
}

impl Put {
    /// # Errors
    /// `Invalid` if the line names no queue, or something that is no id.
    pub(super) fn new(line: &SeenLine) -> Result<Self> {
        Ok(Self { queue: line.key()?, ids: line.ids()? })
    }

    /// Hands over those that are not forgotten yet. What is known there already is left as it is, so it does no harm
    /// to do it again.
    ///
    /// # Errors
    /// What the storage gives.
    pub(super) async fn write(self, storage: &dyn Storage, clock: &Clock) -> Result<()> {
        let now = clock.now();
        let see = |write: QueueWrite, (id, until): (ItemId, Timestamp)| write.see(id, until.since(now));
        let write = Change::from(self.ids.into_iter().fold(QueueWrite::new(self.queue), see));
        let (id, mut tries) = (CommitId(clock.random()), Tries::new(clock));
        while let Err(error) = storage.commit(Batch::new(id, vec![write.clone()])).await {
            tries.again(error).await?;
        }
        Ok(())
    }
}
