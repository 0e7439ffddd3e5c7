//! The statements of as many turns as there were callers in one transaction of one connection, prepared, with nothing
//! to lock, to load, to decide and to tell: the floor of a storage that writes groups.

use futures_util::future::try_join;
use futures_util::future::try_join_all;
use measure::{Run, Stopwatch};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

use crate::Done;
use crate::script::{self, PATCH, REPLY, UPDATE, turn};
use crate::server::{self, Running, Store};
use crate::tables::{self, INBOX, OUTBOX, SESSIONS};

pub(crate) async fn run(run: &Run) -> anyhow::Result<Done> {
    let running = Running::start(Store::Postgres, run, &[]);
    tables::make(&running, run).await?;
    let (client, connection) = tokio_postgres::connect(&running.url, NoTls).await?;
    let driver = tokio::spawn(connection);
    let statements = try_join_all(statements().iter().map(|sql| client.prepare(sql))).await?;
    let sessions = tables::sessions(run);
    let firsts = (0..run.updates).step_by(run.slots);
    let groups: Vec<Group> =
        firsts.map(|first| Group::new(first..run.updates.min(first + run.slots as u64), sessions)).collect();

    let cpu = running.cpu();
    let stopwatch = Stopwatch::start();
    for group in &groups {
        group.write(&client, &statements).await?;
    }
    let taken = stopwatch.stop();
    let extra = server::cpu_of_each(cpu, running.cpu(), run.updates);
    drop(client);
    driver.await??;
    Ok(Done { taken, sum: tables::count(&running, run)?, extra })
}

/// What is written of a turn, for a whole group: each takes logs, their places, inboxes, outboxes, places, ids of
/// commits, or some of them.
fn statements() -> [String; 7] {
    [
        format!(
            "UPDATE tertulia.logs l SET version = version + 1, commit_id = k.id, next = next + 1,
                entry_bytes = entry_bytes + {PATCH}
            FROM unnest($1::bigint[], $2::bigint[]) k (log, id) WHERE l.id = k.log"
        ),
        "INSERT INTO tertulia.entries (log, place, bytes) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])"
            .into(),
        format!(
            "UPDATE tertulia.queues q SET count = count - 1, bytes = bytes - {UPDATE}
            FROM unnest($1::bigint[]) k (queue) WHERE q.id = k.queue"
        ),
        format!(
            "UPDATE tertulia.queues q SET version = version + 1, commit_id = k.id, next = next + 1, count = 1,
                bytes = {REPLY}
            FROM unnest($1::bigint[], $2::bigint[]) k (queue, id) WHERE q.id = k.queue"
        ),
        "DELETE FROM tertulia.items i USING unnest($1::bigint[], $2::bigint[]) k (queue, place)
        WHERE i.queue = k.queue AND i.place = k.place"
            .into(),
        "INSERT INTO tertulia.items (queue, place, revision, born, space, id, bytes)
        SELECT queue, place, id, id, 2, int8send(id), bytes
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[]) k (queue, place, id, bytes)"
            .into(),
        "INSERT INTO tertulia.seen (space, id, at) SELECT 2, int8send(id), 1 FROM unnest($1::bigint[]) k (id)".into(),
    ]
}

/// A group's turns as columns.
#[derive(Debug, Default)]
struct Group {
    logs: Vec<i64>,
    log_places: Vec<i64>,
    patches: Vec<&'static [u8]>,
    inboxes: Vec<i64>,
    outboxes: Vec<i64>,
    places: Vec<i64>,
    ids: Vec<i64>,
    replies: Vec<&'static [u8]>,
    /// Updates that are done and replies that were sent.
    gone: (Vec<i64>, Vec<i64>),
}

impl Group {
    fn new(turns: std::ops::Range<u64>, sessions: u64) -> Self {
        let mut group = Self::default();
        for index in turns {
            let turn = turn(index);
            let (shard, place) = (u64::from(turn.shard), turn.place);
            group.logs.push((SESSIONS * shard + place % sessions) as i64);
            group.log_places.push((place / sessions) as i64);
            group.patches.push(script::filling(PATCH));
            group.inboxes.push((INBOX + shard) as i64);
            group.outboxes.push((OUTBOX + shard) as i64);
            group.places.push(place as i64);
            group.ids.push(-1 - index as i64);
            group.replies.push(script::filling(REPLY));
            group.gone.0.extend([(INBOX + shard) as i64, (OUTBOX + shard) as i64]);
            group.gone.1.extend([place as i64, place as i64 - 1]);
        }
        group
    }

    /// Writes and commits, in one round trip.
    async fn write(&self, client: &Client, statements: &[Statement]) -> anyhow::Result<()> {
        let values: [&[&(dyn ToSql + Sync)]; 7] = [
            &[&self.logs, &self.ids],
            &[&self.logs, &self.log_places, &self.patches],
            &[&self.inboxes],
            &[&self.outboxes, &self.ids],
            &[&self.gone.0, &self.gone.1],
            &[&self.outboxes, &self.places, &self.ids, &self.replies],
            &[&self.ids],
        ];
        let writes =
            statements.iter().zip(values).map(|(statement, values)| client.execute(statement, values));
        let begin = client.batch_execute("BEGIN");
        let written = try_join(begin, try_join_all(writes));
        try_join(written, client.batch_execute("COMMIT")).await?;
        Ok(())
    }
}
