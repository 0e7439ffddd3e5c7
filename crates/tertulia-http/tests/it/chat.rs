//! Messages and their answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use tertulia::runner;
use tertulia::storage::{Memory, Storage};
use tertulia_http::{Load, Options};

use crate::support::{Answer, Site, dead_update, post};

#[tokio::test]
async fn a_message_is_answered_with_the_replies_in_order() {
    let site = Site::new().await;
    let answer = site.say("alice", "hello", None).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.json["conversation"], "http:alice");
    assert_eq!(answer.json["update"].as_str().unwrap().len(), 32);
    assert_eq!(answer.replies(), ["hello", "hello again"]);
    assert_eq!(answer.head.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn a_message_that_nothing_is_said_to_is_answered_with_no_replies() {
    let site = Site::new().await;
    let answer = site.say("alice", "quiet", None).await;
    assert_eq!((answer.status(), answer.replies().len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn what_curl_sends_is_understood_and_unknown_fields_are_ignored() {
    let site = Site::new().await;
    let request = post("a%2Fb%20%C3%A9").header("content-type", "application/x-www-form-urlencoded");
    let answer = site.ask(request.body(r#"{"text":"hi","from":"ana","more":[{}]}"#.into()).unwrap()).await;
    assert_eq!(answer.replies()[0], "hi");
    assert_eq!(answer.json["conversation"], "http:a%2Fb%20é");
}

#[tokio::test]
async fn the_same_key_gives_the_same_replies_and_runs_once_also_after_a_restart() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let site = Site::with(Arc::clone(&storage), Options::new()).await;
    let first = site.say("alice", "hello", Some("k1")).await;
    let again = site.say("alice", "hello", Some("k1")).await;
    assert_eq!((first.json.clone(), site.runs.count()), (again.json, 1));
    site.running.shutdown(Duration::from_secs(1)).await;

    let restarted = Site::with(storage, Options::new()).await;
    assert_eq!(restarted.say("alice", "hello", Some("k1")).await.json, first.json);
    assert_eq!(restarted.runs.count(), 0);
}

#[tokio::test]
async fn requests_with_one_key_at_once_run_once() {
    let site = Site::new().await;
    let (a, b) = tokio::join!(site.say("alice", "x", Some("k")), site.say("alice", "x", Some("k")));
    assert_eq!((a.replies(), site.runs.count()), (b.replies(), 1));
}

#[tokio::test]
async fn a_key_belongs_to_its_conversation() {
    let site = Site::new().await;
    let alice = site.say("alice", "hello", Some("k1")).await;
    let bob = site.say("bob", "other", Some("k1")).await;
    assert_eq!(bob.replies()[0], "other");
    assert_ne!(alice.json["update"], bob.json["update"]);
}

#[tokio::test]
async fn a_key_with_another_message_is_refused_and_one_that_says_the_same_is_not() {
    let site = Site::new().await;
    site.say("alice", "hello", Some("k1")).await;
    let other = site.say("alice", "other", Some("k1")).await;
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.error().0, "key_reused");
    let same = post("alice").header("idempotency-key", "k1");
    let same = site.ask(same.body("{ \"x\": 1, \"text\": \"hello\" }".into()).unwrap()).await;
    assert_eq!((same.status(), site.runs.count()), (StatusCode::OK, 1));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_given_up_is_answered_as_such_each_time() {
    let site = Site::new().await;
    for _ in 0..2 {
        let answer = site.say("alice", "fail", Some("k1")).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.error().0, "given_up");
        assert!(!answer.error().1.contains("it fails"), "the cause is not told");
        assert_eq!(site.runs.count(), 2, "one try and one retry");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_too_long_names_the_accepted_update() {
    let site = Site::new().await;
    let answer = site.say("alice", "hang", Some("k1")).await;
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    let (kind, message) = answer.error();
    assert_eq!(kind, "timeout");
    assert!(message.contains("accepted") && message.contains("same Idempotency-Key"), "{message}");
    assert_eq!(answer.json["error"]["update"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_bot_that_is_stopping_takes_nothing_and_says_when_to_come_back() {
    let site = Site::new().await;
    site.running.shutdown(Duration::from_secs(1)).await;
    let answer = site.say("alice", "hello", None).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.head.headers()["retry-after"], "1");
    assert_eq!(answer.error().0, "unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_bot_that_is_full_says_when_to_come_back() {
    let one = runner::Options { index_entries: 1, ..Default::default() };
    let site = Site::on_runner(Arc::new(Memory::new()), Options::new(), one).await;
    let (_, full) = tokio::join!(site.say("alice", "hang", None), site.say("bob", "hello", Some("k")));
    assert_eq!((full.status(), full.error().0), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert_eq!(full.head.headers()["retry-after"], "1");
    assert!(full.error().1.contains("may yet be accepted"), "{full:?}");
    assert_eq!(site.runs.count(), 1, "only the first ran");
}

async fn ask_for(site: &Site, path: &str) -> Answer {
    site.ask(Request::get(path).header("host", "localhost").body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn health_names_the_storage_what_it_survives_and_how_much_there_is_to_do() {
    let busy = || Load { running: true, updates: 3, calls: 2, oldest_ms: Some(5), parked: None };
    let site = Site::with(Arc::new(Memory::new()), Options::new().load(busy)).await;
    let answer = ask_for(&site, "/health").await;
    assert_eq!((answer.status(), answer.json["status"].as_str()), (StatusCode::OK, Some("ok")));
    assert_eq!(answer.json["durability"]["process_kill"], false);
    assert!(answer.json["storage"].as_str().unwrap().contains("memory"), "{answer:?}");
    let load = ["running", "updates", "calls", "oldest_ms", "parked", "dead"].map(|name| &answer.json[name]);
    assert_eq!(serde_json::json!(load), serde_json::json!([true, 3, 2, 5, null, 0]));
    site.running.door().intake.submit(dead_update("a", b"x")).await.unwrap();
    assert_eq!(ask_for(&site, "/health").await.json["dead"], 1);
}

#[tokio::test]
async fn health_is_503_while_the_bot_stops_and_still_tells_how_much_is_left() {
    let stopping = || Load { updates: 7, ..Load::default() };
    let site = Site::with(Arc::new(Memory::new()), Options::new().load(stopping)).await;
    let answer = ask_for(&site, "/health").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.head.headers()["retry-after"], "1");
    assert_eq!(
        (answer.json["status"].as_str(), answer.json["updates"].as_u64()),
        (Some("stopping"), Some(7))
    );
}

#[tokio::test]
async fn metrics_are_there_if_somebody_gives_them() {
    let site = Site::new().await;
    assert_eq!(ask_for(&site, "/metrics").await.status(), StatusCode::NOT_FOUND);
    let options = Options::new().metrics(|| "1".to_owned());
    let site = Site::with(Arc::new(Memory::new()), options).await;
    let answer = ask_for(&site, "/metrics").await;
    assert_eq!((answer.status(), &answer.json), (StatusCode::OK, &serde_json::json!(1)));
    assert_eq!(answer.head.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
}
