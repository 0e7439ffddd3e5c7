//! Frees what nobody can see any more, in small steps: expired and deleted logs, ids older than 48 hours.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params};
use tertulia::{Conversation, Key, Name, Shard};

use super::apply::drop_log;
use super::store::{LogSlot, Store};
use crate::rows::{LogRow, forgotten, log_columns};
use crate::schema::INLINE_BASE;

/// Expired logs of one step.
const LOGS: usize = 64;
/// Entries of one step.
const ENTRIES: usize = 1_000;
/// Seen ids looked at in one step, unless more were appended since the last one.
const IDS: usize = 1_000;

/// Where in `seen` a sweep stopped.
pub(super) type SeenPlace = (i64, Value);

impl Store<'_> {
    /// One step, within a transaction; tells whether there is more to do now.
    pub(super) fn sweep(&mut self) -> rusqlite::Result<bool> {
        let expired = self.sweep_expired()?;
        let dropped = self.sweep_dropped()?;
        let seen = self.sweep_seen()?;
        Ok(expired || dropped || seen)
    }

    fn sweep_expired(&mut self) -> rusqlite::Result<bool> {
        const SQL: &str = concat!(
            "SELECT shard, conversation, name, ",
            log_columns!(),
            " FROM logs WHERE deadline <= ?1 ORDER BY deadline LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(SQL)?;
        let mut rows = statement.query(params![self.now.0.cast_signed(), LOGS as i64])?;
        let mut found = 0;
        let mut gone = Vec::new();
        while let Some(row) = rows.next()? {
            found += 1;
            let (shard, conversation, name) =
                (row.get(0)?, row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
            // A row that cannot be understood stays, for a reader to report.
            let Some(key) = key(shard, conversation, name) else { continue };
            let Ok(row) = LogRow::decode(row, 3, &key) else { continue };
            gone.push((key, row));
        }
        drop(rows);
        drop(statement);
        let freed = gone.len();
        for (key, row) in gone {
            let slot = LogSlot {
                row,
                stored: true,
                base_apart: row.head.base_len > INLINE_BASE,
                dirty: false,
                new_deadline: false,
                new_base: None,
            };
            drop_log(&mut self.statements, &slot)?;
            self.logs.insert(key, None);
        }
        Ok(found == LOGS && freed > 0)
    }

    fn sweep_dropped(&mut self) -> rusqlite::Result<bool> {
        const NEXT: &str = "SELECT log FROM dropped LIMIT 1";
        const FREE: &str = "DELETE FROM entries WHERE log = ?1 AND offset IN
            (SELECT offset FROM entries WHERE log = ?1 ORDER BY offset LIMIT ?2)";
        let mut left = ENTRIES;
        while left > 0 {
            let log =
                self.connection.prepare_cached(NEXT)?.query_row((), |row| row.get::<_, i64>(0)).optional()?;
            let Some(log) = log else { return Ok(false) };
            let freed = self.connection.prepare_cached(FREE)?.execute(params![log, left as i64])?;
            if freed < left {
                self.connection.prepare_cached("DELETE FROM bases WHERE log = ?1")?.execute([log])?;
                self.connection.prepare_cached("DELETE FROM dropped WHERE log = ?1")?.execute([log])?;
            }
            // A log counts for something too, even one without entries.
            left = left.saturating_sub(freed.max(ENTRIES / LOGS));
        }
        Ok(true)
    }

    /// Goes round and round in the order of the ids, which needs no index by age: an old id stays a little longer,
    /// and nobody sees it.
    fn sweep_seen(&mut self) -> rusqlite::Result<bool> {
        const END: &str = "SELECT space, id FROM seen WHERE (space, id) > (?1, ?2)
            ORDER BY space, id LIMIT 1 OFFSET ?3";
        const FREE: &str =
            "DELETE FROM seen WHERE (space, id) > (?1, ?2) AND (space, id) <= (?3, ?4) AND at <= ?5";
        const FREE_REST: &str = "DELETE FROM seen WHERE (space, id) > (?1, ?2) AND at <= ?3";
        let step = IDS.max(4 * std::mem::take(&mut self.appended));
        let (space, id) = self.swept_to.take().unwrap_or((0, Value::Null));
        let old = forgotten(self.now);
        let end = self
            .connection
            .prepare_cached(END)?
            .query_row(params![space, id, step as i64], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match &end {
            Some((to_space, to_id)) => {
                self.connection.prepare_cached(FREE)?.execute(params![space, id, to_space, to_id, old])?
            }
            None => self.connection.prepare_cached(FREE_REST)?.execute(params![space, id, old])?,
        };
        self.swept_to = end;
        Ok(false)
    }
}

fn key(shard: i64, conversation: &str, name: &str) -> Option<Key> {
    let name = Name::new(name).ok()?;
    match conversation {
        "" => Some(Key::ShardLog(Shard(u8::try_from(shard).ok()?), name)),
        text => Some(Key::Log(Conversation::parse(text).ok()?, name)),
    }
}
