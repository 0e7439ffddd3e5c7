//! PostgreSQL's own benchmark with the statements of a turn's batch: each client a connection and a transaction of its
//! own, whose statements leave together.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use measure::{Run, Taken};
use tertulia::Shard;
use tertulia_testkit::servers;

use crate::Done;
use crate::script::{PATCH, REPLY, UPDATE};
use crate::server::{self, Running, Store};
use crate::tables::{self, INBOX, OUTBOX, SESSIONS};

/// Threads of pgbench, where there are so many clients.
const THREADS: u64 = 2;

pub(crate) async fn run(run: &Run) -> anyhow::Result<Done> {
    let running = Running::start(Store::Postgres, run, &[]);
    tables::make(&running, run).await?;
    let script = running.server.folder().join("turn.sql");
    std::fs::write(&script, text(run))?;
    let clients = run.slots as u64;
    ensure!(run.updates.is_multiple_of(clients), "--updates is {}, no multiple of --slots", run.updates);

    let (cpu, own) = (running.cpu(), server::ended_children());
    let output = Command::new(servers::postgres_program("pgbench"))
        .args(["--no-vacuum", "--protocol=prepared", "--define=turn=-1"])
        .arg(format!("--client={clients}"))
        .arg(format!("--jobs={}", THREADS.min(clients)))
        .arg(format!("--transactions={}", run.updates / clients))
        .arg("--file")
        .arg(&script)
        .arg(&running.url)
        .output()
        .context("cannot start pgbench")?;
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "pgbench failed: {wrong}");
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split_once(' '));
    let rate: f64 = rate.with_context(|| format!("pgbench tells no rate: {said}"))?.0.parse()?;
    let spent = server::ended_children().zip(own).map(|(after, before)| after - before);
    let taken = Taken {
        wall: Duration::from_secs_f64(run.updates as f64 / rate),
        cpu: spent.context("the system does not count the CPU time of children")?,
        written: None,
    };
    let extra = server::cpu_of_each(cpu, running.cpu(), run.updates);
    Ok(Done { taken, sum: tables::count(&running, run)?, extra })
}

/// The transaction of a client's next turn. The shards are dealt to the clients, as they are to callers.
fn text(run: &Run) -> String {
    let (clients, sessions) = (run.slots, tables::sessions(run));
    let each = Shard::COUNT / clients;
    let (patch, reply) = ("x".repeat(PATCH), "x".repeat(REPLY));
    format!(
        r"\set turn :turn + 1
\set shard :client_id + {clients} * (:turn % {each})
\set place :turn / {each}
\set log {SESSIONS} * :shard + :place % {sessions}
\set inbox {INBOX} + :shard
\set outbox {OUTBOX} + :shard
\set id -1 - 256 * :place - :shard
\startpipeline
BEGIN;
UPDATE tertulia.logs SET version = version + 1, commit_id = :id, next = next + 1, entry_bytes = entry_bytes + {PATCH} WHERE id = :log;
INSERT INTO tertulia.entries (log, place, bytes) VALUES (:log, :place / {sessions}, '{patch}');
UPDATE tertulia.queues SET count = count - 1, bytes = bytes - {UPDATE} WHERE id = :inbox;
DELETE FROM tertulia.items WHERE queue = :inbox AND place = :place;
UPDATE tertulia.queues SET version = version + 1, commit_id = :id, next = next + 1, count = 1, bytes = {REPLY} WHERE id = :outbox;
DELETE FROM tertulia.items WHERE queue = :outbox AND place = :place - 1;
INSERT INTO tertulia.items (queue, place, revision, born, space, id, bytes) VALUES (:outbox, :place, :id, :id, 2, int8send(:id), '{reply}');
INSERT INTO tertulia.seen (space, id, at) VALUES (2, int8send(:id), 1);
COMMIT;
\endpipeline
"
    )
}
