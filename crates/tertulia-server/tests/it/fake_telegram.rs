//! `tertulia fake-telegram`: a Bot API server for bots in any language.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Folder, client};

#[tokio::test]
async fn it_says_where_it_is_serves_a_bot_and_a_controller_and_ends_with_who_started_it() {
    let folder = Folder::new();
    let mut command = folder.command(&["fake-telegram", "--until-closed", "--token", "7:secret"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let url = url.trim();
    let post = async |path: &str, body: Value| {
        let response = client().post(format!("{url}/{path}")).json(&body).send().await.unwrap();
        response.json::<Value>().await.unwrap()
    };
    let pushed = post("control/messages", json!([{ "chat": 42, "text": "hello" }])).await;
    assert_eq!(pushed, json!([1]));
    let updates = post("bot7:secret/getUpdates", json!({})).await;
    assert_eq!(updates["result"][0]["message"]["text"], "hello");
    assert_eq!(post("bot7:another/getMe", json!({})).await["error_code"], 401);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_address_that_cannot_be_one_is_refused() {
    let folder = Folder::new();
    let listen = |address| folder.run(&["fake-telegram", "--listen", address]);
    listen("nowhere").failed(2, &["listen: `nowhere` is not allowed; allowed: such as 127.0.0.1:8081"]);
}
