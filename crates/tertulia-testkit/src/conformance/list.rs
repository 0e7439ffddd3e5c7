//! Listing: every key once, with its head, a page at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{
    Cursor, Expire, Head, ItemId, ListQuery, LogWrite, Names, Offset, QueueWrite, Write,
};
use tertulia::{Conversation, Key, Name};

use super::batch::refused;
use crate::Subject;
use crate::subject::{elsewhere, far_log, here, log, queue, shard_log};

/// Every key the query gives, page by page; panics if one comes twice.
pub(crate) async fn list(subject: &Subject, query: &ListQuery) -> BTreeMap<Key, Head> {
    let mut query = query.clone();
    let mut found = BTreeMap::new();
    loop {
        let page = subject.storage().list(&query).await.expect("the storage can be listed");
        assert!(page.keys.len() <= query.limit.max(1), "a page has at most its limit");
        assert!(!page.keys.is_empty() || query.limit > 0 || page.next.is_none(), "a page gets somewhere");
        for listed in page.keys {
            let key = listed.key.clone();
            assert!(found.insert(listed.key, listed.head).is_none(), "{key} is listed once");
        }
        match page.next {
            None => return found,
            next => query.after = next,
        }
    }
}

async fn keys(subject: &Subject, query: ListQuery) -> Vec<Key> {
    list(subject, &query).await.into_keys().collect()
}

fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort_unstable();
    keys
}

fn at(source: &str, id: &str, name: &str) -> Key {
    let conversation = Conversation::new(source, id).expect("a valid conversation");
    Key::Log(conversation, Name::new(name).expect("a valid name"))
}

async fn make(subject: &Subject, key: &Key) -> Option<Head> {
    let write: Write = match key {
        Key::Queue(..) => QueueWrite::new(key.clone()).append(None, "x").into(),
        _ => LogWrite::new(key.clone()).append("x").into(),
    };
    subject.put(write).await
}

/// Logs of conversations, logs of shards and queues, with the heads that reads give.
pub async fn everything_is_listed_with_its_head(subject: &Subject) {
    assert!(list(subject, &ListQuery::default()).await.is_empty(), "a new store is empty");
    let shard = here().shard();
    let mut expected = BTreeMap::new();
    for key in [log("a"), log("b"), far_log(0, "a"), shard_log(shard, "epoch"), queue("inbox"), queue("dead")]
    {
        let head = make(subject, &key).await.expect("it was made");
        expected.insert(key, head);
    }
    let expiring = LogWrite::new(log("expiring")).base("x").expire(Expire::After(Duration::from_hours(1)));
    subject.put(expiring).await;
    let mut found = list(subject, &ListQuery::default()).await;
    let expires_in = found.remove(&log("expiring")).and_then(|head| head.log()).expect("listed").expires_in;
    assert!(expires_in.is_some_and(|left| left <= Duration::from_hours(1)), "{expires_in:?}");
    assert_eq!(found, expected);
}

/// However small the pages, each key comes once and none is left out.
pub async fn pages_hold_each_key_once(subject: &Subject) {
    let mut expected = Vec::new();
    for i in 0..23 {
        let key = match i % 4 {
            0 => log(&format!("log {i}")),
            1 => far_log(i, "log"),
            2 => queue(&format!("queue {i}")),
            _ => shard_log(elsewhere(i).shard(), "epoch"),
        };
        make(subject, &key).await;
        expected.push(key);
    }
    let expected = sorted(expected);
    for limit in [0, 1, 2, 3, 7, 22, 23, 24, 1_000] {
        assert_eq!(keys(subject, ListQuery { limit, ..ListQuery::default() }).await, expected, "{limit}");
    }
}

/// What stays is listed once although other keys come and go between two pages.
pub async fn keys_that_stay_are_listed_once_while_others_come_and_go(subject: &Subject) {
    let stay: Vec<Key> = (0..12).map(|i| log(&format!("{i:02} stay"))).collect();
    for key in &stay {
        make(subject, key).await;
        make(subject, &log(&format!("{key} goes"))).await;
    }
    let mut query = ListQuery { limit: 3, ..ListQuery::default() };
    let mut found: Vec<Key> = Vec::new();
    for round in 0.. {
        let page = subject.storage().list(&query).await.expect("the storage can be listed");
        found.extend(page.keys.into_iter().map(|listed| listed.key).filter(|key| stay.contains(key)));
        match page.next {
            None => break,
            next => query.after = next,
        }
        if let Some(key) = stay.get(round) {
            subject.put(LogWrite::new(log(&format!("{key} goes"))).delete()).await;
        }
        if round < 12 {
            make(subject, &log(&format!("{round:02} comes"))).await;
        }
    }
    found.sort_unstable();
    assert_eq!(found, stay);
}

/// One shard's own logs and queues, and the logs of its conversations.
pub async fn a_shard_can_be_listed(subject: &Subject) {
    let near = [log("a"), queue("inbox"), shard_log(here().shard(), "epoch")];
    let far_shard = elsewhere(0).shard();
    let far =
        [far_log(0, "a"), shard_log(far_shard, "epoch"), Key::Queue(far_shard, Name::from_static("inbox"))];
    for key in near.iter().chain(&far) {
        make(subject, key).await;
    }
    for limit in [1, 100] {
        let query = |shard| ListQuery { shard: Some(shard), limit, ..ListQuery::default() };
        assert_eq!(keys(subject, query(here().shard())).await, sorted(near.to_vec()));
        assert_eq!(keys(subject, query(far_shard)).await, sorted(far.to_vec()));
    }
}

/// A source is the whole of it, as it was given: neither a prefix nor a pattern.
pub async fn a_source_can_be_listed(subject: &Subject) {
    let sources = ["tele", "telegram", "Tele", "tele:gram", "tele%3Agram", "tele_", "tele%", "t le", "téle"];
    for source in sources {
        for id in ["1", "2"] {
            make(subject, &at(source, id, "chat")).await;
        }
    }
    make(subject, &queue("tele")).await;
    make(subject, &shard_log(here().shard(), "tele")).await;
    for source in sources {
        for limit in [1, 100] {
            let query = ListQuery { source: Some(source.into()), limit, ..ListQuery::default() };
            let expected = vec![at(source, "1", "chat"), at(source, "2", "chat")];
            assert_eq!(keys(subject, query).await, sorted(expected), "{source}");
        }
    }
    let query = ListQuery { source: Some("telegra".into()), ..ListQuery::default() };
    assert_eq!(keys(subject, query).await, []);
}

/// By one name, or by how names begin; neither is a pattern.
pub async fn names_can_be_listed_exactly_and_by_prefix(subject: &Subject) {
    let names = [
        "session/chat",
        "session/chat2",
        "session_chat",
        "session%",
        "session",
        "Session/chat",
        "sess*",
        "sess[i]",
        "é",
        "é/x",
        "e\u{301}",
        "\u{10FFFF}",
        "\u{10FFFF}x",
        "z",
    ];
    for name in names {
        make(subject, &log(name)).await;
        make(subject, &queue(name)).await;
    }
    let all = |wanted: &dyn Fn(&str) -> bool| {
        let names = names.into_iter().filter(|name| wanted(name));
        sorted(names.flat_map(|name| [log(name), queue(name)]).collect())
    };
    for name in names {
        let exactly = Names::Exactly(Name::new(name).expect("a valid name"));
        let query = ListQuery { names: exactly, ..ListQuery::default() };
        assert_eq!(keys(subject, query).await, all(&|other| other == name), "{name}");
        for limit in [2, 100] {
            let query = ListQuery { names: Names::Prefix(name.into()), limit, ..ListQuery::default() };
            assert_eq!(keys(subject, query).await, all(&|other| other.starts_with(name)), "{name}");
        }
    }
    for prefix in ["", "session/", "s", "sess_", "%", "nothing"] {
        let query = ListQuery { names: Names::Prefix(prefix.into()), ..ListQuery::default() };
        assert_eq!(keys(subject, query).await, all(&|name| name.starts_with(prefix)), "{prefix}");
    }
}

/// What has neither base nor entry can be left out.
pub async fn what_is_empty_can_be_left_out(subject: &Subject) {
    subject.put(LogWrite::new(log("base only")).base("")).await;
    subject.put(LogWrite::new(log("entry")).append("")).await;
    subject.put(LogWrite::new(log("trimmed")).append("x").trim(Offset(1))).await;
    subject.put(LogWrite::new(log("trimmed with base")).base("b").append("x").trim(Offset(1))).await;
    subject.put(QueueWrite::new(queue("full")).append(None, "")).await;
    subject.put(QueueWrite::new(queue("emptied")).append(None, "x")).await;
    let it = subject.revision(&queue("emptied"), 0).await;
    subject.put(QueueWrite::new(queue("emptied")).remove(Offset(0), it)).await;
    let mut expected = vec![log("base only"), log("entry"), log("trimmed with base"), queue("full")];
    for limit in [1, 100] {
        let query = ListQuery { not_empty: true, limit, ..ListQuery::default() };
        assert_eq!(keys(subject, query).await, sorted(expected.clone()));
    }
    expected.extend([log("trimmed"), queue("emptied")]);
    assert_eq!(keys(subject, ListQuery::default()).await, sorted(expected));
}

/// Every wish at once.
pub async fn wishes_are_met_together(subject: &Subject) {
    let shard = here().shard();
    let wanted = log("session/b");
    for key in [
        wanted.clone(),
        log("other"),
        far_log(0, "session/b"),
        queue("session/b"),
        shard_log(shard, "session/b"),
    ] {
        make(subject, &key).await;
    }
    subject.put(LogWrite::new(log("session/a")).append("x").trim(Offset(1))).await;
    let query = ListQuery {
        shard: Some(shard),
        source: Some("test".into()),
        names: Names::Prefix("session/".into()),
        not_empty: true,
        after: None,
        limit: 1,
    };
    assert_eq!(keys(subject, query).await, [wanted]);
}

/// Deleted logs are gone from here too; queues stay, with what they have seen.
pub async fn deleted_logs_are_not_listed(subject: &Subject) {
    make(subject, &log("a")).await;
    make(subject, &log("b")).await;
    subject.put(LogWrite::new(log("a")).delete()).await;
    let id = Some(ItemId::Number(Name::from_static("space"), 1));
    subject.put(QueueWrite::new(queue("inbox")).append(id, "x")).await;
    let it = subject.revision(&queue("inbox"), 0).await;
    subject.put(QueueWrite::new(queue("inbox")).remove(Offset(0), it)).await;
    assert_eq!(keys(subject, ListQuery::default()).await, sorted(vec![log("b"), queue("inbox")]));
}

/// A cursor is the storage's own word; anything else is refused rather than guessed at.
pub async fn a_cursor_that_was_not_given_is_invalid(subject: &Subject) {
    make(subject, &log("a")).await;
    for bytes in [&b""[..], b"not a cursor", b"\xff\xff\xff", b"\x00", b"\x00\x01\x02\x03"] {
        let after = Some(Cursor(bytes::Bytes::from_static(bytes)));
        let result = subject.storage().list(&ListQuery { after, ..ListQuery::default() }).await;
        refused(result, Kind::Invalid);
    }
}

/// Keys whose parts look alike, in any script, are different keys, in reads, writes and listings.
pub async fn keys_that_look_alike_are_different(subject: &Subject) {
    let long = "é".repeat(128);
    let texts = [
        "a",
        "A",
        "a ",
        " a",
        "a:b",
        "a%3Ab",
        "a%",
        "%25",
        "a/b",
        "{a}",
        "a?b",
        "a#b",
        "a'b",
        "a\"b",
        "a\\b",
        "a;--",
        "a_b",
        "a*b",
        "é",
        "e\u{301}",
        "\u{feff}a",
        "a\u{200b}",
        "\u{202e}abc",
        "👩‍👩‍👧",
        "\u{10FFFF}",
        "\u{FFFD}",
        "\u{a0}",
        "queue inbox",
        "inbox",
        "shard 3",
        "0",
        "00",
        "null",
        &long,
    ];
    let mut all = Vec::new();
    for text in texts {
        all.push(log(text));
        all.push(at(text, "id", "name"));
        all.push(at("source", text, "name"));
        all.push(queue(text));
        all.push(shard_log(here().shard(), text));
    }
    all.extend([at("a:b", "c", "n"), at("a", "b:c", "n"), at("a", "b", "c n"), at("a", "b c", "n")]);
    for (i, key) in all.iter().enumerate() {
        let write: Write = match key {
            Key::Queue(..) => QueueWrite::new(key.clone()).append(None, i.to_string()).into(),
            _ => LogWrite::new(key.clone()).append(i.to_string()).into(),
        };
        subject.put(write).await;
    }
    for (i, key) in all.iter().enumerate() {
        let bytes = match key {
            Key::Queue(..) => subject.queue(key).await.entries.remove(0).bytes,
            _ => subject.log(key).await.entries.remove(0),
        };
        assert_eq!(bytes, i.to_string(), "{key}");
    }
    for limit in [1, 1_000] {
        let found = keys(subject, ListQuery { limit, ..ListQuery::default() }).await;
        let missing: Vec<_> = all.iter().filter(|key| !found.contains(key)).collect();
        assert!(missing.is_empty(), "left out by pages of {limit}: {missing:?}");
        assert_eq!(found.len(), all.len(), "nothing else is listed");
    }
}
