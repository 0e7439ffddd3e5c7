//! A reply that waits for an answer, of the user or of the page, and goes on with it.

use serde_json::{Value, json};
use tertulia::storage::{Batch, CommitId, LogWrite, Write};
use tertulia::{Conversation, Key, Name};

use super::support::{Reader, Site, said, text, types, user};

/// What a page posts that answers the reply with that id, which has these parts.
fn answers(reply: &Value, parts: Value) -> Value {
    let reply = json!({ "id": reply, "role": "assistant", "parts": parts });
    json!({ "id": "ana", "messageId": reply["id"], "messages": [user("m1", "x"), reply] })
}

/// A call of `delete` that the user was asked about.
fn asked(thing: &str, approval: Value) -> Value {
    json!({
        "type": "tool-delete", "toolCallId": thing, "state": "approval-responded", "input": { "what": thing },
        "providerExecuted": true, "approval": approval
    })
}

async fn reply_of(site: &Site, text: &str) -> (Value, Vec<Value>) {
    let chunks = site.say("m1", text).await.rest().await;
    (chunks[0]["messageId"].clone(), chunks)
}

async fn answer(site: &Site, body: &Value) -> Reader {
    site.post(body).await.reader()
}

#[tokio::test]
async fn an_approval_lets_the_same_message_go_on() {
    let site = Site::new().await;
    let (reply, first) = reply_of(&site, "delete notes").await;
    assert_eq!(types(&first[first.len() - 3..]), ["tool-approval-request", "finish-step", "finish"]);
    assert_eq!(first.last().unwrap()["finishReason"], "tool-calls");

    let body = answers(&reply, json!([asked("notes", json!({ "id": "a-notes", "approved": true }))]));
    let second = answer(&site, &body).await.rest().await;
    assert_eq!(second[0], json!({ "type": "start", "messageId": reply }));
    let expected = ["start", "start-step", "tool-output-available", "text-start", "text-delta", "text-end"];
    assert_eq!(types(&second), [&expected[..], &["finish-step", "finish"]].concat());
    assert_eq!(text(&second), "approve:a-notes");
    assert_eq!(answer(&site, &body).await.rest().await, second);

    let mut otherwise = body.clone();
    otherwise["messages"][1]["parts"][0]["approval"]["approved"] = false.into();
    let (status, kind, _) = site.post(&otherwise).await.error().await;
    assert_eq!((status, &*kind), (422, "key_reused"));
}

#[tokio::test]
async fn a_denial_is_told_with_its_reason() {
    let site = Site::new().await;
    let (reply, _) = reply_of(&site, "delete notes").await;
    let approval = json!({ "id": "a-notes", "approved": false, "reason": "not now" });
    let chunks = answer(&site, &answers(&reply, json!([asked("notes", approval)]))).await.rest().await;
    assert_eq!(types(&chunks)[2], "tool-output-denied");
    assert_eq!(text(&chunks), "deny:a-notes not now");
    let messages = site.messages().await;
    assert_eq!(messages.as_array().unwrap().len(), 2);
    let call = &messages[1]["parts"][2];
    assert_eq!((&call["state"], &call["approval"]["approved"]), (&json!("output-denied"), &json!(false)));
}

#[tokio::test]
async fn several_approvals_are_answered_at_once() {
    let site = Site::new().await;
    let (reply, _) = reply_of(&site, "delete a b").await;
    let parts = json!([
        asked("a", json!({ "id": "a-a", "approved": true })),
        asked("b", json!({ "id": "a-b", "approved": false })),
    ]);
    let chunks = answer(&site, &answers(&reply, parts)).await.rest().await;
    assert_eq!(text(&chunks), "approve:a-adeny:a-b");
}

#[tokio::test]
async fn an_approval_that_was_answered_before_is_not_told_again() {
    let site = Site::new().await;
    let (reply, _) = reply_of(&site, "delete-each a b").await;
    let approved = |thing: &str| asked(thing, json!({ "id": format!("a-{thing}"), "approved": true }));
    let first = answer(&site, &answers(&reply, json!([approved("a")]))).await.rest().await;
    assert_eq!(text(&first), "approve:a-aLet me see.");
    let both = answers(&reply, json!([approved("a"), approved("b")]));
    assert_eq!(text(&answer(&site, &both).await.rest().await), "approve:a-b");
}

#[tokio::test]
async fn a_message_that_shows_an_earlier_call_is_resumed_with_it() {
    let site = Site::new().await;
    reply_of(&site, "delete-slowly notes").await;
    let mut reader = site.post(&said("m2", "yes")).await.reader();
    reader.until("yes").await;
    let mut resumed = site.resume().await.reader();
    site.turns.give();
    let (told, rest) = (resumed.rest().await, reader.rest().await);
    let call = json!({
        "type": "tool-input-available", "toolCallId": "notes", "toolName": "delete", "input": { "what": "notes" },
        "providerExecuted": true
    });
    assert!(told.contains(&call), "{told:?}");
    assert_eq!((text(&told), text(&rest)), ("yesdone".into(), "done".into()));
}

#[tokio::test]
async fn a_message_that_decides_a_question_of_an_earlier_turn_is_resumed_with_its_call() {
    let site = Site::new().await;
    let (_, first) = reply_of(&site, "ask notes").await;
    assert_eq!(first.last().unwrap()["finishReason"], "tool-calls");
    let mut reader = site.post(&said("m2", "decide notes")).await.reader();
    reader.until("denied").await;
    let mut resumed = site.resume().await.reader();
    site.turns.give();
    let told = resumed.rest().await;
    assert_eq!(types(&told)[2..5], ["tool-input-start", "tool-input-available", "tool-output-denied"]);
    assert_eq!(told[3]["input"], json!({ "what": "notes" }));
    reader.rest().await;
}

#[tokio::test]
async fn a_reply_that_went_on_is_one_of_the_messages() {
    let site = Site::new().await;
    let (reply, first) = reply_of(&site, "delete notes").await;
    let body = answers(&reply, json!([asked("notes", json!({ "id": "a-notes", "approved": true }))]));
    let second = answer(&site, &body).await.rest().await;
    let said = |chunks: &[Value]| chunks.iter().filter(|chunk| chunk["type"] == "start-step").count();
    let messages = site.messages().await;
    let steps = messages[1]["parts"].as_array().unwrap().iter().filter(|part| part["type"] == "step-start");
    assert_eq!(steps.count(), said(&first) + said(&second));
    assert_eq!((messages.as_array().unwrap().len(), &messages[1]["id"]), (2, &reply));
}

#[tokio::test]
async fn a_message_that_goes_on_is_resumed_from_its_beginning() {
    let site = Site::new().await;
    let (reply, first) = reply_of(&site, "delete-slowly notes").await;
    let body = answers(&reply, json!([asked("notes", json!({ "id": "a-notes", "approved": true }))]));
    let mut reader = answer(&site, &body).await;
    reader.until("approve:a-notes").await;
    drop(reader);
    let mut resumed = site.resume().await.reader();
    site.turns.give();
    let all = resumed.rest().await;
    let finish = first.len() - 1;
    assert_eq!(all[..finish], first[..finish]);
    assert_eq!(types(&all[finish..])[..2], ["start-step", "tool-output-available"]);
    assert_eq!(text(&all), "Let me see.approve:a-notesdone");
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_first_answer_has_expired_is_told_all_the_same() {
    let site = Site::new().await;
    let (reply, first) = reply_of(&site, "delete notes").await;
    let body = answers(&reply, json!([asked("notes", json!({ "id": "a-notes", "approved": true }))]));
    let second = answer(&site, &body).await.rest().await;
    let conversation = Conversation::new("http", "ana").unwrap();
    let name = format!("answer/http/{}", reply.as_str().unwrap());
    let answer = LogWrite::new(Key::Log(conversation, Name::new(name).unwrap())).delete();
    let batch = Batch::new(CommitId(1), vec![Write::Log(answer)]);
    site.running.door().storage.commit(batch).await.unwrap();
    let all = site.ask("GET", "/v1/ai/chat/ana/stream?finished=true", "").await.reader().rest().await;
    assert_eq!(all, [&first[..first.len() - 1], &second[1..]].concat());
}

#[tokio::test]
async fn an_answer_that_is_typed_is_a_message_of_its_own_and_shows_the_call_again() {
    let site = Site::new().await;
    let (reply, _) = reply_of(&site, "delete notes").await;
    let chunks = site.post(&said("m2", "yes")).await.reader().rest().await;
    assert_ne!(chunks[0]["messageId"], reply);
    assert_eq!(types(&chunks)[2..5], ["tool-input-start", "tool-input-available", "tool-output-available"]);
    assert_eq!(site.messages().await[3]["parts"][1]["input"], json!({ "what": "notes" }));
}

#[tokio::test]
async fn what_a_tool_of_the_page_gave_is_told_to_the_bot() {
    for (part, told) in [
        (
            json!({ "state": "output-available", "output": { "city": "Lund" } }),
            "output:c1 {\"city\":\"Lund\"}",
        ),
        (json!({ "state": "output-error", "errorText": "no" }), "failed:c1 no"),
    ] {
        let site = Site::new().await;
        let (reply, first) = reply_of(&site, "where").await;
        assert_eq!(first[3].get("providerExecuted"), None);
        let mut part = part;
        (part["type"], part["toolCallId"]) = ("tool-place".into(), "c1".into());
        let chunks = answer(&site, &answers(&reply, json!([part]))).await.rest().await;
        assert_eq!((&chunks[0]["messageId"], text(&chunks)), (&reply, told.into()));
    }
}

#[tokio::test]
async fn an_answer_that_nothing_comes_of_ends_the_step() {
    let site = Site::new().await;
    let body = answers(&json!("r0"), json!([asked("quiet", json!({ "id": "quiet", "approved": true }))]));
    let chunks = answer(&site, &body).await.rest().await;
    assert_eq!(types(&chunks), ["start", "start-step", "finish-step", "finish"]);
}

#[tokio::test]
async fn what_is_replied_beside_a_live_reply_comes_after_it_and_once() {
    let site = Site::new().await;
    let chunks = site.say("m1", "around it").await.rest().await;
    assert_eq!(text(&chunks), "itbeforeafter");
}
