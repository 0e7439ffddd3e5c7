//! The network between this process and the server fails, at any byte.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tertulia::Name;
use tertulia::error::Kind;
use tertulia::storage::{Appended, Expect, ItemId, LogWrite, Page, QueueWrite};
use tertulia_redis::Redis;
use tertulia_testkit::proxy::{Proxy, Then, Way};
use tertulia_testkit::servers::Server;

use crate::rig::{self, commit, log, queue};

/// Longer than an answer takes, nearly always, and not too long to be waited out.
const SECONDS: Duration = Duration::from_secs(2);

/// Somebody who waits no longer than this for what a broken network may have kept.
async fn behind_a_proxy(server: &Server, timeout: Duration) -> (Proxy, Redis) {
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], server.port()))).unwrap();
    let options = rig::options().timeout(timeout).connect_timeout(timeout);
    let url = format!("redis://{}?prefix={}", proxy.address(), rig::prefix());
    let store = rig::insist(async || options.clone().connect(&url).await).await;
    // The script is known to the server from here on, so that a commit is one word and one answer.
    rig::insist(async || commit(&store, [LogWrite::new(log("first")).append("x").into()]).await).await;
    (proxy, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_unknown_and_applied_once() {
    for then in [Then::LoseAnswer, Then::Reset, Then::Close, Then::Vanish, Then::Silence] {
        let (proxy, store) = behind_a_proxy(rig::shared(), SECONDS).await;
        proxy.at(Way::Up, b"the entry", then);
        let write = || LogWrite::new(log("a")).expect(Expect::Absent).append("the entry");
        let error = commit(&store, [write().into()]).await.expect_err("nobody knows");
        assert_eq!(error.kind(), Kind::Unknown, "{then:?}: {error}");
        assert_eq!(proxy.sprung(), 1, "{then:?}");
        proxy.heal();
        // Given again, it applies or conflicts with itself.
        let again = rig::insist(async || match commit(&store, [write().into()]).await {
            Err(error) if error.kind() == Kind::Conflict => Ok(false),
            done => done.map(|_| true),
        });
        if then == Then::LoseAnswer {
            assert!(!again.await, "it was applied");
        } else {
            again.await;
        }
        let found = rig::insist(async || rig::page(&store, &log("a")).await).await.and_then(Page::into_log);
        assert_eq!(found.unwrap().entries, ["the entry"], "{then:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_unavailable() {
    let (proxy, store) = behind_a_proxy(rig::shared(), SECONDS).await;
    proxy.refuse(true);
    proxy.now(Then::Reset);
    while proxy.open() > 0 {
        tokio::task::yield_now().await;
    }
    let first = commit(&store, [LogWrite::new(log("a")).append("x").into()]).await.unwrap_err();
    assert!(matches!(first.kind(), Kind::Unavailable | Kind::Unknown), "{first}");
    let error = commit(&store, [LogWrite::new(log("a")).append("x").into()]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    proxy.refuse(false);
    assert_eq!(rig::insist(async || rig::page(&store, &log("a")).await).await, None);
}

/// Numbers with ids, given until they are in: each is in once, in the order in which one writer gives them.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_at_any_byte_loses_and_doubles_nothing() {
    const EACH: u64 = 60;
    let (proxy, store) = behind_a_proxy(rig::shared(), Duration::from_millis(400)).await;
    let (mut bytes, mut failures) = (7_u64, BTreeMap::new());
    let thens = [Then::Reset, Then::LoseAnswer, Then::Vanish, Then::Close];
    for number in 0..EACH {
        // Moves on by a few bytes each time, so that the cuts come anywhere in a command or an answer.
        bytes += 37;
        let (way, bytes) = if number % 2 == 0 { (Way::Up, bytes % 300) } else { (Way::Down, bytes % 80) };
        proxy.after(way, bytes, thens[usize::try_from(number).unwrap() % thens.len()]);
        let id = ItemId::Number(Name::from_static("space"), i64::try_from(number).unwrap());
        loop {
            let write = QueueWrite::new(queue("inbox")).append(Some(id.clone()), number.to_string());
            match commit(&store, [write.into()]).await {
                Ok(committed) => {
                    assert!(matches!(committed.appended[..], [Appended::At(_) | Appended::Seen]));
                    break;
                }
                Err(error) => *failures.entry(error.kind().as_str()).or_insert(0) += 1,
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    assert!(proxy.sprung() > EACH / 2, "{} cuts, {failures:?}", proxy.sprung());
    assert!(failures.keys().all(|kind| ["unknown", "unavailable"].contains(kind)), "{failures:?}");
    assert!(failures.contains_key("unknown"), "{failures:?}");
    proxy.heal();
    let read = async || rig::page(&store, &queue("inbox")).await;
    let page = rig::insist(read).await.and_then(Page::into_queue).unwrap();
    let found: Vec<_> = page.entries.iter().map(|entry| entry.bytes.clone()).collect();
    assert_eq!(found, (0..EACH).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_listens_and_went_silent_is_given_up() {
    let server = rig::server(&[]);
    let (proxy, here) = behind_a_proxy(&server, SECONDS).await;
    let seen = commit(&here, [LogWrite::new(log("a")).append("0").into()]).await.unwrap().heads[0];
    let waiting = tokio::spawn({
        let here = here.clone();
        async move { rig::changed(&here, &log("a"), seen.map(|head| head.etag())).await }
    });
    let listens = || !rig::admin::<Vec<String>>(server.port(), &["PUBSUB", "SHARDCHANNELS"]).is_empty();
    while !listens() {
        tokio::task::yield_now().await;
    }
    proxy.now(Then::Silence);
    // Somebody else changes it, past the proxy.
    let prefix = rig::admin::<Vec<String>>(server.port(), &["PUBSUB", "SHARDCHANNELS"]);
    let prefix = prefix[0].trim_start_matches('{').rsplit_once(':').unwrap().0.to_owned();
    let there = format!("redis://127.0.0.1:{}?prefix={prefix}", server.port());
    let there = rig::options().connect(&there).await.unwrap();
    let made = commit(&there, [LogWrite::new(log("a")).append("1").into()]).await.unwrap().heads[0];
    let found = tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("woken").unwrap();
    assert_eq!(found, made);
}
