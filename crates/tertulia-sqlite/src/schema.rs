//! The file: its tables, how it is recognised, and how connections to it are opened.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tertulia::{Error, Result};

use crate::error::failed;
use crate::{SqliteOptions, Synchronous};

/// "Trtl", in the header of every file of ours.
const APPLICATION_ID: i32 = 0x5472_746c;
/// The version of the tables below.
const VERSION: i32 = 3;
/// The longest base kept in its log's row; longer ones have a table of their own, so that a head is read and
/// written without them.
pub(crate) const INLINE_BASE: u64 = 1024;
/// How many low bits of an item's place are its offset; the rest is its queue.
pub(crate) const OFFSET_BITS: u32 = 40;

/// Rows are small and keyed by integers: a key's text stands once, in its head's row. `commit_id` and
/// `incarnation` are the 64 bits of a commit id, read as signed.
const TABLES: &str = "
CREATE TABLE logs (
    id INTEGER PRIMARY KEY,             -- never used again while rows of it are left
    shard INTEGER NOT NULL,
    conversation TEXT NOT NULL,         -- '' for a log of the shard itself
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    commit_id INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    base_version INTEGER NOT NULL,
    base_len INTEGER NOT NULL,
    first INTEGER NOT NULL,
    next INTEGER NOT NULL,
    entry_bytes INTEGER NOT NULL,
    deadline INTEGER,                   -- milliseconds since 1970
    base BLOB,                          -- at most 1024 bytes
    UNIQUE (shard, conversation, name)
) STRICT;
CREATE INDEX logs_by_deadline ON logs (deadline) WHERE deadline IS NOT NULL;
CREATE TABLE bases (                    -- of more than 1024 bytes
    log INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;
CREATE TABLE entries (
    log INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (log, offset)
) STRICT, WITHOUT ROWID;
CREATE TABLE dropped (                  -- logs that are gone, whose bases and entries are yet to be freed
    log INTEGER PRIMARY KEY
) STRICT;
CREATE TABLE queues (
    id INTEGER PRIMARY KEY,
    shard INTEGER NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    commit_id INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    next INTEGER NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    UNIQUE (shard, name)
) STRICT;
CREATE TABLE items (                    -- entries of all queues
    place INTEGER PRIMARY KEY,          -- queue << 40 | offset
    revision INTEGER NOT NULL,          -- the commit that wrote it last
    born INTEGER,                       -- the commit that appended it, if that is another
    space INTEGER,
    id ANY,
    bytes BLOB NOT NULL
) STRICT;
CREATE TABLE spaces (                   -- of item ids, per name of a queue
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (queue, name)
) STRICT;
CREATE TABLE seen (
    space INTEGER NOT NULL,
    id ANY NOT NULL,                    -- an integer or 16 bytes
    at INTEGER NOT NULL,                -- milliseconds since 1970
    shard INTEGER,                      -- null of what was appended before version 3
    PRIMARY KEY (space, id)
) STRICT, WITHOUT ROWID;
";

/// From one version to the next, those of version 1 first.
const STEPS: [&str; VERSION as usize - 1] =
    ["ALTER TABLE items ADD COLUMN born INTEGER", "ALTER TABLE seen ADD COLUMN shard INTEGER"];

/// What a reader of a file of version 1 reads instead of its `items`.
const ITEMS_OF_1: &str =
    "CREATE TEMP VIEW items AS SELECT place, revision, NULL AS born, space, id, bytes FROM main.items";

/// What a reader of a file of version 1 or 2 reads instead of its `seen`.
const SEEN_OF_2: &str = "CREATE TEMP VIEW seen AS SELECT space, id, at, NULL AS shard FROM main.seen";

/// The place that `path` names, the same for every spelling of it, so that all spellings share one lock file.
///
/// # Errors
/// `Invalid` if its directory is missing.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf> {
    if let Ok(path) = path.canonicalize() {
        return Ok(path);
    }
    let name = path.file_name();
    let name = name.ok_or_else(|| Error::invalid(format!("`{}` does not name a file", path.display())))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(|cause| {
        let text = format!("cannot open {}: directory {}: {cause}", path.display(), folder.display());
        Error::invalid(text).with_source(cause)
    })?;
    Ok(folder.join(name))
}

/// Refuses, without touching it, a file that is not ours or is newer than this program. An absent or empty file
/// is fine; gives whether there is one with something in it.
///
/// # Errors
/// `Invalid`.
pub(crate) fn inspect(path: &Path) -> Result<bool> {
    let io = |cause: std::io::Error| {
        Error::invalid(format!("cannot open {}: {cause}", path.display())).with_source(cause)
    };
    let mut header = Vec::with_capacity(100);
    match File::open(path) {
        Ok(file) => file.take(100).read_to_end(&mut header).map_err(io)?,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(cause) => return Err(io(cause)),
    };
    if header.is_empty() {
        return Ok(false);
    }
    // SQLite's file format, section 1.3: big-endian numbers at fixed places of the first 100 bytes.
    let number = |at: usize| {
        header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_be_bytes)
    };
    if !header.starts_with(b"SQLite format 3\0") || number(68) != APPLICATION_ID {
        return Err(Error::invalid(format!("{} is not a Tertulia database", path.display())));
    }
    check_version(path, number(60))?;
    Ok(true)
}

fn check_version(path: &Path, version: i32) -> Result<()> {
    if version <= VERSION {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{} has schema version {version}, this program knows versions up to {VERSION}",
        path.display()
    )))
}

/// Opens the connection that writes, makes the tables in a new file, and brings those of an older one up to date.
///
/// # Errors
/// `Invalid` if the file cannot be opened or is not ours, `Unavailable`, `Corrupt`.
pub(crate) fn open_writer(path: &Path, options: &SqliteOptions) -> Result<Connection> {
    let cannot_open = |cause| failed(&format!("cannot open {}", path.display()), cause);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|cause| {
        Error::invalid(format!("cannot open {}: {cause}", path.display())).with_source(cause)
    })?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(cannot_open)?;
    connection.set_prepared_statement_cache_capacity(64);
    let number = |connection: &Connection, pragma: &str| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(cannot_open)
    };
    match (number(&connection, "application_id")?, number(&connection, "user_version")?) {
        (APPLICATION_ID, version) => {
            check_version(path, version)?;
            upgrade(&mut connection, version).map_err(cannot_open)?;
        }
        // A file that somebody began and did not finish is empty again.
        _ if number(&connection, "schema_version")? == 0 => {
            // In the journal mode of a new file, so that the header is in the file itself, not in its WAL.
            let transaction = connection.transaction().map_err(cannot_open)?;
            transaction.execute_batch(TABLES).map_err(cannot_open)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(cannot_open)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(cannot_open)?;
            transaction.commit().map_err(cannot_open)?;
        }
        _ => return Err(Error::invalid(format!("{} is not a Tertulia database", path.display()))),
    }
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(cannot_open)?;
    if mode != "wal" {
        return Err(Error::invalid(format!(
            "cannot open {}: its file system does not support a shared write-ahead log",
            path.display()
        )));
    }
    let synchronous = match options.synchronous {
        Synchronous::Full => "full",
        Synchronous::Normal => "normal",
    };
    connection.pragma_update(None, "synchronous", synchronous).map_err(cannot_open)?;
    connection.pragma_update(None, "cache_size", kibibytes(options.writer_cache)).map_err(cannot_open)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(cannot_open)?;
    if let Some(max_bytes) = options.max_bytes {
        let page_size = i64::from(number(&connection, "page_size")?.max(1));
        let pages = i64::try_from(max_bytes).unwrap_or(i64::MAX) / page_size;
        // SQLite takes no less than the file already has, and no more than 2^32 - 2.
        connection
            .pragma_update_and_check(None, "max_page_count", pages.clamp(1, 0xffff_fffe), |_| Ok(()))
            .map_err(cannot_open)?;
    }
    Ok(connection)
}

/// Brings the tables of an older version up to date, whole or not at all.
fn upgrade(connection: &mut Connection, version: i32) -> rusqlite::Result<()> {
    let done = usize::try_from(version).map_or(0, |version| version.saturating_sub(1));
    let steps = &STEPS[done..];
    if steps.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Opens a connection that reads, also from a file of an older version.
///
/// # Errors
/// `Invalid` if the file cannot be opened, `Unavailable`, `Corrupt`.
pub(crate) fn open_reader(path: &Path, cache: usize) -> Result<Connection> {
    let cannot_open = |cause| failed(&format!("cannot open {} for reading", path.display()), cause);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(cannot_open)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(cannot_open)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.pragma_update(None, "cache_size", kibibytes(cache)).map_err(cannot_open)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(cannot_open)?;
    let version =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(cannot_open)?;
    check_version(path, version)?;
    if version == 1 {
        connection.execute_batch(ITEMS_OF_1).map_err(cannot_open)?;
    }
    if matches!(version, 1 | 2) {
        connection.execute_batch(SEEN_OF_2).map_err(cannot_open)?;
    }
    Ok(connection)
}

/// SQLite's way to say bytes in `cache_size`: negative kibibytes.
fn kibibytes(bytes: usize) -> i64 {
    -i64::try_from(bytes / 1024).unwrap_or(i64::MAX).max(1)
}
