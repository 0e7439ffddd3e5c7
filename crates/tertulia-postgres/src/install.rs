//! Makes the schema, or brings one of an older version up to date.
//!
//! Tables change by numbered steps, and `tables.sql` has what they come to. Functions are those of the newest version,
//! whatever was there. A function that would do something else for a program of an older version gets another name or
//! other parameters, and the old one stays for it or is dropped: such a program calls what it knows, and is told if it is
//! not there.

use std::time::Duration;

use tertulia::error::Kind;
use tertulia::{Error, Result};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

use crate::connection::Link;
use crate::error::{Cause, failed, late};
use crate::schema::{BLOCK, INLINE_BASE, VERSION, version};

/// Keeps our advisory locks apart from others'.
const LOCKS: i32 = 7_471;
/// How a function plans its statements: once, and always by an index. The planner goes by counts of rows that lag
/// behind, and a queue that was empty an hour ago may hold a million entries now.
const PLANS: &str =
    "SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off";

const TABLES: &str = include_str!("sql/tables.sql");

/// From one version to the next, those of version 1 first.
const STEPS: [&str; VERSION as usize - 1] = [include_str!("sql/steps/2.sql")];

const FUNCTIONS: [&str; 4] = [
    include_str!("sql/writing.sql"),
    include_str!("sql/reading.sql"),
    include_str!("sql/remembering.sql"),
    include_str!("sql/sweeping.sql"),
];

/// Every transaction that writes locks one of these first, and a group of batches in this order, so that who waits for
/// them all waits for every group that is half done, and for nobody who waits for it. Who only reads goes on.
const GATE: [&str; 4] = ["logs", "queues", "spaces", "writers"];

/// Makes the schema if it is not there, unless only an existing one is wanted, and brings an older one up to date.
/// Whoever comes second waits for the first. It looks, and waits for those who write, within the limit; what follows
/// takes as long as it takes.
///
/// # Errors
/// `Invalid` if it is of a newer program, not ours, or may not be made or changed, or is not there though it is to be;
/// `Unavailable`.
///
/// # Cancel safety
/// Leaves what was there, or all of the new version.
pub(crate) async fn install(link: &Link, schema: &str, existing: bool, limit: Duration) -> Result<()> {
    let doing = format!("cannot look at the schema {schema}");
    let found = timeout(limit, version(link, schema)).await;
    match found.unwrap_or_else(|_| Err(late(&doing, limit)))? {
        Some(VERSION) => Ok(()),
        None if existing => {
            Err(Error::invalid(format!("there is no store in the database: it has no schema {schema}")))
        }
        _ => change(link, schema, limit).await,
    }
}

/// One transaction: whole or not at all.
async fn change(link: &Link, schema: &str, limit: Duration) -> Result<()> {
    let cannot = |cause| failed(&format!("cannot make the schema {schema}"), cause);
    // A limit that the database sets for everybody would end it again and again.
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
        SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
    link.run(begin).await.map_err(cannot)?;
    let changed = async {
        let lock = format!("SELECT pg_advisory_xact_lock(hashtext('{schema} made'), {LOCKS})");
        link.query(&lock, &[]).await.map_err(cannot)?;
        match version(link, schema).await? {
            Some(VERSION) => Ok(()),
            None => {
                let made = link.run(&all(schema)).await;
                made.map_err(|cause| refused(cause, &format!("cannot make the schema {schema}"), CREATE))
            }
            Some(older) => migrate(link, schema, older, limit).await,
        }
    };
    match changed.await {
        Ok(()) => link.run("COMMIT").await.map_err(cannot),
        Err(error) => {
            // It fails only if the connection is gone, and the transaction with it.
            let _ = link.run("ROLLBACK").await;
            Err(error)
        }
    }
}

async fn migrate(link: &Link, schema: &str, older: i32, limit: Duration) -> Result<()> {
    let doing = format!("cannot bring the schema {schema} from version {older} to {VERSION}");
    tracing::info!(schema, from = older, to = VERSION, "the schema is brought up to date");
    let cannot = |cause| refused(cause, &doing, OWN);
    let tables = GATE.map(|table| format!("{schema}.{table}")).join(", ");
    let gate =
        format!("SET LOCAL lock_timeout = {}; LOCK TABLE {tables} IN EXCLUSIVE MODE", limit.as_millis());
    link.run(&gate).await.map_err(cannot)?;
    let done = usize::try_from(older - 1).map_err(|_| Error::internal("a version is at least 1"))?;
    for step in STEPS.iter().skip(done).chain(&FUNCTIONS) {
        link.run(&filled(step, schema)).await.map_err(cannot)?;
    }
    link.run(&format!("UPDATE {schema}.meta SET version = {VERSION}")).await.map_err(cannot)?;
    tracing::info!(schema, version = VERSION, "the schema is up to date");
    Ok(())
}

const CREATE: &str = "the user needs the right to CREATE in the database, for this start only";
const OWN: &str =
    "the user needs to own what is in the schema, and the right to CREATE there, for this start only";

/// What becomes of an error: a right that is missing is named.
fn refused(cause: Cause, doing: &str, needs: &str) -> Error {
    let is_right = cause.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
    let error = failed(doing, cause);
    if !is_right {
        return error;
    }
    Error::new(Kind::Invalid, format!("{error}; {needs}")).with_source(error)
}

/// Everything of the schema, as statements.
fn all(schema: &str) -> String {
    let mut sql = format!("CREATE SCHEMA IF NOT EXISTS {schema};\n");
    sql.push_str(&filled(TABLES, schema));
    sql.extend(FUNCTIONS.iter().map(|file| filled(file, schema)));
    sql.push_str(&format!("INSERT INTO {schema}.meta VALUES ({VERSION});\n"));
    sql
}

fn filled(sql: &str, schema: &str) -> String {
    sql.replace("{schema}", schema)
        .replace("{plans}", PLANS)
        .replace("{block}", &BLOCK.to_string())
        .replace("{locks}", &LOCKS.to_string())
        .replace("{inline}", &INLINE_BASE.to_string())
}
