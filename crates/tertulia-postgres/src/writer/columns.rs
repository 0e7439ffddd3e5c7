//! What a group writes, as the columns that the server's functions take.

use futures_util::future::{join, join_all};
use tertulia::Key;
use tokio_postgres::Row;

use super::load::{Loaded, Seeing};
use super::resolve::Signature;
use crate::connection::Link;
use crate::error::Cause;
use crate::keys::parts;
use crate::schema::{INLINE_BASE, REMEMBERED};
use crate::values::{RowPlace, Value, value};

/// All writes of a group. A function whose columns are empty is not called.
#[derive(Debug, Default)]
pub(super) struct Columns<'a> {
    drop_logs: (Vec<i64>, Vec<bool>),
    logs: Logs<'a>,
    put_bases: (Vec<i64>, Vec<&'a [u8]>),
    drop_bases: Vec<i64>,
    trim: (Vec<i64>, Vec<i64>),
    entries: (Vec<i64>, Vec<i64>, Vec<&'a [u8]>),
    /// Logs that must still be absent: made, so that nobody else makes them now, and taken away again.
    held: (Vec<i64>, Vec<bool>),
    queues: Queues<'a>,
    remove: Vec<RowPlace>,
    replace: Replaced<'a>,
    items: Items<'a>,
    see: Seen<'a>,
    now: i64,
    signed: Signed,
}

/// The writer, and what it says it wrote last, before and after.
#[derive(Debug, Default)]
struct Signed {
    writer: i64,
    before: i64,
    after: i64,
}

/// Spaces, ids, shards, times.
type Seen<'a> = (Vec<i32>, Vec<&'a [u8]>, Vec<i16>, Vec<i64>);

/// Queues, places, revisions, entries.
type Replaced<'a> = (Vec<i64>, Vec<i64>, Vec<i64>, Vec<&'a [u8]>);

#[derive(Debug, Default)]
struct Logs<'a> {
    ids: Vec<i64>,
    shards: Vec<i16>,
    conversations: Vec<&'a str>,
    names: Vec<&'a str>,
    versions: Vec<i64>,
    commits: Vec<i64>,
    incarnations: Vec<i64>,
    base_versions: Vec<i64>,
    base_lens: Vec<i64>,
    firsts: Vec<i64>,
    nexts: Vec<i64>,
    entry_bytes: Vec<i64>,
    deadlines: Vec<Option<i64>>,
    rebased: Vec<bool>,
    bases: Vec<Option<&'a [u8]>>,
}

#[derive(Debug, Default)]
struct Queues<'a> {
    ids: Vec<i64>,
    shards: Vec<i16>,
    names: Vec<&'a str>,
    versions: Vec<i64>,
    commits: Vec<i64>,
    incarnations: Vec<i64>,
    nexts: Vec<i64>,
    counts: Vec<i64>,
    bytes: Vec<i64>,
}

#[derive(Debug, Default)]
struct Items<'a> {
    queues: Vec<i64>,
    places: Vec<i64>,
    revisions: Vec<i64>,
    births: Vec<i64>,
    spaces: Vec<Option<i32>>,
    ids: Vec<Option<&'a [u8]>>,
    bytes: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    /// Every key in the order that everybody writes in. `new_id` gives numbers for what is made only to be held.
    pub(super) fn new(
        loaded: &'a Loaded<'_>,
        [before, after]: [Signature; 2],
        mut new_id: impl FnMut() -> i64,
    ) -> Self {
        let signed = Signed { writer: before.writer, before: before.last, after: after.last };
        let mut columns = Self { now: loaded.now, signed, ..Self::default() };
        let mut logs: Vec<_> = loaded.logs.iter().collect();
        logs.sort_unstable_by_key(|(key, _)| *key);
        for (key, slot) in logs {
            if let Some(dropped) = slot.dropped {
                columns.drop_logs.0.push(dropped.id);
                columns.drop_logs.1.push(dropped.held);
            }
            match &slot.live {
                Some(live) if live.dirty => columns.log(key, live),
                None if slot.was_absent && slot.relied_on => {
                    let id = new_id();
                    columns.logs.absent(key, id);
                    columns.held.0.push(id);
                    columns.held.1.push(false);
                }
                _ => {}
            }
        }
        let mut queues: Vec<_> = loaded.queues.iter().filter(|(_, slot)| slot.dirty).collect();
        queues.sort_unstable_by_key(|(key, _)| *key);
        for (key, slot) in queues {
            columns.queue(key, slot);
        }
        for Seeing { space, id, shard, left } in &loaded.see {
            columns.see.0.push(*space);
            columns.see.1.push(id);
            columns.see.2.push(*shard);
            columns.see.3.push(loaded.now - REMEMBERED + left);
        }
        columns
    }

    fn log(&mut self, key: &'a Key, live: &'a super::slots::LiveLog) {
        let (row, head) = (&live.row, &live.row.head);
        let apart = head.base_len > INLINE_BASE;
        let logs = &mut self.logs;
        logs.key(key, row.id);
        logs.versions.push(head.etag.version.cast_signed());
        logs.commits.push(head.etag.commit.0.cast_signed());
        logs.incarnations.push(head.incarnation.0.cast_signed());
        logs.base_versions.push(head.base_version.cast_signed());
        logs.base_lens.push(head.base_len.cast_signed());
        logs.firsts.push(head.start.0.cast_signed());
        logs.nexts.push(head.end.0.cast_signed());
        logs.entry_bytes.push(head.entry_bytes.cast_signed());
        logs.deadlines.push(row.deadline);
        logs.rebased.push(live.base.is_some());
        logs.bases.push(live.base.as_deref().filter(|_| !apart));
        if let Some(base) = &live.base {
            if apart {
                self.put_bases.0.push(row.id);
                self.put_bases.1.push(base);
            } else if live.base_was_apart {
                self.drop_bases.push(row.id);
            }
        }
        if let Some(trim) = live.trim {
            self.trim.0.push(row.id);
            self.trim.1.push(trim.0.cast_signed());
        }
        for (offset, bytes) in &live.append {
            self.entries.0.push(row.id);
            self.entries.1.push(offset.0.cast_signed());
            self.entries.2.push(bytes);
        }
    }

    fn queue(&mut self, key: &'a Key, slot: &'a super::slots::QueueSlot) {
        let Some(row) = &slot.row else { return };
        let (shard, _, name) = parts(key);
        let queues = &mut self.queues;
        queues.ids.push(row.id);
        queues.shards.push(shard);
        queues.names.push(name);
        queues.versions.push(row.head.etag.version.cast_signed());
        queues.commits.push(row.head.etag.commit.0.cast_signed());
        queues.incarnations.push(row.head.incarnation.0.cast_signed());
        queues.nexts.push(row.head.end.0.cast_signed());
        queues.counts.push(row.head.count.cast_signed());
        queues.bytes.push(row.head.bytes.cast_signed());
        self.remove.extend(&slot.remove);
        for (offset, item) in &slot.items {
            let Some(bytes) = &item.bytes else { continue };
            let (place, revision) = (offset.0.cast_signed(), item.revision.0.0.cast_signed());
            if item.stored.is_some() {
                self.replace.0.push(row.id);
                self.replace.1.push(place);
                self.replace.2.push(revision);
                self.replace.3.push(bytes);
            } else {
                let items = &mut self.items;
                items.queues.push(row.id);
                items.places.push(place);
                items.revisions.push(revision);
                items.births.push(item.born.0.cast_signed());
                items.spaces.push(item.id.as_ref().map(|(space, _)| *space));
                items.ids.push(item.id.as_ref().map(|(_, id)| id.as_slice()));
                items.bytes.push(bytes);
            }
        }
    }

    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        self.drop_logs.0.is_empty() && self.logs.ids.is_empty() && self.queues.ids.is_empty()
    }

    /// Calls the functions and, right behind them, commits; one round trip. The last result is the commit's.
    pub(super) async fn write(
        &self,
        link: &Link,
        schema: &str,
    ) -> (Vec<Result<Vec<Row>, Cause>>, Result<(), Cause>) {
        macro_rules! columns {
            ($($column:expr),* $(,)?) => { vec![$(value(&$column)),*] };
        }
        let mut plan: Vec<(&'static str, usize, Vec<Value<'_>>)> = vec![
            ("sign", 1, columns![self.signed.writer, self.signed.before, self.signed.after, self.now]),
            ("drop_logs", self.drop_logs.0.len(), columns![self.drop_logs.0, self.drop_logs.1]),
            ("put_logs", self.logs.ids.len(), self.logs.values()),
            ("drop_logs", self.held.0.len(), columns![self.held.0, self.held.1]),
            ("put_bases", self.put_bases.0.len(), columns![self.put_bases.0, self.put_bases.1]),
            ("drop_bases", self.drop_bases.len(), columns![self.drop_bases]),
            ("trim_entries", self.trim.0.len(), columns![self.trim.0, self.trim.1]),
            (
                "append_entries",
                self.entries.0.len(),
                columns![self.entries.0, self.entries.1, self.entries.2],
            ),
            ("put_queues", self.queues.ids.len(), self.queues.values()),
            ("remove_items", self.remove.len(), columns![self.remove]),
            (
                "replace_items",
                self.replace.0.len(),
                columns![self.replace.0, self.replace.1, self.replace.2, self.replace.3],
            ),
            ("append_items", self.items.queues.len(), self.items.values()),
            ("see", self.see.0.len(), columns![self.see.0, self.see.1, self.see.2, self.see.3]),
        ];
        plan.retain(|(_, rows, _)| *rows > 0);
        let calls = join_all(plan.iter().map(|(name, _, values)| link.call(schema, name, values)));
        join(calls, link.run("COMMIT")).await
    }
}

impl<'a> Logs<'a> {
    fn key(&mut self, key: &'a Key, id: i64) {
        let (shard, conversation, name) = parts(key);
        self.ids.push(id);
        self.shards.push(shard);
        self.conversations.push(conversation);
        self.names.push(name);
    }

    fn absent(&mut self, key: &'a Key, id: i64) {
        self.key(key, id);
        let numbers = [
            &mut self.versions,
            &mut self.commits,
            &mut self.incarnations,
            &mut self.base_versions,
            &mut self.base_lens,
            &mut self.firsts,
            &mut self.nexts,
            &mut self.entry_bytes,
        ];
        numbers.into_iter().for_each(|column| column.push(0));
        self.deadlines.push(None);
        self.rebased.push(false);
        self.bases.push(None);
    }

    fn values(&self) -> Vec<Value<'_>> {
        vec![
            value(&self.ids),
            value(&self.shards),
            value(&self.conversations),
            value(&self.names),
            value(&self.versions),
            value(&self.commits),
            value(&self.incarnations),
            value(&self.base_versions),
            value(&self.base_lens),
            value(&self.firsts),
            value(&self.nexts),
            value(&self.entry_bytes),
            value(&self.deadlines),
            value(&self.rebased),
            value(&self.bases),
        ]
    }
}

impl Queues<'_> {
    fn values(&self) -> Vec<Value<'_>> {
        vec![
            value(&self.ids),
            value(&self.shards),
            value(&self.names),
            value(&self.versions),
            value(&self.commits),
            value(&self.incarnations),
            value(&self.nexts),
            value(&self.counts),
            value(&self.bytes),
        ]
    }
}

impl Items<'_> {
    fn values(&self) -> Vec<Value<'_>> {
        vec![
            value(&self.queues),
            value(&self.places),
            value(&self.revisions),
            value(&self.births),
            value(&self.spaces),
            value(&self.ids),
            value(&self.bytes),
        ]
    }
}
