//! The demonstration bot in the middle of a turn: it asks, is stopped, and changes what it said.

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Folder, Server, client, post};
use crate::telegram::{Shared, api, message, sent, serve};

/// How many conversations wait for an answer at the kill.
const CONVERSATIONS: usize = 1_000;

const SURE: &str = "Forget all you have told me? Say yes.";

/// Says one thing in each conversation, and expects one reply of each.
async fn say_in_all(server: &Server, text: &'static str, reply: impl Fn(usize) -> String) {
    let (client, mut saying) = (client(), JoinSet::new());
    for chat in 0..CONVERSATIONS {
        let (client, url) = (client.clone(), server.url.clone());
        let key = format!("{text} {chat}");
        let text = text.replace("<n>", &chat.to_string());
        saying.spawn(async move {
            let answer = post(&client, &url, &format!("c{chat}"), &text, Some(&key)).await.unwrap();
            (chat, answer)
        });
    }
    while let Some(said) = saying.join_next().await {
        let (chat, answer) = said.unwrap();
        assert_eq!((answer.status, answer.replies()), (200, vec![reply(chat)]), "c{chat}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_conversations_that_wait_for_an_answer_at_a_kill_get_it_once() {
    let folder = Folder::new();
    let server = folder.serve();
    say_in_all(&server, "my name is N<n>", |chat| format!("Nice to meet you, N{chat}.")).await;
    say_in_all(&server, "forget me", |_| SURE.to_owned()).await;
    server.kill();

    let server = folder.serve();
    // What was answered is known, and not asked again.
    say_in_all(&server, "forget me", |_| SURE.to_owned()).await;
    say_in_all(&server, "yes", |_| "I have forgotten what you told me.".to_owned()).await;
    server.kill();

    let server = folder.serve();
    say_in_all(&server, "yes", |_| "I have forgotten what you told me.".to_owned()).await;
    say_in_all(&server, "count", |_| "1 message, this one.".to_owned()).await;
    server.has_run_all().await;
    assert_eq!(folder.run(&["dead", "list", "--json"]).json(), json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_says_is_stopped_and_kept_as_far_as_it_was_said() {
    let folder = Folder::new();
    let server = folder.serve();
    assert_eq!(server.say("ana", "stop").await, ["There is nothing to stop."]);
    let (client, url) = (client(), server.url.clone());
    let telling = async move { post(&client, &url, "ana", "tell me a long story", None).await.unwrap() };
    let telling = tokio::spawn(telling);
    // A stop that comes before its first word cancels the turn.
    while !server.streams("http:ana").await.iter().flatten().any(|event| event["type"] == "content") {}
    assert_eq!(server.say("ana", "/stop").await, ["Stopped."]);
    let answer = telling.await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.replies().concat().len() < 2_000, "{answer:?}");
    assert_eq!(server.say("ana", "count").await, ["2 messages, with this one."]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_message_that_shows_the_notes_follows_them_also_after_a_kill() {
    let folder = Folder::new();
    let (url, known) = api().await;
    let server = serve(&folder, &url);
    let push = |known: &Shared, n, text| known.send_modify(|known| known.updates.push(message(n, 42, text)));
    push(&known, 1, "note bread");
    push(&known, 2, "notes");
    sent(&known, 42, "1. bread").await;
    push(&known, 3, "note milk");
    let edited = |text: &'static str| {
        let known = known.clone();
        async move {
            let is_it = |edit: &serde_json::Value| edit["text"] == text && edit["message_id"] == 2;
            known.subscribe().wait_for(|known| known.edited.iter().any(is_it)).await.unwrap();
        }
    };
    edited("1. bread\n2. milk").await;
    server.kill();
    let _server = serve(&folder, &url);
    push(&known, 4, "note eggs");
    edited("1. bread\n2. milk\n3. eggs").await;
}
