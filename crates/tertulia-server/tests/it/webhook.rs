//! The server's webhooks: Telegram posts to it, and other systems that sign.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Folder, Server, client};
use crate::telegram::{Shared, TOKEN, api, message, sent};

const SECRET: &str = "canary_webhook-secret";
const KEY: &str = "canary-key-of-the-webhook";
const PUBLIC: &str = "https://bot.example.org";

fn serve(folder: &Folder, api: &str, more: &[(&str, &str)]) -> Server {
    let telegram = [
        ("TELEGRAM_BOT_TOKEN", TOKEN),
        ("TELEGRAM_API_URL", api),
        ("TELEGRAM_WEBHOOK_URL", PUBLIC),
        // The token of the server's own routes, which is none of Telegram's.
        ("TERTULIA_TOKEN", "canary-0123456789"),
    ];
    folder.serve_with(&["--log", "trace"], &[&telegram, more].concat())
}

/// Posts an update as Telegram does; gives the status.
async fn post(server: &Server, secret: &str, update: &Value) -> u16 {
    let request = client().post(format!("{}/webhook/telegram", server.url)).json(update);
    let request = request.header("x-telegram-bot-api-secret-token", secret);
    request.send().await.unwrap().status().as_u16()
}

async fn told(known: &Shared, times: usize) -> Value {
    let mut watch = known.subscribe();
    let known = watch.wait_for(|known| known.webhooks.len() >= times).await.unwrap();
    known.webhooks[times - 1].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telegram_is_told_where_to_post_and_an_update_counts_once_also_across_a_kill() {
    let folder = Folder::new();
    let (url, known) = api().await;
    let secrets =
        [("TELEGRAM_WEBHOOK_SECRET", SECRET), ("TELEGRAM_WEBHOOK_SECRET_PREVIOUS", "canary_before")];
    let server = serve(&folder, &url, &secrets);
    let expected = json!({
        "url": format!("{PUBLIC}/webhook/telegram"),
        "secret_token": SECRET,
        "max_connections": 100,
    });
    assert_eq!(told(&known, 1).await, expected);
    assert!(server.printed.contains(&format!("posts to {PUBLIC}/webhook/telegram")), "{}", server.printed);
    assert_eq!(post(&server, SECRET, &message(1, 42, "my name is Ana")).await, 200);
    assert_eq!(post(&server, "canary_before", &message(2, 42, "what is my name")).await, 200);
    assert_eq!(post(&server, "canary_wrong", &message(3, 42, "forget me")).await, 401);
    sent(&known, 42, "Your name is Ana.").await;
    server.kill();

    let mut server = serve(&folder, &url, &secrets);
    for update in [1, 2] {
        assert_eq!(post(&server, SECRET, &message(update, 42, "forget me")).await, 200, "it was seen");
    }
    assert_eq!(post(&server, SECRET, &message(4, 42, "count")).await, 200);
    sent(&known, 42, "3 messages, with this one.").await;
    assert!(known.borrow().texts(42).iter().all(|text| !text.contains("forgotten")));
    assert_eq!(server.post("alice", "hello", None).await.status, 401, "other routes need the token");
    server.signal("TERM");
    assert!(server.wait().success());
    assert_eq!(known.borrow().polls(), 0, "what posts is not asked");
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!log.contains("canary") && !server.printed.contains("canary"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_secret_one_is_made_of_the_token_and_telegram_is_told_again_until_it_knows() {
    let folder = Folder::new();
    let (url, known) = api().await;
    known.send_modify(|known| known.away = 1);
    let server = serve(&folder, &url, &[("TELEGRAM_WEBHOOK_URL", "https://bot.example.org/another/path")]);
    let again = told(&known, 2).await;
    assert_eq!(again["url"], "https://bot.example.org/another/path", "a path is left as it is");
    let secret = again["secret_token"].as_str().unwrap().to_owned();
    assert_eq!(post(&server, &secret, &message(1, 42, "count")).await, 200);
    sent(&known, 42, "1 message, this one.").await;
    server.kill();
    let server = serve(&folder, &url, &[]);
    assert_eq!(told(&known, 3).await["secret_token"], secret.as_str(), "the same after each start");
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_telegram_refuses_ends_it_with_one_line() {
    let folder = Folder::new();
    let (url, _known) = api().await;
    let mut command = folder.command(&["--listen", "127.0.0.1:0", "--log", "off"]);
    command.envs([("TELEGRAM_BOT_TOKEN", "7000001:AA-canary_revoked"), ("TELEGRAM_API_URL", &url)]);
    let output = command.env("TELEGRAM_WEBHOOK_URL", PUBLIC).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("refuses the bot token") && error.lines().count() == 1, "{error}");
    assert!(!error.contains("canary"), "{error}");
}

/// Posts to the signed webhook, signed with this key; gives the status.
async fn post_signed(server: &Server, key: &str, body: &str) -> u16 {
    // A clock of the test's own: the server's is another process's.
    #[allow(clippy::disallowed_methods, reason = "the server compares with the wall clock")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    let mac = mac.chain_update(format!("{now}.{body}")).finalize().into_bytes();
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let request = client().post(format!("{}/webhook/shop", server.url)).body(body.to_owned());
    let request =
        request.header("x-webhook-timestamp", now).header("x-webhook-signature", format!("v1={hex}"));
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn signed_posts_are_messages_of_their_own_platform_also_after_a_kill() {
    let folder = Folder::new();
    folder.write(
        "tertulia.toml",
        "[webhook]\nname = 'shop'\nsecret_previous = 'canary-key-before-this'\nconversation = '/customer'",
    );
    let key = [("TERTULIA_WEBHOOK_SECRET", KEY)];
    let server = folder.serve_with(&[], &key);
    assert!(server.printed.contains(&format!("signed posts to {}/webhook/shop", server.url)));
    let body = |text: &str| json!({ "customer": "ana", "text": text }).to_string();
    for key in [KEY, "canary-key-before-this"] {
        assert_eq!(post_signed(&server, key, &body("note buy bread")).await, 200);
    }
    assert_eq!(post_signed(&server, "canary-another-key", &body("note more")).await, 401);
    server.kill();
    let mut server = folder.serve_with(&[], &key);
    assert_eq!(post_signed(&server, KEY, &body("note buy bread")).await, 200, "seen");
    assert_eq!(post_signed(&server, KEY, &body("note buy milk")).await, 200);
    server.signal("TERM");
    assert!(server.wait().success());
    let shown = folder.run(&["show", "shop:ana"]).json();
    let mut logs = shown["logs"].as_array().unwrap().iter();
    let state = &logs.find(|log| log["name"] == "session/demo").unwrap()["state"];
    assert_eq!(state["notes"], json!(["buy bread", "buy milk"]), "{shown}");
}

#[test]
fn half_of_a_webhook_is_refused_with_what_is_missing_and_nothing_else_minds() {
    let url = ("TELEGRAM_WEBHOOK_URL", PUBLIC);
    let cases = [
        (url, "telegram.webhook_url: is set, but telegram.token is not; set TELEGRAM_BOT_TOKEN"),
        (
            ("TELEGRAM_WEBHOOK_SECRET", "abc"),
            "telegram.webhook_secret: is set, but telegram.webhook_url is not",
        ),
        (
            ("TERTULIA_WEBHOOK_SECRET_PREVIOUS", KEY),
            "webhook.secret_previous: is set, but webhook.secret is not",
        ),
    ];
    let folder = Folder::new();
    for ((name, value), says) in cases {
        let output = folder.command(&["--listen", "127.0.0.1:0"]).env(name, value).output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("tertulia: {says}\n"));
        assert_eq!(output.status.code(), Some(2));
        assert!(folder.command(&["--print-config"]).env(name, value).output().unwrap().status.success());
    }
}
