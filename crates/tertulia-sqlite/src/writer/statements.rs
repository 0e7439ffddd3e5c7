//! The statements of a group, prepared once: a look into a statement cache costs as much as a small write.

use rusqlite::{Connection, Statement};

use crate::rows::{log_columns, queue_columns};

macro_rules! statements {
    ($($name:ident: $sql:expr;)*) => {
        /// By what they do.
        #[derive(Debug)]
        pub(super) struct Statements<'c> {
            $(pub(super) $name: Statement<'c>,)*
        }

        impl<'c> Statements<'c> {
            pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
                Ok(Self { $($name: connection.prepare($sql)?,)* })
            }
        }
    };
}

statements! {
    begin: "BEGIN IMMEDIATE";
    commit: "COMMIT";
    data_version: "PRAGMA data_version";
    log_head: concat!(
        "SELECT ",
        log_columns!(),
        " FROM logs WHERE shard = ?1 AND conversation = ?2 AND name = ?3"
    );
    new_log: "INSERT INTO logs (id, version, commit_id, incarnation, base_version, base_len, first,
        next, entry_bytes, deadline, base, shard, conversation, name)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    set_log: "UPDATE logs SET version = ?2, commit_id = ?3, first = ?4, next = ?5, entry_bytes = ?6
        WHERE id = ?1";
    set_log_and_base: "UPDATE logs SET version = ?2, commit_id = ?3, first = ?4, next = ?5,
        entry_bytes = ?6, base_version = ?7, base_len = ?8, base = ?9 WHERE id = ?1";
    set_deadline: "UPDATE logs SET deadline = ?2 WHERE id = ?1";
    drop_log: "DELETE FROM logs WHERE id = ?1";
    drop_rest: "INSERT INTO dropped (log) VALUES (?1)";
    set_base: "INSERT INTO bases (log, bytes) VALUES (?1, ?2)
        ON CONFLICT (log) DO UPDATE SET bytes = excluded.bytes";
    drop_base: "DELETE FROM bases WHERE log = ?1";
    append_entry: "INSERT INTO entries (log, offset, bytes) VALUES (?1, ?2, ?3)";
    trim_entries: "DELETE FROM entries WHERE log = ?1 AND offset < ?2";
    queue_head: concat!("SELECT ", queue_columns!(), " FROM queues WHERE shard = ?1 AND name = ?2");
    new_queue: "INSERT INTO queues (id, version, commit_id, incarnation, next, count, bytes, shard, name)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    set_queue: "UPDATE queues SET version = ?2, commit_id = ?3, next = ?4, count = ?5, bytes = ?6
        WHERE id = ?1";
    item: "SELECT ifnull(born, revision), revision, length(bytes) FROM items WHERE place = ?1";
    append_item: "INSERT INTO items (place, revision, space, id, bytes) VALUES (?1, ?2, ?3, ?4, ?5)";
    replace_item: "UPDATE items SET born = ifnull(born, revision), revision = ?2, bytes = ?3 WHERE place = ?1";
    remove_item: "DELETE FROM items WHERE place = ?1";
    seen: "SELECT at FROM seen WHERE space = ?1 AND id = ?2";
    see: "INSERT INTO seen (space, id, at, shard) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (space, id) DO UPDATE SET at = excluded.at, shard = excluded.shard";
}
