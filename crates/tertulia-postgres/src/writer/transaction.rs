//! One transaction for a group: lock and load in one round trip, decide in memory, write and commit in a second one.

use std::collections::HashSet;
use std::time::Duration;

use foldhash::fast::RandomState;
use futures_util::future::{join, join_all};
use tertulia::storage::{Change, Committed, Decision, Expect, Write, decide};
use tertulia::{Error, Key, Name, Result};
use tokio::time::timeout;

use super::asked::{Asked, Rows, at};
use super::columns::Columns;
use super::load::{Loaded, Wanted};
use super::resolve::Signature;
use super::{Done, Halt, Writer};
use crate::connection::Link;
use crate::error::{Cause, failed, is_lost, is_race, late};
use crate::handoff::Job;
use crate::keys::id_bytes;
use crate::schema::BLOCK;
use crate::values::value;

/// How long a transaction may stand still, as it does while its batches are decided: a process that is stopped half way
/// must not hold its locks for ever.
const STANDSTILL: Duration = Duration::from_secs(5);

impl Writer {
    pub(super) async fn transaction(&mut self, group: &[Job]) -> Result<Done, Halt> {
        let link = self.link().await?;
        let wanted = Wanted::new(group);
        self.name_spaces(&link, &wanted).await?;
        let before = self.signature(&link).await?;
        let needed = 2 * group.iter().map(|job| job.batch.writes.len()).sum::<usize>();
        let needs_ids = self.ids.end - self.ids.start < i64::try_from(needed).unwrap_or(i64::MAX);
        let columns = Asked::new(&wanted, &self.spaces);
        let rows = self.lock(&link, &columns, needs_ids).await?;
        let spaces = std::mem::take(&mut self.spaces);
        let loaded = rows.load(&wanted, &columns, &spaces);
        let outcome = match loaded {
            Ok((mut loaded, block)) => {
                if let Some(block) = block {
                    self.ids = block..block + BLOCK;
                }
                let done = self.decide(group, &mut loaded);
                match done {
                    Ok(done) => {
                        let signatures = [before, Signature { last: fastrand::i64(..), ..before }];
                        let columns = Columns::new(&loaded, signatures, || next(&mut self.ids));
                        self.finish(&link, &columns, signatures[1]).await.map(|()| done)
                    }
                    Err(error) => Err(Halt::Refused(error)),
                }
            }
            Err(cause) => Err(Halt::Refused(failed("cannot understand what was loaded", cause))),
        };
        self.spaces = spaces;
        if matches!(outcome, Err(Halt::Refused(_))) {
            self.roll_back(&link).await;
        }
        outcome
    }

    /// Learns the numbers of spaces that were not met before.
    async fn name_spaces(&mut self, link: &Link, wanted: &Wanted<'_>) -> Result<(), Halt> {
        let unknown: HashSet<(Name, Name), RandomState> = wanted
            .ids
            .iter()
            .map(|(key, id)| (key.name().clone(), id_bytes(id).0.clone()))
            .filter(|space| !self.spaces.contains_key(space))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let mut unknown: Vec<_> = unknown.into_iter().collect();
        unknown.sort_unstable();
        let queues: Vec<&str> = unknown.iter().map(|(queue, _)| queue.as_str()).collect();
        let names: Vec<&str> = unknown.iter().map(|(_, name)| name.as_str()).collect();
        let values = [value(&queues), value(&names)];
        let named = timeout(self.connector.limit, link.call(&self.schema, "name_spaces", &values)).await;
        let rows = match named {
            Ok(Ok(rows)) => rows,
            Ok(Err(cause)) => return Err(self.halted("cannot name a space of ids", cause)),
            Err(_) => {
                self.cut();
                return Err(Halt::Unreachable(late("cannot name a space of ids", self.connector.limit)));
            }
        };
        for row in rows {
            if let Some(space) = at(&unknown, row.get(0)) {
                self.spaces.insert(space.clone(), row.get(1));
            }
        }
        Ok(())
    }

    /// Begins, locks and loads, in one round trip.
    async fn lock(&mut self, link: &Link, asked: &Asked<'_>, needs_ids: bool) -> Result<Rows, Halt> {
        let limit = self.connector.limit;
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
            SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {limit};
            SET LOCAL idle_in_transaction_session_timeout = {standstill}",
            limit = limit.as_millis(),
            standstill = STANDSTILL.min(limit).as_millis()
        );
        let block = format!("SELECT nextval('{}.ids')", self.schema);
        let calls = asked.calls();
        let calls = calls.iter().map(|(name, values)| async {
            match values.first() {
                // Nothing to ask.
                None => Ok(Vec::new()),
                Some(_) => link.call(&self.schema, name, values).await,
            }
        });
        let ids = async { if needs_ids { link.query(&block, &[]).await } else { Ok(Vec::new()) } };
        let moment = link.call(&self.schema, "moment", &[]);
        let all = join(join(link.run(&begin), ids), join(join_all(calls), moment));
        // The server's own limit comes first.
        let Ok(((begun, ids), (rows, moment))) = timeout(limit + limit / 4, all).await else {
            self.cut();
            return Err(Halt::Unreachable(late("cannot lock", limit)));
        };
        let together = || {
            begun?;
            let ids = ids?;
            let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
            Ok::<_, Cause>(Rows { ids, rows, moment: moment? })
        };
        match together() {
            Ok(rows) => Ok(rows),
            Err(cause) => {
                let halt = self.halted("cannot lock", cause);
                self.roll_back(link).await;
                Err(halt)
            }
        }
    }

    /// Decides the batches one after the other.
    ///
    /// # Errors
    /// `Internal`.
    fn decide(&mut self, group: &[Job], loaded: &mut Loaded<'_>) -> Result<Done> {
        let mut done = Done { answers: Vec::with_capacity(group.len()), changed: Vec::new(), dropped: false };
        for job in group {
            let decided = decide(job.batch.clone(), loaded, &self.limits);
            done.answers.push(match decided {
                Err(error) => Err(error),
                Ok(Decision::Conflict(conflict)) => Err(conflict.into()),
                Ok(Decision::Apply(changes, committed)) => {
                    self.apply(job, changes, loaded, &mut done.changed)?;
                    Ok::<Committed, Error>(committed)
                }
            });
        }
        done.dropped = loaded.logs.values().any(|slot| slot.dropped.is_some_and(|dropped| dropped.held));
        Ok(done)
    }

    fn apply(
        &mut self,
        job: &Job,
        changes: Vec<Change>,
        loaded: &mut Loaded<'_>,
        changed: &mut Vec<Key>,
    ) -> Result<()> {
        for write in &job.batch.writes {
            if let Write::Log(write) = write
                && write.expect != Expect::Any
                && let Some(slot) = loaded.logs.get_mut(&write.key)
            {
                slot.relied_on = true;
            }
        }
        let ids = &mut self.ids;
        for change in changes {
            changed.push(change.key().clone());
            match change {
                Change::Log(change) => {
                    if let Some(slot) = loaded.logs.get_mut(&change.key) {
                        slot.apply(change, loaded.now, || next(ids));
                    }
                }
                Change::Queue(change) => {
                    let Loaded { queues, spaces, seen, see, .. } = loaded;
                    let queue = change.key.name().clone();
                    if let Some(slot) = queues.get_mut(&change.key) {
                        let space = |name: &Name| {
                            let space = spaces.get(&(queue.clone(), name.clone())).copied();
                            space.ok_or_else(|| Error::internal(format!("the space {name} was not named")))
                        };
                        for id in slot.apply(change, space, || next(ids))? {
                            // An id that is remembered for longer than it counts is remembered anew.
                            if seen.insert((id.space, id.id.clone())) {
                                see.push(id);
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes and commits, in one round trip.
    async fn finish(&mut self, link: &Link, columns: &Columns<'_>, signed: Signature) -> Result<(), Halt> {
        let limit = self.connector.limit;
        if columns.is_empty() {
            // Nothing hangs on it but the locks.
            if !matches!(timeout(limit, link.run("COMMIT")).await, Ok(Ok(()))) {
                self.cut();
            }
            return Ok(());
        }
        let Ok((calls, committed)) = timeout(limit, columns.write(link, &self.schema)).await else {
            self.cut();
            return self.resolve(signed, late("cannot commit", limit)).await;
        };
        if matches!(calls.first(), Some(Err(cause)) if is_race(cause)) {
            // The row is gone, as it is after a month without a transaction: another one is made.
            self.signature = None;
        }
        let refused = calls.into_iter().find_map(Result::err);
        match (refused, committed) {
            (None, Ok(())) => {
                self.signature = Some(signed);
                Ok(())
            }
            // The transaction was aborted by it, and the commit behind it took everything back.
            (Some(cause), Ok(())) if cause.code().is_some() => Err(self.halted("cannot write", cause)),
            (Some(cause), Err(_)) if cause.code().is_some() && !is_lost(&cause) => {
                let halt = self.halted("cannot write", cause);
                self.cut();
                Err(halt)
            }
            (None, Err(cause)) if cause.code().is_some() && !is_lost(&cause) => {
                Err(self.halted("cannot commit", cause))
            }
            (Some(cause), _) | (None, Err(cause)) => {
                self.cut();
                self.resolve(signed, failed("cannot commit", cause)).await
            }
        }
    }

    async fn roll_back(&mut self, link: &Link) {
        if link.is_closed()
            || !matches!(timeout(self.connector.limit, link.run("ROLLBACK")).await, Ok(Ok(())))
        {
            self.cut();
        }
    }

    /// What to do about an error before the commit.
    pub(super) fn halted(&mut self, doing: &str, cause: Cause) -> Halt {
        if is_lost(&cause) {
            self.cut();
            return Halt::Again(failed(doing, cause));
        }
        if is_race(&cause) { Halt::Again(failed(doing, cause)) } else { Halt::Refused(failed(doing, cause)) }
    }
}

fn next(ids: &mut std::ops::Range<i64>) -> i64 {
    ids.next().expect("a block has two numbers for each write of a group")
}
