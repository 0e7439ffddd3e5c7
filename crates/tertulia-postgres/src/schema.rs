//! Our schema in the database: how it is named and recognised, and what server it may be in.

use tertulia::error::Kind;
use tertulia::storage::SEEN_FOR;
use tertulia::{Error, Result};
use tokio_postgres::error::SqlState;

use crate::connection::Link;
use crate::error::failed;
use crate::values::value;

/// The version of the tables and functions.
pub(crate) const VERSION: i32 = 2;
/// The oldest server, as `server_version_num` has it.
const OLDEST: i32 = 150_000;
/// The longest base kept in its log's row; longer ones have a table of their own, so that a head is read and written
/// without them.
pub(crate) const INLINE_BASE: u64 = 1024;
/// How long the id of an appended entry is remembered, in microseconds, as the server counts time.
pub(crate) const REMEMBERED: i64 = SEEN_FOR.as_secs() as i64 * 1_000_000;
/// How many numbers of logs and queues are taken at once.
pub(crate) const BLOCK: i64 = 4_096;

/// What the server said of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    /// What was committed is on its disk.
    pub(crate) flushes: bool,
    /// And on another machine's.
    pub(crate) has_standby: bool,
}

/// Refuses names that would have to be quoted, or would be too long for a channel's name.
///
/// # Errors
/// `Invalid`.
pub(crate) fn check_name(schema: &str) -> Result<()> {
    let first = schema.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let rest = schema.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if first && rest && schema.len() <= 40 && !schema.starts_with("pg_") {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "schema `{schema}`: a schema's name has 1 to 40 small letters, digits and underscores, and no digit first"
    )))
}

/// Asks the server what it is.
///
/// # Errors
/// `Invalid` if it is too old, `Unavailable` if it is a standby.
pub(crate) async fn inspect(link: &Link) -> Result<Server> {
    const SQL: &str = "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
        pg_is_in_recovery(), current_setting('synchronous_commit'), current_setting('fsync')::bool,
        current_setting('full_page_writes')::bool, current_setting('synchronous_standby_names') <> '',
        current_setting('server_encoding')";
    let cannot = |cause| failed("cannot ask the server what it is", cause);
    let rows = link.query(SQL, &[]).await.map_err(cannot)?;
    let row = rows.first().ok_or_else(|| Error::internal("the server says nothing of itself"))?;
    check_server(row.get(0), row.get(1), row.get(7))?;
    if row.get(2) {
        return Err(Error::unavailable("the server is a standby that only reads"));
    }
    let synchronous: &str = row.get(3);
    let (fsync, full_pages): (bool, bool) = (row.get(4), row.get(5));
    let flushes = synchronous != "off" && fsync && full_pages;
    Ok(Server { flushes, has_standby: row.get::<_, bool>(6) && !matches!(synchronous, "off" | "local") })
}

fn check_server(number: i32, version: &str, encoding: &str) -> Result<()> {
    if number < OLDEST {
        return Err(Error::invalid(format!("the server is PostgreSQL {version}, 15 or newer is needed")));
    }
    if encoding != "UTF8" {
        return Err(Error::invalid(format!("the database's encoding is {encoding}, UTF8 is needed")));
    }
    Ok(())
}

/// The schema's version; `None` if it is not there, or empty.
///
/// # Errors
/// `Invalid` if it is of a newer program, or not ours; `Corrupt`, `Unavailable`.
pub(crate) async fn version(link: &Link, schema: &str) -> Result<Option<i32>> {
    const TABLES: &str = "SELECT coalesce(bool_or(c.relname = 'meta'), false), count(c.oid) > 0
        FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
        WHERE n.nspname = $1";
    let cannot = |cause| failed(&format!("cannot look at the schema {schema}"), cause);
    let rows = link.query(TABLES, &[value(&schema)]).await.map_err(cannot)?;
    let (meta, any) = rows.first().map_or((false, false), |row| (row.get(0), row.get(1)));
    if !meta {
        return match any {
            true => {
                Err(Error::invalid(format!("the schema {schema} holds something that is not Tertulia's")))
            }
            false => Ok(None),
        };
    }
    let rows =
        link.query(&format!("SELECT version FROM {schema}.meta"), &[]).await.map_err(|cause| match cause
            .code()
        {
            Some(&SqlState::UNDEFINED_COLUMN) => {
                Error::invalid(format!("the schema {schema} holds something that is not Tertulia's"))
            }
            _ => cannot(cause),
        })?;
    let found = rows.first().map(|row| row.get::<_, i32>(0));
    match found {
        Some(1..=VERSION) => Ok(found),
        Some(newer) if newer > VERSION => Err(Error::invalid(format!(
            "the schema {schema} is of version {newer}, this program knows versions up to {VERSION}: run the newer one"
        ))),
        _ => Err(Error::new(Kind::Corrupt, format!("the schema {schema} does not tell its version"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_server_is_refused_by_name() {
        let error = check_server(140_011, "14.11 (Debian)", "UTF8").expect_err("too old");
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains("14.11"), "{error}");
        check_server(150_000, "15.0", "UTF8").expect("new enough");
        assert!(check_server(160_000, "16.0", "SQL_ASCII").is_err());
    }

    #[test]
    fn names_that_would_need_quotes_are_refused() {
        for name in ["", "Bots", "1st", "a-b", "a\"b", "a.b", "pg_x", "ä"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        check_name("bots_2").expect("a good name");
    }
}
