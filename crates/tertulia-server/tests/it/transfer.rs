//! `tertulia export` and `tertulia import`.

use std::time::Duration;

use serde_json::Value;
use tertulia_testkit::servers::{RedisCluster, Server};

use crate::support::Folder;

/// The lines of an export without what is different each time: the first, and when things expire and ids are forgotten.
fn lines(folder: &Folder, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
    let lines = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let without = |mut line: Value| {
        if let Some(log) = line.get_mut("log").and_then(Value::as_object_mut) {
            log.remove("expires");
        }
        for ids in ["numbers", "hashes"] {
            let ids = line.pointer_mut(&format!("/seen/{ids}")).and_then(Value::as_array_mut);
            ids.into_iter().flatten().for_each(|id| *id = id[0].clone());
        }
        line
    };
    lines.map(without).collect()
}

/// The same, each log with its entries, in an order that is the same for every storage.
fn sorted(folder: &Folder, file: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in lines(folder, file) {
        let goes_on = line.get("entries").or(line.get("items")).is_some();
        match parts.last_mut().filter(|_| goes_on) {
            Some(part) => *part += &line.to_string(),
            None => parts.push(line.to_string()),
        }
    }
    parts.sort_unstable();
    parts
}

/// From SQLite to Redis, to a cluster, to PostgreSQL and back, and asked at each.
#[tokio::test]
async fn an_update_that_is_given_again_after_the_move_gets_the_answer_that_it_had() {
    let folder = Folder::new();
    let server = folder.serve();
    let first = server.post("alice", "count", Some("k1")).await;
    assert_eq!(first.replies().len(), 1, "{first:?}");
    server.kill();
    assert_eq!(folder.run(&["export", "0.jsonl"]).code, Some(0));
    let exported = sorted(&folder, "0.jsonl");
    assert!(exported.iter().any(|line| line.starts_with("{\"seen\"")), "{exported:#?}");
    let (redis, cluster, postgres) =
        (Server::redis(), RedisCluster::start("redis-server", Duration::from_secs(60)), Server::postgres());
    let urls = [
        format!("redis://127.0.0.1:{}", redis.port()),
        format!("redis-cluster://{}", cluster.hosts()),
        postgres.postgres_url(),
        "sqlite:back.db".into(),
    ];
    for (n, url) in urls.iter().enumerate() {
        let (before, after) = (format!("{n}.jsonl"), format!("{}.jsonl", n + 1));
        let run = |words: &[&str]| folder.run(&[words, &["--storage", url]].concat());
        for _ in 0..2 {
            let imported = run(&["import", &before]);
            assert_eq!(imported.code, Some(0), "{url}: {imported:?}");
        }
        let again = run(&["export", &after, "--running"]);
        assert_eq!(again.code, Some(0), "{url}: {again:?}");
        assert_eq!(sorted(&folder, &after), exported, "{url}");
        let server = folder.serve_with(&["--storage", url], &[]);
        assert_eq!(server.post("alice", "count", Some("k1")).await, first, "{url}");
        let second = server.post("alice", "count", Some("k2")).await;
        assert_ne!(second.replies(), first.replies(), "{url}: another one is handled");
        server.kill();
    }
}

#[tokio::test]
async fn a_bot_goes_on_in_the_store_into_which_its_own_was_imported() {
    let folder = Folder::new();
    let server = folder.serve();
    server.say("alice", "my name is Ana").await;
    server.post("alice", "note é", Some("k")).await;
    folder.run(&["export", "all.jsonl"]).failed(1, &["tertulia.db is open in the server at", "--running"]);
    assert_eq!(folder.run(&["export", "beside.jsonl", "--running"]).code, Some(0));
    server.kill();
    let exported = folder.run(&["export", "all.jsonl"]);
    assert_eq!((exported.code, exported.stdout.as_str()), (Some(0), ""), "{exported:?}");
    assert!(exported.stderr.starts_with("exported ") && exported.stderr.contains("entries"), "{exported:?}");
    folder.run(&["export", "all.jsonl"]).failed(1, &["cannot write all.jsonl", "exists"]);
    let other = ["--storage", "sqlite:other.db"];
    let import = |file| folder.run(&[&["import", file][..], &other].concat());
    import("missing.jsonl").failed(1, &["cannot read missing.jsonl"]);
    assert_eq!(import("all.jsonl").code, Some(0));
    assert_eq!(import("all.jsonl").code, Some(0), "what is there is passed over");
    assert_eq!(folder.run(&[&["export", "again.jsonl"][..], &other].concat()).code, Some(0));
    assert_eq!(lines(&folder, "all.jsonl"), lines(&folder, "again.jsonl"));
    // Through a pipe too.
    let text = std::fs::read_to_string(folder.path().join("all.jsonl")).unwrap();
    let piped = folder.pipe(&["import", "-", "--storage", "sqlite:third.db"], &text);
    assert_eq!(piped.code, Some(0), "{piped:?}");
    // Not into a store that a server was started on.
    let own = ["--storage", "sqlite:own.db"];
    folder.serve_with(&own, &[]).kill();
    let refused = folder.run(&[&["import", "all.jsonl"][..], &own].concat());
    refused
        .failed(1, &["all.jsonl: a server was started on sqlite:", "own.db before", "nothing is imported"]);
    let server = folder.serve_with(&other, &[]);
    import("all.jsonl").failed(1, &["other.db is in use by process"]);
    assert_eq!(server.say("alice", "who am I?").await, server.say("alice", "who am I?").await);
    let shown = folder.run(&[&["show", "http:alice"][..], &other].concat()).json();
    let logs = shown["logs"].as_array().unwrap();
    let session = logs.iter().find(|log| log["name"] == "session/demo").unwrap();
    assert_eq!((&session["state"]["name"], &session["state"]["notes"][0]), (&"Ana".into(), &"é".into()));
    let said = session["state"]["history"]["log"].as_array().unwrap();
    assert_eq!(said[..2], ["my name is Ana", "note é"]);
}

#[test]
fn what_cannot_be_imported_is_named_and_makes_no_storage() {
    let folder = Folder::new();
    folder.write("empty", "");
    folder.write("notes.txt", "no export\n");
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    for (file, says) in [
        ("empty", "empty: it is empty"),
        ("notes.txt", "notes.txt: line 1: it is no line of an export"),
        ("folder", "folder: line 1: it cannot be read"),
        ("missing", "cannot read missing"),
    ] {
        folder.run(&["import", file]).failed(1, &[says]);
    }
    folder.run(&["import", "empty", "--storage", "memory:"]).failed(2, &["`memory:` keeps nothing"]);
    assert!(!folder.path().join("tertulia.db").exists());
}

#[test]
fn a_store_that_is_not_there_is_not_made_by_an_export() {
    let folder = Folder::new();
    let (redis, postgres) = (Server::redis(), Server::postgres());
    let url = format!("redis://127.0.0.1:{}", redis.port());
    folder
        .run(&["export", "all.jsonl", "--storage", "sqlite:none.db"])
        .failed(1, &["none.db does not exist"]);
    let export = |url: &str| folder.run(&["export", "all.jsonl", "--running", "--storage", url]);
    export(&url).failed(1, &["there is no store at redis://127.0.0.1:"]);
    assert_eq!(redis.tell_redis(&["DBSIZE"]).unwrap(), ":0\r\n");
    export(&postgres.postgres_url()).failed(1, &["no store", "schema tertulia"]);
    assert_eq!(postgres.psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'tertulia'"), "0");
    assert!(!folder.path().join("all.jsonl").exists() && !folder.path().join("none.db").exists());
}

#[test]
fn a_parameter_that_is_wrong_is_named_at_the_start() {
    let folder = Folder::new();
    for (url, says) in [
        ("redis://:hunter2@127.0.0.1:1?colour=red", "`colour` of the URL is not known"),
        ("redis://:hunter2@127.0.0.1:1?timeout=never", "`timeout` of the URL is `never`"),
        ("postgres://u:hunter2@127.0.0.1:1/db?readers=0", "`readers` of the URL is `0`"),
    ] {
        let ended = folder.run(&["--listen", "127.0.0.1:0", "--storage", url]);
        ended.failed(1, &[says]);
        assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    }
}
