//! The rows that bare statements work on, in the tables of `tertulia-postgres`: those of the script's sessions and
//! waiting updates, under numbers that tell shard and session.

use anyhow::Context;
use measure::Run;
use tertulia::Shard;
use tertulia_postgres::Postgres;

use crate::script::{PATCH, UPDATE};
use crate::server::Running;

/// The log of the n-th session of a shard is `SESSIONS * shard + n`, and fewer than this.
pub(crate) const SESSIONS: u64 = 1_000;
/// The inbox of a shard is this and its number.
pub(crate) const INBOX: u64 = 1_000_000;
/// So is its outbox.
pub(crate) const OUTBOX: u64 = 2_000_000;

/// Sessions in each shard.
pub(crate) fn sessions(run: &Run) -> u64 {
    run.chats.div_ceil(Shard::COUNT as u64)
}

/// Makes tables and rows.
pub(crate) async fn make(running: &Running, run: &Run) -> anyhow::Result<()> {
    Postgres::connect(&running.url).await?.close().await;
    let (sessions, updates) = (sessions(run), run.updates);
    anyhow::ensure!(sessions <= SESSIONS, "--chats is {}, too many for the rows' numbers", run.chats);
    running.server.psql(&format!(
        "SET search_path = tertulia;
        INSERT INTO logs (id, shard, conversation, name, version, commit_id, incarnation, base_version, base_len, first,
            next, entry_bytes, base)
        SELECT {SESSIONS} * shard + n, shard, 'bench:' || {SESSIONS} * shard + n, 'session', 1, 1, 1, 1, {PATCH}, 0, 0, 0,
            convert_to(repeat('x', {PATCH}), 'UTF8')
        FROM generate_series(0, 255) shard, generate_series(0, {sessions} - 1) n;
        INSERT INTO queues (id, shard, name, version, commit_id, incarnation, next, count, bytes)
        SELECT {INBOX} + shard, shard, 'inbox', 1, 1, 1, count(n), count(n), {UPDATE} * count(n)
        FROM generate_series(0, 255) shard LEFT JOIN generate_series(0, {updates} - 1) n ON n % 256 = shard GROUP BY shard;
        INSERT INTO queues (id, shard, name, version, commit_id, incarnation, next, count, bytes)
        SELECT {OUTBOX} + shard, shard, 'outbox', 0, 1, 1, 0, 0, 0 FROM generate_series(0, 255) shard;
        INSERT INTO items (queue, place, revision, born, space, id, bytes)
        SELECT {INBOX} + n % 256, n / 256, 1, 1, 1, int8send(n), convert_to(repeat('x', {UPDATE}), 'UTF8')
        FROM generate_series(0::bigint, {updates} - 1) n;
        INSERT INTO seen (space, id, at) SELECT 1, int8send(n), 0 FROM generate_series(0::bigint, {updates} - 1) n"
    ));
    Ok(())
}

/// How many turns the rows tell of: each has appended a patch and a reply, and removed an update.
pub(crate) fn count(running: &Running, run: &Run) -> anyhow::Result<u64> {
    let counts = running.server.psql(&format!(
        "SET search_path = tertulia;
        SELECT count(*) FROM entries; SELECT sum(next) FROM queues WHERE id >= {OUTBOX};
        SELECT {} - sum(count) FROM queues WHERE id < {OUTBOX}",
        run.updates
    ));
    let counts: Vec<u64> = counts.lines().map(str::parse).collect::<Result<_, _>>()?;
    counts.into_iter().min().context("nothing was counted")
}
