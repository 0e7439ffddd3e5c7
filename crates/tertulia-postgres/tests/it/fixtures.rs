//! Stores as programs of older versions left them: written once by a program of that version, and read ever since.

use std::process::Command;
use std::time::Duration;

use tertulia::storage::{CommitId, Expire, ItemId, LogWrite, Offset, QueueWrite, Revision, Storage, Write};
use tertulia::{Key, Name, Shard};
use tertulia_postgres::{Postgres, PostgresOptions};
use tertulia_testkit::servers::{Server, postgres_program};

use crate::rig::{commit, log, run, schema, server};

/// The version whose store `write_the_fixture` writes.
const PRESENT: u32 = 2;

/// The schema in the files.
const NAME: &str = "tertulia_fixture";

pub(crate) const DAY: Duration = Duration::from_hours(24);

pub(crate) fn queue() -> Key {
    Key::Queue(Shard(3), Name::from_static("inbox"))
}

pub(crate) fn lease() -> Key {
    Key::ShardLog(Shard(3), Name::from_static("lease"))
}

pub(crate) fn number(number: i64) -> ItemId {
    ItemId::Number(Name::from_static("telegram"), number)
}

pub(crate) fn hash(byte: u8) -> ItemId {
    ItemId::Bytes(Name::from_static("http"), [byte; 16])
}

fn file(version: u32) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    folder.join(format!("version-{version}.sql"))
}

/// Puts a store of an older version into the server, as if it had just been written; gives its schema.
pub(crate) fn load(server: &Server, version: u32) -> String {
    let schema = schema();
    let sql = std::fs::read_to_string(file(version)).unwrap().replace(NAME, &schema);
    server.psql(&sql);
    let since = format!("{schema}.now_us() - (SELECT max(at) FROM {schema}.writers)");
    server.psql(&format!(
        "UPDATE {schema}.logs SET deadline = deadline + {since};
        UPDATE {schema}.seen SET at = at + {since}"
    ));
    schema
}

/// What is in every fixture.
async fn fill(storage: &Postgres) {
    let plain = LogWrite::new(log("plain")).base("grüße").append("one").append("two").append("three");
    let queued = QueueWrite::new(queue())
        .append(Some(number(i64::MAX)), "first")
        .append(Some(number(-1)), "second")
        .append(Some(hash(9)), "third")
        .append(None, "fourth");
    let writes: Vec<Write> = vec![
        plain.into(),
        LogWrite::new(log("large")).base(vec![7; 2_000]).into(),
        LogWrite { first: Some(Offset(40)), ..LogWrite::new(log("fork")).append("forty") }.into(),
        LogWrite::new(log("brief")).base("brief").expire(Expire::After(Duration::from_millis(1))).into(),
        LogWrite::new(log("long")).base("long").expire(Expire::After(3_650 * DAY)).into(),
        LogWrite::new(log("gone")).append("gone").into(),
        LogWrite::new(lease()).base("owner").into(),
        queued.into(),
    ];
    commit(storage, 1, writes).await.unwrap();
    let writes: Vec<Write> = vec![
        LogWrite::new(log("plain")).append("four").trim(Offset(1)).into(),
        LogWrite::new(log("gone")).delete().into(),
        QueueWrite::new(queue())
            .discard(Offset(1), CommitId(1))
            .replace(Offset(2), Revision(CommitId(1)), "third again")
            .into(),
    ];
    commit(storage, u64::MAX, writes).await.unwrap();
}

/// Writes the fixture of the present version. Once a newer version was made its file is never written again.
#[test]
#[ignore = "makes the file that the other tests read"]
fn write_the_fixture() {
    run(async || {
        let url = server().postgres_url();
        let storage = PostgresOptions::new().schema(NAME).connect(&url).await.unwrap();
        fill(&storage).await;
        assert!(storage.properties().durability.process_kill);
        storage.close().await;
        let mut command = Command::new(postgres_program("pg_dump"));
        command.args(["--no-owner", "--inserts", "-n", NAME]).arg(url);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        // Without what concerns the session, and with statements parted by one empty line.
        let kept = |line: &&str| {
            !line.starts_with("--")
                && !line.starts_with("SET ")
                && !line.starts_with('\\')
                && !line.starts_with("SELECT pg_catalog.set_config")
        };
        let mut lines: Vec<&str> = text.lines().filter(kept).collect();
        lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
        std::fs::write(file(PRESENT), format!("{}\n", lines.join("\n").trim())).unwrap();
    });
}
