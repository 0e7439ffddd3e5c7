//! Entity tags and what requests expect.

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::json;
use tertulia::storage::Memory;

use super::support::{ANA, Answer, Desk, MERGE, request};

async fn put(desk: &Desk, header: &str, tag: &str, count: u64) -> Answer {
    let body = json!({ "count": count }).to_string();
    desk.ask(request(Method::PUT, ANA, &[(header, tag)], body)).await
}

#[tokio::test]
async fn what_changed_since_it_was_read_is_not_overwritten() {
    let desk = Desk::new();
    let first = desk.put(r#"{"count":1}"#).await;
    let second = put(&desk, "if-match", first.etag(), 2).await;
    assert_eq!(second.status, 200);
    let late = put(&desk, "if-match", first.etag(), 3).await;
    assert_eq!((late.error().0, late.error().1), (412, "precondition_failed"));
    let late = desk.ask(request(Method::DELETE, ANA, &[("if-match", first.etag())], "")).await;
    assert_eq!(late.error().0, 412);
    assert_eq!(desk.get(ANA).await.json["count"], 2);
    let several = format!("\"other\", {}", second.etag());
    assert_eq!(put(&desk, "if-match", &several, 4).await.status, 200);
    assert_eq!(put(&desk, "if-match", "*", 5).await.status, 200);
    let weak = format!("W/{}", desk.get(ANA).await.etag());
    assert_eq!(put(&desk, "if-match", &weak, 6).await.status, 412);
    assert_eq!(put(&desk, "if-match", "5", 6).await.status, 400);
}

#[tokio::test]
async fn a_new_session_can_be_made_only_once() {
    let desk = Desk::new();
    assert_eq!(put(&desk, "if-match", "*", 1).await.error().0, 412, "there is none");
    assert_eq!(put(&desk, "if-none-match", "*", 1).await.status, 201);
    assert_eq!(put(&desk, "if-none-match", "*", 2).await.error().0, 412);
    assert_eq!(desk.get(ANA).await.json["count"], 1);
}

#[tokio::test]
async fn of_several_who_expect_the_same_one_writes() {
    let desk = Desk::new();
    let first = desk.put(r#"{"count":1}"#).await;
    let statuses =
        join_all((2..12).map(async |n| put(&desk, "if-match", first.etag(), n).await.status.as_u16())).await;
    let mut sorted = statuses;
    sorted.sort_unstable();
    assert_eq!(sorted[..], [&[200][..], &[412; 9]].concat());
}

#[tokio::test]
async fn changes_that_expect_nothing_are_all_there() {
    let desk = Desk::new();
    let add = json!([{ "op": "add", "path": "/notes/-", "value": "x" }]);
    let patches = (0..10).map(async |_| desk.patch(super::support::PATCH, &add).await.status.as_u16());
    let statuses = join_all(patches).await;
    assert!(statuses.iter().all(|status| [200, 201].contains(status)), "{statuses:?}");
    assert_eq!(desk.get(ANA).await.json["notes"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn who_has_it_already_is_told_so_after_a_restart_too() {
    let storage = Memory::new();
    let tag = Desk::over(&storage, |_| {}).put(r#"{"count":1}"#).await.etag().to_owned();
    let desk = Desk::over(&storage, |_| {});
    for tags in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let known = desk.ask(request(Method::GET, ANA, &[("if-none-match", &tags)], "")).await;
        assert_eq!((known.status.as_u16(), known.etag(), &known.json), (304, &*tag, &json!(null)), "{tags}");
    }
    desk.patch(MERGE, &json!({ "count": 2 })).await;
    let changed = desk.ask(request(Method::GET, ANA, &[("if-none-match", &tag)], "")).await;
    assert_eq!((changed.status.as_u16(), &changed.json["count"]), (200, &json!(2)));
}

#[tokio::test]
async fn where_conditions_are_needed_those_without_are_refused() {
    let desk = Desk::with(|options| options.conditions_needed = true);
    let refused = desk.put("{}").await;
    assert_eq!((refused.error().0, refused.error().1), (428, "precondition_required"));
    let made = put(&desk, "if-none-match", "*", 1).await;
    assert_eq!(made.status, 201);
    assert_eq!(put(&desk, "if-match", made.etag(), 2).await.status, 200);
}
