//! A live reply of the real binary on Telegram: it grows in one message within the rates, also when the process is killed in
//! mid-sentence, and the same conversation goes on over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use tertulia_testkit::bot_api::{BotApi, NewUpdate, Options, Rate};

use crate::support::{Folder, Server, client};

const CHAT: i64 = 5;

fn serve(folder: &Folder, api: &BotApi) -> Server {
    let url = api.url();
    folder.serve_with(&[], &[("TELEGRAM_BOT_TOKEN", "1:x"), ("TELEGRAM_API_URL", &url)])
}

/// The messages of the chat as they are read over HTTP.
async fn read(server: &Server) -> Vec<Value> {
    let url = format!("{}/v1/chat/telegram:{CHAT}", server.url);
    let page: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    page["messages"].as_array().unwrap().clone()
}

/// What a reader sees of a stream from its beginning to its end, after the last time it was told to forget.
async fn follow(server: &Server, path: &str) -> (String, String) {
    let url = format!("{}/v1/events/{path}", server.url);
    let events = client().get(url).send().await.unwrap().text().await.unwrap();
    let (mut text, mut end) = (String::new(), String::new());
    for event in events.split("\n\n") {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let data = field("data").unwrap_or_default();
        match field("event").map(str::trim) {
            Some("content") => {
                let data: Value = serde_json::from_str(data).unwrap();
                text += data["content"].as_str().unwrap();
            }
            Some("reset") => text.clear(),
            Some("end") => end = data.to_owned(),
            _ => {}
        }
    }
    (text, end)
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_story_goes_on_in_its_message_through_kills_and_is_the_same_over_http() {
    let mut options = Options::default();
    // As many as the bot sends at most: five at once, and one a second. A killed one has forgotten what it has sent.
    options.per_chat = Some(Rate { count: 20, within: Duration::from_secs(5) });
    let (api, folder) = (BotApi::start(options).await.unwrap(), Folder::new());
    let mut server = serve(&folder, &api);
    api.push(NewUpdate::message(CHAT, "tell me a long story"));
    for kill in 1..=2 {
        let seen = api.summary().edited;
        api.until(|journal| journal.summary().edited > seen + 4).await;
        server.kill();
        server = serve(&folder, &api);
        assert_eq!(api.shown(CHAT).len(), 1, "kill {kill}");
    }
    let story = loop {
        let messages = read(&server).await;
        let [story] = &*messages else { panic!("{messages:?}") };
        if let Some(path) = story["lives"][0]["path"].as_str() {
            break path.to_owned();
        }
    };
    let (said, end) = follow(&server, &story).await;
    assert!(said.len() > 1_500 && end.contains("complete"), "{end}: {said}");
    let whole = squeezed(&said);
    loop {
        if squeezed(&api.shown(CHAT).concat()) == whole {
            break;
        }
        let seen = api.summary().entries;
        api.until(|journal| journal.summary().entries > seen).await;
    }
    assert_eq!(api.shown(CHAT).len(), 1, "it is one message");
    assert_eq!(api.summary().refused, 0, "the rates are kept to");

    // The same conversation from elsewhere.
    let post = client().post(format!("{}/chat/telegram:{CHAT}", server.url));
    let accepted = post.json(&json!({ "text": "note buy bread" })).send().await.unwrap();
    assert_eq!(accepted.status(), 202);
    api.until(|journal| journal.sent(CHAT).contains(&"Noted, number 1.")).await;
    assert!(
        api.sent(CHAT).contains(&"From elsewhere: note buy bread".to_owned()),
        "the chat sees the question"
    );
    api.push(NewUpdate::message(CHAT, "notes"));
    api.until(|journal| journal.sent(CHAT).contains(&"1. buy bread")).await;
    server.signal("TERM");
    assert!(server.wait().success());
}
