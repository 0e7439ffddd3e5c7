//! What a group of batches asks the server for, as columns, and what comes back.

use std::collections::{HashMap, HashSet};

use tertulia::Key;
use tertulia::storage::{Offset, Revision};
use tokio_postgres::Row;

use super::load::{Loaded, Spaces, Wanted};
use super::slots::{Item, LogSlot, QueueSlot};
use crate::error::Cause;
use crate::keys::{id_bytes, parts};
use crate::rows::{LogRow, QueueRow, commit};
use crate::schema::REMEMBERED;
use crate::values::{Value, value};

/// The `n`th, counted from 1.
pub(super) fn at<T>(list: &[T], n: i32) -> Option<&T> {
    list.get(usize::try_from(n).ok()?.checked_sub(1)?)
}

/// What a group asks for, as columns.
pub(super) struct Asked<'a> {
    log_keys: Vec<&'a Key>,
    logs: (Vec<i16>, Vec<&'a str>, Vec<&'a str>),
    queue_keys: Vec<&'a Key>,
    queues: (Vec<i16>, Vec<&'a str>),
    item_keys: Vec<(&'a Key, Offset)>,
    items: (Vec<i16>, Vec<&'a str>, Vec<i64>),
    ids: (Vec<i32>, Vec<Vec<u8>>),
}

impl<'a> Asked<'a> {
    pub(super) fn new(wanted: &Wanted<'a>, spaces: &Spaces) -> Self {
        let mut asked = Self {
            log_keys: wanted.logs.iter().copied().collect(),
            logs: Default::default(),
            queue_keys: wanted.queues.iter().copied().collect(),
            queues: Default::default(),
            item_keys: wanted.items.iter().copied().collect(),
            items: Default::default(),
            ids: Default::default(),
        };
        for key in &asked.log_keys {
            let (shard, conversation, name) = parts(key);
            asked.logs.0.push(shard);
            asked.logs.1.push(conversation);
            asked.logs.2.push(name);
        }
        for key in &asked.queue_keys {
            let (shard, _, name) = parts(key);
            asked.queues.0.push(shard);
            asked.queues.1.push(name);
        }
        for (key, offset) in &asked.item_keys {
            let (shard, _, name) = parts(key);
            asked.items.0.push(shard);
            asked.items.1.push(name);
            asked.items.2.push(i64::try_from(offset.0).unwrap_or(i64::MAX));
        }
        for (key, id) in &wanted.ids {
            let (name, bytes) = id_bytes(id);
            if let Some(space) = spaces.get(&(key.name().clone(), name.clone())) {
                asked.ids.0.push(*space);
                asked.ids.1.push(bytes);
            }
        }
        asked
    }

    /// The calls, in the order in which they must run: what is loaded is loaded under the locks.
    pub(super) fn calls(&self) -> [(&'static str, Vec<Value<'_>>); 4] {
        fn some<'v>(any: bool, values: Vec<Value<'v>>) -> Vec<Value<'v>> {
            if any { values } else { Vec::new() }
        }
        let (logs, queues, items, ids) = (&self.logs, &self.queues, &self.items, &self.ids);
        [
            ("lock_logs", some(!logs.0.is_empty(), vec![value(&logs.0), value(&logs.1), value(&logs.2)])),
            ("lock_queues", some(!queues.0.is_empty(), vec![value(&queues.0), value(&queues.1)])),
            (
                "load_items",
                some(!items.0.is_empty(), vec![value(&items.0), value(&items.1), value(&items.2)]),
            ),
            ("load_seen", some(!ids.0.is_empty(), vec![value(&ids.0), value(&ids.1), value(&REMEMBERED)])),
        ]
    }
}

/// What the server answered.
pub(super) struct Rows {
    pub(super) ids: Vec<Row>,
    pub(super) rows: Vec<Vec<Row>>,
    pub(super) moment: Vec<Row>,
}

impl Rows {
    /// # Errors
    /// What cannot be read of the answers.
    pub(super) fn load<'a>(
        self,
        wanted: &Wanted<'a>,
        asked: &Asked<'a>,
        spaces: &'a Spaces,
    ) -> Result<(Loaded<'a>, Option<i64>), Cause> {
        let [logs, queues, items, seen] = &self.rows[..] else {
            unreachable!("four calls have four answers")
        };
        let moment = self.moment.first().expect("the function gives one row");
        let block = self.ids.first().map(|row| row.try_get(0)).transpose()?;
        let mut loaded = Loaded {
            now: moment.try_get(0)?,
            logs: HashMap::default(),
            queues: HashMap::default(),
            spaces,
            seen: HashSet::default(),
            see: Vec::new(),
        };
        for key in &wanted.logs {
            loaded.logs.insert(key, LogSlot { was_absent: true, ..LogSlot::default() });
        }
        for row in logs {
            let Some(key) = at(&asked.log_keys, row.try_get(0)?) else { continue };
            let mut numbers = [0; 9];
            for (column, number) in numbers.iter_mut().enumerate() {
                *number = row.try_get(column + 1)?;
            }
            let slot = match LogRow::decode(&numbers, row.try_get(10)?, key) {
                Ok(row) => LogSlot::stored(row),
                Err(error) => LogSlot { corrupt: Some(error.to_string()), ..LogSlot::default() },
            };
            loaded.logs.insert(key, slot);
        }
        for key in &wanted.queues {
            loaded.queues.insert(key, QueueSlot::default());
        }
        for row in queues {
            let Some(key) = at(&asked.queue_keys, row.try_get(0)?) else { continue };
            let mut numbers = [0; 7];
            for (column, number) in numbers.iter_mut().enumerate() {
                *number = row.try_get(column + 1)?;
            }
            let slot = match QueueRow::decode(&numbers, key) {
                Ok(row) => QueueSlot { row: Some(row), ..QueueSlot::default() },
                Err(error) => QueueSlot { corrupt: Some(error.to_string()), ..QueueSlot::default() },
            };
            loaded.queues.insert(key, slot);
        }
        for row in items {
            let Some((key, offset)) = at(&asked.item_keys, row.try_get(0)?) else { continue };
            let (revision, born) = (Revision(commit(row.try_get(1)?)), commit(row.try_get(2)?));
            let (len, stored) = (row.try_get::<_, i64>(3)?.cast_unsigned(), Some(row.try_get(4)?));
            if let Some(slot) = loaded.queues.get_mut(*key) {
                slot.items.insert(*offset, Item { born, revision, len, stored, bytes: None, id: None });
            }
        }
        for row in seen {
            let n: i32 = row.try_get(0)?;
            if let (Some(space), Some(id)) = (at(&asked.ids.0, n), at(&asked.ids.1, n)) {
                loaded.seen.insert((*space, id.clone()));
            }
        }
        Ok((loaded, block))
    }
}
