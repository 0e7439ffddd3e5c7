//! The demonstration's agent in the real binary: with a model behind an endpoint, killed in the middle of what it says,
//! asked on Telegram, and in the terminal.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;
use tertulia_testkit::bot_api::{self, BotApi, Event, NewUpdate};
use tertulia_testkit::openai::{Ended, Fate, OpenAi, Options, Turn};

use crate::support::{Folder, Server, client, post};

async fn endpoint() -> OpenAi {
    OpenAi::start(Options::default()).await.unwrap()
}

fn serve(folder: &Folder, endpoint: &OpenAi) -> Server {
    folder.serve_with(&["--model-url", &endpoint.url(), "--model", "m"], &[("OPENAI_API_KEY", "canary")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_a_turn_of_the_model_that_was_whole_is_not_asked_for_again() {
    let folder = Folder::new();
    let endpoint = endpoint().await;
    let server = serve(&folder, &endpoint);
    assert!(server.printed.contains("model     m at 127.0.0.1"), "{}", server.printed);
    endpoint.push(Turn::calls("notes_add", &json!({ "text": "bread" })).thinking("A note."));
    endpoint.push(Turn::says("It is noted, and now a long story about").fate(Fate::Hang(1_500)));
    let (client, url) = (client(), server.url.clone());
    let asking = async move { post(&client, &url, "ana", "keep bread", Some("k1")).await };
    let asking = tokio::spawn(asking);
    endpoint.until(|asked| asked.len() == 2).await;
    while !server.streams("http:ana").await.iter().flatten().any(|event| event["content"] == "It ") {}
    server.kill();
    endpoint.until(|asked| asked[1].ended == Some(Ended::Left)).await;
    let _ = asking.await.unwrap();

    endpoint.push(Turn::says("It is noted."));
    let server = serve(&folder, &endpoint);
    let answer = server.post("ana", "keep bread", Some("k1")).await;
    assert_eq!(answer.replies(), ["It is noted."]);
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[1].body, asked[2].body, "the second turn is asked for again, and the first not");
    let said = server.streams("http:ana").await;
    let kinds: Vec<_> = said[0].iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        (said.len(), &kinds[..5]),
        (1, &["thinking", "tool_call", "tool_result", "step", "content"][..])
    );
    let shown = folder.run(&["show", "http:ana"]);
    assert!(!shown.stdout.contains("canary"));
    let logs = shown.json()["logs"].as_array().unwrap().clone();
    let session = logs.iter().find(|log| log["name"] == "session/demo").unwrap();
    assert_eq!(session["state"]["notes"], json!(["bread"]), "noted once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_telegram_a_button_approves_and_its_question_is_over_then() {
    let folder = Folder::new();
    let api = BotApi::start(bot_api::Options::default()).await.unwrap();
    let url = api.url();
    let start = || {
        let variables =
            [("TELEGRAM_BOT_TOKEN", "7:s"), ("TELEGRAM_API_URL", &*url), ("TERTULIA_AGENT_PACE", "0")];
        folder.serve_with(&[], &variables)
    };
    let server = start();
    let sure = "Shall I delete your note? Say yes or no.";
    api.push(NewUpdate::message(42, "note bread"));
    api.push(NewUpdate::message(42, "delete my notes"));
    api.until(|journal| journal.sent(42).contains(&sure)).await;
    let events = server.streams("telegram:42").await.concat();
    let approval = events.last().unwrap()["data"]["approval"].as_str().unwrap().to_owned();
    server.kill();

    let _server = start();
    api.push(NewUpdate::callback(42, 42, &format!("approve:{approval}")));
    let says = |event: &Event, said: &str| match event {
        Event::Sent { text, .. } | Event::Edited { text, .. } => **text == *said,
        _ => false,
    };
    api.until(|journal| journal.events().any(|event| says(event, "I have deleted your note."))).await;
    let is_answer = |event: &Event| matches!(event, Event::Called { method: "answercallbackquery", .. });
    api.until(|journal| journal.events().any(is_answer)).await;
    let over = format!("{sure}\nYes.");
    api.until(|journal| journal.events().any(|event| says(event, &over))).await;
    // Pressed once more, it says that it is over.
    api.push(NewUpdate::callback(42, 42, &format!("approve:{approval}")));
    api.until(|journal| journal.events().filter(|event| is_answer(event)).count() == 2).await;
}

#[tokio::test]
async fn in_the_terminal_an_answer_is_shown_as_it_comes_with_and_without_a_server() {
    let folder = Folder::new();
    folder.write("tertulia.toml", "[agent]\npace = 0");
    let said = "note bread\nwhat is 6*7\ndelete my notes\nyes\n";
    let shown = "Noted, number 1.\n\
        That is a sum. The calculator is better at it than I am.\n\
        * calculator {\"expression\":\"6*7\"}\n  {\"result\":42}\n6*7 = 42\n\
        The notes are to go. That cannot be undone, so I will be asked whether it is meant.\n\
        * notes_delete {}\nShall I delete your note? Say yes or no.\n\
        \u{20} {\"deleted\":1}\nI have deleted your note.\n";
    let alone = folder.pipe(&["chat", "ana", "--live"], said);
    assert_eq!((alone.code, alone.stdout.as_str()), (Some(0), shown), "{alone:?}");
    let _server = folder.serve();
    let served = folder.pipe(&["chat", "bob", "--live"], said);
    assert_eq!((served.code, served.stdout.as_str()), (Some(0), shown), "{served:?}");
    let plain = folder.pipe(&["chat", "bob"], "6*7\n");
    assert_eq!(plain.lines(), ["6*7 = 42"]);
}

#[tokio::test]
async fn a_fake_model_server_says_where_it_is_and_a_bot_thinks_with_it() {
    let folder = Folder::new();
    let mut command = folder.command(&["fake-openai", "--until-closed", "--pace", "0"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let variables = [("TERTULIA_MODEL_URL", url.trim()), ("TERTULIA_MODEL", "m")];
    let server = folder.serve_with(&[], &variables);
    assert_eq!(server.say("ana", "hello").await, ["You say: hello"]);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
