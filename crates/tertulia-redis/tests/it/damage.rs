//! What is stored, byte for byte, and what becomes of it when somebody else changes it.

use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Batch, CommitId, ItemId, ListQuery, LogWrite, Page, QueueWrite, Revision, Storage};
use tertulia::{Name, Shard};
use tertulia_redis::Redis;
use tertulia_testkit::servers::Server;

use crate::rig::{self, commit, log, log_page, queue};

/// Everything in the database, as hexadecimal digits that can be put back: key, type, and what is in it.
fn contents(server: &Server) -> Vec<String> {
    let mut keys: Vec<Vec<u8>> = rig::admin(server.port(), &["KEYS", "*"]);
    keys.sort();
    let mut connection = redis::Client::open(("127.0.0.1", server.port())).unwrap().get_connection().unwrap();
    let mut lines = Vec::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query(&mut connection).unwrap();
        let parts: Vec<Vec<u8>> = match kind.as_str() {
            "string" => vec![redis::cmd("GET").arg(&key).query(&mut connection).unwrap()],
            "list" => redis::cmd("LRANGE").arg(&key).arg(0).arg(-1).query(&mut connection).unwrap(),
            _ => redis::cmd("ZRANGE")
                .arg(&key)
                .arg(0)
                .arg(-1)
                .arg("WITHSCORES")
                .query(&mut connection)
                .unwrap(),
        };
        let parts: Vec<String> = parts.iter().map(|part| part.escape_ascii().to_string()).collect();
        lines.push(format!("{} {kind} {}", key.escape_ascii(), parts.join(" | ")));
    }
    lines
}

async fn store(server: &Server) -> Redis {
    rig::options().connect(&format!("redis://127.0.0.1:{}?prefix=t", server.port())).await.unwrap()
}

/// Writes one of everything, under ids that are the same each time.
async fn write(store: &Redis) {
    let item = |id| Some(ItemId::Number(Name::from_static("telegram"), id));
    let bytes = Some(ItemId::Bytes(Name::from_static("replies"), *b"0123456789abcdef"));
    let mut fork = LogWrite::new(log("fork")).append("seven");
    fork.first = Some(tertulia::storage::Offset(7));
    let batches = [
        vec![
            LogWrite::new(log("session/chat")).base("a base").append("one").append("two").into(),
            QueueWrite::new(queue("inbox"))
                .append(item(5), "five")
                .append(None, "six")
                .append(bytes, "")
                .into(),
            fork.into(),
        ],
        vec![
            LogWrite::new(log("session/chat")).append("three").trim(tertulia::storage::Offset(1)).into(),
            QueueWrite::new(queue("inbox"))
                .replace(tertulia::storage::Offset(0), Revision(CommitId(0x11)), "FIVE")
                .remove(tertulia::storage::Offset(1), Revision(CommitId(0x11)))
                .into(),
            LogWrite::new(tertulia::Key::ShardLog(Shard(3), Name::from_static("epoch"))).base("1").into(),
        ],
    ];
    for (id, writes) in [0x11, 0xff00_0000_0000_0022].into_iter().zip(batches) {
        store.commit(Batch::new(CommitId(id), writes)).await.unwrap();
    }
}

const FIXTURE: &str = include_str!("../fixtures/store-1.txt");

#[tokio::test(flavor = "multi_thread")]
async fn the_stored_bytes_are_those_of_version_1() {
    let server = rig::server(&[]);
    write(&store(&server).await).await;
    let mut found = contents(&server);
    // When ids were seen is the only thing that differs from run to run.
    for line in &mut found {
        if line.contains("}sQinbox zset") {
            let parts: Vec<&str> = line.split(" | ").filter(|part| part.parse::<f64>().is_err()).collect();
            *line = parts.join(" | ");
        }
    }
    assert_eq!(found, FIXTURE.lines().collect::<Vec<_>>());
}

/// What `escape_ascii` wrote.
fn unescape(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, byte == b'\\') {
            (byte, false) => byte,
            _ => match rest.next().unwrap() {
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                b't' => b'\t',
                b'n' => b'\n',
                b'r' => b'\r',
                other => other,
            },
        });
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_version_1_is_read() {
    let server = rig::server(&[]);
    let mut connection = redis::Client::open(("127.0.0.1", server.port())).unwrap().get_connection().unwrap();
    for line in FIXTURE.lines() {
        let (key, rest) = line.split_once(' ').unwrap();
        let (kind, parts) = rest.split_once(' ').unwrap();
        let parts: Vec<Vec<u8>> = parts.split(" | ").map(unescape).collect();
        // Seen now, since the fixture does not say when.
        let seen = || (1_u64 << 50).to_string().into_bytes();
        let (command, parts) = match kind {
            "string" => ("SET", parts),
            "list" => ("RPUSH", parts),
            _ if key.ends_with("}sQinbox") => {
                ("ZADD", parts.into_iter().flat_map(|id| [seen(), id]).collect())
            }
            _ => ("ZADD", parts.chunks(2).flat_map(|pair| [pair[1].clone(), pair[0].clone()]).collect()),
        };
        let _: redis::Value =
            redis::cmd(command).arg(unescape(key)).arg(parts).query(&mut connection).unwrap();
    }
    let (old, written) = (store(&server).await, rig::server(&[]));
    let new = store(&written).await;
    write(&new).await;
    let listed = old.list(&ListQuery::default()).await.unwrap();
    assert_eq!(listed, new.list(&ListQuery::default()).await.unwrap());
    assert_eq!(listed.keys.len(), 4);
    for listed in listed.keys {
        assert_eq!(rig::page(&old, &listed.key).await.unwrap(), rig::page(&new, &listed.key).await.unwrap());
    }
    let again = Some(ItemId::Number(Name::from_static("telegram"), 5));
    let again = commit(&old, [QueueWrite::new(queue("inbox")).append(again, "five").into()]).await.unwrap();
    assert_eq!(again.appended, [tertulia::storage::Appended::Seen]);
}

/// An administrator's slip, or a server that threw something away.
async fn damaged(act: &[&str]) {
    let server = rig::server(&[]);
    let store = store(&server).await;
    write(&store).await;
    let shard = rig::shard();
    let words: Vec<String> = act
        .iter()
        .map(|word| word.replace("LOG", &format!("{{t:{shard}}}lctest:1\0session/chat")))
        .map(|word| word.replace("ENTRIES", &format!("{{t:{shard}}}ectest:1\0session/chat")))
        .map(|word| word.replace("QUEUE", &format!("{{t:{shard}}}qQinbox")))
        .map(|word| word.replace("ITEMS", &format!("{{t:{shard}}}zQinbox")))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let changed: redis::Value = rig::admin(server.port(), &words);
    assert_ne!(changed, redis::Value::Int(0), "{act:?} changes something");
    let (key, write): (_, tertulia::storage::Write) = if act[1] == "QUEUE" || act[1] == "ITEMS" {
        (queue("inbox"), QueueWrite::new(queue("inbox")).append(None, "x").into())
    } else {
        (log("session/chat"), LogWrite::new(log("session/chat")).append("x").into())
    };
    let before = contents(&server);
    let other = LogWrite::new(log("other")).append("x").into();
    let error = commit(&store, [other, write]).await.expect_err("it is not written over");
    assert_eq!(error.kind(), Kind::Corrupt, "{act:?}: {error}");
    assert_eq!(contents(&server), before, "{act:?}: nothing was written");
    let read = rig::page(&store, &key).await;
    if act[0] != "DEL" || act[1] == "ENTRIES" {
        let error = read.expect_err("it is not taken for absent");
        assert_eq!(error.kind(), Kind::Corrupt, "{act:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_damaged_is_told_and_not_written_over() {
    damaged(&["SET", "LOG", "nonsense"]).await;
    damaged(&["SETRANGE", "LOG", "0", "\x02"]).await;
    damaged(&["DEL", "ENTRIES"]).await;
    damaged(&["RPUSH", "ENTRIES", "one more"]).await;
    damaged(&["SET", "QUEUE", "nonsense"]).await;
    damaged(&["DEL", "QUEUE"]).await;
    damaged(&["SET", "ITEMS", "of another kind"]).await;
    damaged(&["ZADD", "ITEMS", "9", "nonsense"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_expired_logs_is_left_in_the_end() {
    let server = rig::server(&[]);
    let store = store(&server).await;
    let soon = tertulia::storage::Expire::After(Duration::from_millis(30));
    let mut last = None;
    for i in 0..40 {
        let write = LogWrite::new(log(&i.to_string())).base("x").append("y").expire(soon);
        last = commit(&store, [write.into()]).await.unwrap().heads[0];
    }
    assert_eq!(store.changed(&log("39"), last.map(|head| head.etag())).await.unwrap(), None);
    assert!(store.list(&ListQuery::default()).await.unwrap().keys.is_empty());
    // Whoever makes a log takes some of the expired ones out of the index.
    for i in 0..40 {
        commit(&store, [LogWrite::new(log("new")).base("x").into()]).await.unwrap();
        commit(&store, [LogWrite::new(log("new")).delete().into()]).await.unwrap();
        let left = contents(&server);
        if left.len() == 1 {
            return;
        }
        assert!(i < 39, "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_entries_ids_and_removals_go_in_one_batch() {
    const MANY: usize = 5_000;
    let store = rig::options().connect(&rig::url(rig::shared())).await.unwrap();
    let item = |i| Some(ItemId::Number(Name::from_static("space"), i));
    let (mut entries, mut items) = (LogWrite::new(log("a")), QueueWrite::new(queue("inbox")));
    for i in 0..MANY {
        entries = entries.append(i.to_string());
        items = items.append(item(i64::try_from(i).unwrap()), i.to_string());
    }
    let committed = commit(&store, [entries.into(), items.clone().into()]).await.unwrap();
    assert_eq!(committed.appended.len(), MANY);
    let page = log_page(&store, &log("a")).await;
    assert!(page.entries.iter().enumerate().all(|(i, entry)| *entry == i.to_string()));
    let committed = commit(&store, [items.into()]).await.unwrap();
    assert!(committed.appended.iter().all(|appended| *appended == tertulia::storage::Appended::Seen));
    let page = rig::page(&store, &queue("inbox")).await.unwrap().and_then(Page::into_queue).unwrap();
    assert_eq!(page.entries.len(), MANY);
    let mut remove = QueueWrite::new(queue("inbox"));
    for entry in &page.entries {
        remove = remove.remove(entry.offset, entry.revision);
    }
    commit(&store, [remove.into()]).await.unwrap();
    let page = rig::page(&store, &queue("inbox")).await.unwrap().and_then(Page::into_queue).unwrap();
    assert_eq!((page.head.count, page.head.bytes, page.entries.len()), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_record_is_gone_is_made_anew_without_its_entries() {
    let server = rig::server(&[]);
    let store = store(&server).await;
    write(&store).await;
    let record = format!("{{t:{}}}lctest:1\0session/chat", rig::shard());
    assert_eq!(rig::admin::<i64>(server.port(), &["DEL", &record]), 1);
    commit(&store, [LogWrite::new(log("session/chat")).append("new").into()]).await.unwrap();
    assert_eq!(log_page(&store, &log("session/chat")).await.entries, ["new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_forgotten_after_48_hours() {
    let server = rig::server(&[]);
    let store = store(&server).await;
    let append = async |id| {
        let id = Some(ItemId::Number(Name::from_static("telegram"), id));
        let write = QueueWrite::new(queue("inbox")).append(id, "x");
        commit(&store, [write.into()]).await.unwrap().appended[0]
    };
    for id in 0..4 {
        append(id).await;
    }
    // As if they had been appended so long before now.
    let time: Vec<u64> = rig::admin(server.port(), &["TIME"]);
    let key = format!("{{t:{}}}sQinbox", rig::shard());
    let mut connection = redis::Client::open(("127.0.0.1", server.port())).unwrap().get_connection().unwrap();
    let (hours_48, minute) = (48 * 3600 * 1000, 60_000);
    for (id, age) in [(0_i64, hours_48), (1, hours_48 - minute), (2, hours_48 + minute)] {
        let member = [&b"n"[..], &id.to_be_bytes(), b"telegram"].concat();
        let _: i64 = redis::cmd("ZADD")
            .arg(&key)
            .arg("CH")
            .arg(time[0] * 1000 - age)
            .arg(member)
            .query(&mut connection)
            .unwrap();
    }
    let at = |offset| tertulia::storage::Appended::At(tertulia::storage::Offset(offset));
    assert_eq!(append(1).await, tertulia::storage::Appended::Seen);
    assert_eq!(append(0).await, at(4));
    assert_eq!(append(0).await, tertulia::storage::Appended::Seen, "it counts anew");
    // The one that nobody gave again has left, too.
    assert_eq!(rig::admin::<i64>(server.port(), &["ZCARD", &key]), 3);
    assert_eq!(append(2).await, at(5));
    assert_eq!(append(3).await, tertulia::storage::Appended::Seen);
}
