//! Dead letters and parked updates over HTTP.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tertulia::runner::INBOX;
use tertulia::storage::{Batch, CommitId, ItemId, Memory, QueueWrite, Storage};
use tertulia::{Conversation, Key, Name};
use tertulia_http::Options;

use crate::support::{Answer, Site, dead_update};

async fn ask(site: &Site, method: Method, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    site.ask(request.body(Body::empty()).unwrap()).await
}

async fn get(site: &Site, path: &str) -> Value {
    let answer = ask(site, Method::GET, path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    answer.json
}

/// A bot with these dead letters in one conversation, and their ids.
async fn with_dead(bodies: &[&'static [u8]]) -> (Site, Vec<String>) {
    let site = Site::new().await;
    for body in bodies {
        site.running.door().intake.submit(dead_update("a", body)).await.unwrap();
    }
    let listed = get(&site, "/v1/dead").await;
    let ids =
        listed["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned());
    let ids = ids.collect();
    (site, ids)
}

#[tokio::test]
async fn dead_letters_are_listed_in_pages_without_their_bodies_and_shown_with_them() {
    let (site, ids) = with_dead(&[br#"{"text":"hi"}"#, b"plain", b"\xff\x00\xfe"]).await;
    let first = get(&site, "/v1/dead?limit=2&conversation=http:a").await;
    assert_eq!(first["entries"].as_array().unwrap().len(), 2);
    assert_eq!(first["next"], ids[1].as_str());
    let entry = &first["entries"][0];
    assert_eq!(
        (&entry["conversation"], &entry["kind"], &entry["error"], &entry["bytes"], &entry["item"]),
        (&json!("http:a"), &json!("update"), &json!("it is broken"), &json!(13), &json!("test/13"))
    );
    assert_eq!(entry.get("body"), None);
    let rest = get(&site, &format!("/v1/dead?after={}", ids[1])).await;
    assert_eq!((rest["entries"][0]["id"].as_str(), &rest["next"]), (Some(&*ids[2]), &Value::Null));
    assert_eq!(get(&site, "/v1/dead?conversation=http:b").await["entries"], json!([]));
    for (id, body) in ids.iter().zip([json!({ "text": "hi" }), json!("plain"), json!({ "hex": "ff00fe" })]) {
        assert_eq!(get(&site, &format!("/v1/dead/{id}")).await["body"], body);
    }
}

#[tokio::test]
async fn a_replayed_letter_runs_at_once_and_is_gone() {
    let (site, ids) = with_dead(&[br#"{"text":"quiet"}"#]).await;
    let path = format!("/v1/dead/{}/replay", ids[0]);
    let answer = ask(&site, Method::POST, &path).await;
    assert_eq!(
        (answer.status(), &answer.json),
        (StatusCode::OK, &json!({ "id": ids[0], "done": "replayed" }))
    );
    // The runner knows of it: the shutdown waits for it.
    site.running.shutdown(std::time::Duration::from_secs(10)).await;
    assert_eq!(site.runs.count(), 1);
    let again = ask(&site, Method::POST, &path).await;
    assert_eq!((again.status(), again.error().0), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(again.error().1, format!("there is no dead letter {}", ids[0]));
}

#[tokio::test]
async fn a_dropped_letter_is_gone_and_runs_nothing() {
    let (site, ids) = with_dead(&[br#"{"text":"quiet"}"#]).await;
    let path = format!("/v1/dead/{}", ids[0]);
    assert_eq!(ask(&site, Method::DELETE, &path).await.json["done"], "dropped");
    for method in [Method::DELETE, Method::GET] {
        assert_eq!(ask(&site, method, &path).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!((get(&site, "/v1/dead").await["entries"].clone(), site.runs.count()), (json!([]), 0));
}

/// The stored form of a parked update of `telegram:42`, as the library's fixture holds it.
fn parked() -> Vec<u8> {
    let text = include_str!("../../../tertulia/tests/fixtures/runner/inbox-v2-parked.hex");
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[tokio::test]
async fn parked_updates_are_listed_released_and_given_up() {
    let storage = Arc::new(Memory::new());
    let site = Site::with(Arc::clone(&storage) as Arc<dyn Storage>, Options::new()).await;
    let shard = Conversation::new("telegram", "42").unwrap().shard();
    for number in 0..2 {
        let id = Some(ItemId::Number(Name::from_static("test"), number));
        let write = QueueWrite::new(Key::Queue(shard, INBOX)).append(id, parked());
        storage.commit(Batch::new(CommitId(number.cast_unsigned() + 1), vec![write.into()])).await.unwrap();
    }
    let listed = get(&site, "/v1/parked").await;
    let entry = &listed["entries"][0];
    assert_eq!(entry["conversation"], "telegram:42");
    assert_eq!(entry["why"], "session \"chat\" cannot be read");
    assert_eq!(entry["body"], json!({ "text": "señal 🚦" }));
    let path = |n: usize| format!("/v1/parked/{}", listed["entries"][n]["id"].as_str().unwrap());
    assert_eq!(get(&site, &path(0)).await, *entry);
    let released = ask(&site, Method::POST, &format!("{}/release", path(0))).await;
    assert_eq!((released.status(), &released.json["done"]), (StatusCode::OK, &json!("released")));
    assert_eq!(ask(&site, Method::DELETE, &path(1)).await.json["done"], "given up");
    assert_eq!(get(&site, "/v1/parked").await["entries"], json!([]));
    let dead = get(&site, "/v1/dead").await;
    assert_eq!(dead["entries"][0]["error"], "session \"chat\" cannot be read");
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(ask(&site, method, &path(0)).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn wrong_ids_and_wrong_questions_are_refused_by_name() {
    let site = Site::new().await;
    for (path, says) in [
        ("/v1/dead/17", "`17` is not the id of an entry"),
        ("/v1/parked/x-1", "before the `-` stands a shard"),
        ("/v1/dead?limit=0", "limit: 0 is not allowed; allowed: 1 to 1000"),
        ("/v1/dead?after=1", "`1` is not the id of an entry"),
        ("/v1/dead?conversation=a", "`a` is not of the form source:id"),
        ("/v1/dead?shard=3", "unknown field `shard`"),
    ] {
        let answer = ask(&site, Method::GET, path).await;
        assert_eq!((answer.status(), answer.error().0), (StatusCode::BAD_REQUEST, "invalid"), "{path}");
        assert!(answer.error().1.contains(says), "{answer:?}");
    }
    assert_eq!(ask(&site, Method::POST, "/v1/dead/1-1").await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn with_a_token_only_its_holders_see_or_change_anything() {
    let site = Site::with(Arc::new(Memory::new()), Options::new().token("a-very-secret-token")).await;
    for (method, path) in [
        (Method::GET, "/v1/dead"),
        (Method::DELETE, "/v1/dead/1-1"),
        (Method::POST, "/v1/dead/1-1/replay"),
        (Method::GET, "/v1/parked"),
        (Method::GET, "/metrics"),
    ] {
        assert_eq!(ask(&site, method, path).await.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
}
