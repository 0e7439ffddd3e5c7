//! `--handler`: the examples in other languages behind the real binary, with kills in between.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tertulia_testkit::servers::free_port;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::support::{Folder, Server, client};
use crate::telegram::{TOKEN, api, message, sent};
use crate::torture::{judged, torture};

const SECRET: &str = "canary-secret-of-the-handler";
/// A folder of npm packages with TypeScript's compiler: the tests of TypeScript run if this is set.
const TYPESCRIPT: &str = "TERTULIA_TYPESCRIPT";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A handler in a process of its own; killed when dropped.
struct Handler {
    child: Child,
    url: String,
}

impl Handler {
    /// What `command` starts; it prints where it listens.
    fn start(command: &mut Command, port: &str) -> Self {
        command.env("PORT", port).env("TERTULIA_HANDLER_SECRET", SECRET).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(!url.is_empty(), "the handler has started");
        Self { child, url: url.trim().to_owned() }
    }

    fn python(port: &str) -> Self {
        Self::start(Command::new("python3").arg(root().join("examples/handlers/handler.py")), port)
    }

    /// Serves `folder` with this handler.
    fn serve(&self, folder: &Folder, more: &[(&str, &str)]) -> Server {
        let secret = [("TERTULIA_HANDLER_SECRET", SECRET)];
        folder.serve_with(
            &["--handler", &self.with_password("canary"), "--log", "trace"],
            &[&secret, more].concat(),
        )
    }

    /// The URL with a password, which a proxy before the handler may want.
    fn with_password(&self, password: &str) -> String {
        self.url.replace("http://", &format!("http://me:{password}@"))
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is kept of the handler's session.
fn state(folder: &Folder, conversation: &str) -> Value {
    let shown = folder.run(&["show", conversation]).json();
    assert_eq!((&shown["inbox"], &shown["dead"]), (&json!([]), &json!([])));
    let mut logs = shown["logs"].as_array().unwrap().iter();
    logs.find(|log| log["name"] == "session/handler").unwrap()["state"].clone()
}

/// Talks to a handler, with a kill of the server in between.
async fn counts_across_a_kill(handler: &Handler) {
    let folder = Folder::new();
    let server = handler.serve(&folder, &[]);
    let masked = format!("handler   {}/\n", handler.with_password("***"));
    assert!(server.printed.contains(&masked), "{}", server.printed);
    assert_eq!(server.say("ana", "hello").await, ["1 hello"]);
    assert_eq!(server.say("bob", "é \"quoted\" \u{2028}").await, ["1 é \"quoted\" \u{2028}"]);
    server.kill();
    let mut server = handler.serve(&folder, &[]);
    assert_eq!(server.say("ana", "again").await, ["2 again"]);
    assert_eq!(state(&folder, "http:ana"), json!({ "messages": 2 }));
    server.signal("TERM");
    assert!(server.wait().success());
    folder.write("tertulia.toml", &format!("handler = '{}'\nhandler_secret = '{SECRET}'", handler.url));
    assert_eq!(folder.pipe(&["chat", "ana"], "once more\n").lines(), ["3 once more"]);

    let unsigned = client().post(&handler.url).json(&json!({ "update": {}, "session": {} }));
    assert_eq!(unsigned.send().await.unwrap().status(), 401);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!log.contains("canary") && !server.printed.contains("canary"), "{log}");
}

#[tokio::test]
async fn a_handler_in_python_counts_across_a_kill_of_the_server() {
    counts_across_a_kill(&Handler::python("0")).await;
}

#[tokio::test]
async fn a_handler_in_typescript_counts_across_a_kill_of_the_server() {
    let Ok(packages) = std::env::var(TYPESCRIPT) else { return };
    let out = Folder::new();
    let compiler = Path::new(&packages).join("typescript/bin/tsc");
    let types = Path::new(&packages).join("@types");
    let mut compile = Command::new("node");
    compile.arg(compiler).arg(root().join("examples/handlers/handler.ts")).arg("--typeRoots").arg(types);
    // What Node can run as it is: types are erased, and nothing else is.
    compile.args([
        "--strict",
        "--erasableSyntaxOnly",
        "--target",
        "es2022",
        "--module",
        "nodenext",
        "--types",
        "node",
        "--outDir",
    ]);
    let compiled = compile.arg(out.path()).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stdout));
    let mut command = Command::new("node");
    counts_across_a_kill(&Handler::start(command.arg(out.path().join("handler.js")), "0")).await;
}

#[tokio::test]
async fn a_handler_that_was_killed_is_waited_for_and_no_try_is_charged() {
    let folder = Folder::new();
    let port = free_port().to_string();
    let handler = Handler::python(&port);
    let server = handler.serve(&folder, &[]);
    assert_eq!(server.say("ana", "hello").await, ["1 hello"]);
    handler.kill();
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    let waits = async {
        while !log().contains("the handler cannot be reached") {
            tokio::task::yield_now().await;
        }
        Handler::python(&port)
    };
    let (replies, _handler) = tokio::join!(server.say("ana", "again"), waits);
    assert_eq!(replies, ["2 again"]);
    assert!(!log().contains("a handler failed"), "{}", log());
}

// On several threads, since the Bot API server must answer while the test waits for the binary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_answers_on_telegram_across_a_kill() {
    let folder = Folder::new();
    let (url, known) = api().await;
    let telegram = [("TELEGRAM_BOT_TOKEN", TOKEN), ("TELEGRAM_API_URL", &*url)];
    let handler = Handler::python("0");
    let server = handler.serve(&folder, &telegram);
    known.send_modify(|known| known.updates.push(message(1, 42, "hello")));
    sent(&known, 42, "1 hello").await;
    server.kill();
    let _server = handler.serve(&folder, &telegram);
    known.send_modify(|known| known.updates.push(message(2, 42, "again")));
    sent(&known, 42, "2 again").await;
    assert_eq!(state(&folder, "telegram:42"), json!({ "messages": 2 }));
}

/// Serves a handler of the test's own; gives its URL.
async fn listen(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_whose_server_was_killed_while_it_was_answered_is_posted_again_and_counts_once() {
    let (told, mut posts) = mpsc::unbounded_channel::<Value>();
    let (open, gate) = watch::channel(false);
    let routes = Router::new().fallback(move |body: String| async move {
        let post: Value = serde_json::from_str(&body).unwrap();
        told.send(post.clone()).unwrap();
        gate.clone().wait_for(|open| *open).await.unwrap();
        let count = post["session"]["count"].as_u64().unwrap_or(0) + 1;
        let answer = json!({ "session": { "count": count }, "replies": [{ "text": count.to_string() }] });
        ([(CONTENT_TYPE, "application/json")], answer.to_string())
    });
    let url = listen(routes).await;
    let folder = Folder::new();
    let server = folder.serve_with(&["--handler", &url], &[]);
    let cut = tokio::spawn({
        let url = server.url.clone();
        async move { crate::support::post(&client(), &url, "ana", "hello", Some("key")).await }
    });
    let first = posts.recv().await.unwrap();
    server.kill();
    cut.await.unwrap().unwrap_err();
    let server = folder.serve_with(&["--handler", &url], &[]);
    let second = posts.recv().await.unwrap();
    assert_eq!((&first["id"], &first["session"]), (&second["id"], &json!({})));
    open.send_replace(true);
    let again = server.post("ana", "hello", Some("key")).await;
    assert_eq!(again.replies(), ["1"]);
    assert_eq!(state(&folder, "http:ana"), json!({ "count": 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_recorded_of_an_update_outlives_a_kill_of_the_server() {
    let routes = Router::new().fallback(async |body: String| {
        let once = serde_json::from_str::<Value>(&body).unwrap()["once"].clone();
        let line = match once.as_object().unwrap().is_empty() {
            true => json!({ "once": { "name": "model", "value": { "said": 1 } } }),
            false => json!({ "reply": { "text": once.to_string() } }),
        };
        let said = stream::iter([Ok::<_, Infallible>(format!("{line}\n"))]);
        let done = match line["reply"].is_null() {
            true => stream::pending().boxed(),
            false => stream::iter([Ok("{\"done\":true}\n".to_owned())]).boxed(),
        };
        ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(said.chain(done)))
    });
    let url = listen(routes).await;
    let folder = Folder::new();
    let server = folder.serve_with(&["--handler", &url], &[]);
    let asked = tokio::spawn({
        let url = server.url.clone();
        async move { crate::support::post(&client(), &url, "ana", "hello", Some("key")).await }
    });
    while !folder.run(&["show", "http:ana"]).stdout.contains("\"once/http/") {
        tokio::task::yield_now().await;
    }
    server.kill();
    asked.await.unwrap().unwrap_err();
    let server = folder.serve_with(&["--handler", &url], &[]);
    let again = server.post("ana", "hello", Some("key")).await;
    assert_eq!(again.replies(), [json!({ "model": { "said": 1 } }).to_string()]);
    assert!(!folder.run(&["show", "http:ana"]).stdout.contains("\"once/"), "it goes with the update");
}

#[test]
fn a_handler_on_another_machine_is_refused_without_a_secret() {
    let folder = Folder::new();
    let ended = folder.run(&["--handler", "http://handler.example.org"]);
    ended.failed(
        2,
        &["handler: `http://handler.example.org/` is on another machine", "TERTULIA_HANDLER_SECRET"],
    );
    assert!(!folder.path().join("tertulia.db").exists(), "nothing was made");
}

#[test]
fn the_python_handler_loses_reorders_and_doubles_nothing_when_all_of_it_is_killed() {
    let launcher = root().join("torture/python/main.py");
    let bot = ["python3", launcher.to_str().unwrap(), env!("CARGO_BIN_EXE_tertulia")];
    // So few kills at a time that none of the updates can be taken for what stops the process: see `runner::Options::stops`.
    let plan = ["--chats", "40", "--updates", "1000", "--kills", "4", "--within", "800", "--rate", "300"];
    for _ in 0..2 {
        let (code, report) = torture(&plan, &bot, "");
        assert_eq!((code, judged(&report)), (Some(0), [0; 4]));
        assert_eq!((&report["updates"], &report["counted"]), (&json!(1040), &json!(1040)));
        assert_eq!((&report["kills"], &report["ended"]), (&json!(4), &json!(0)));
    }
}

/// A handler that asks for a name and then for an age, told what it was posted.
fn asking(told: mpsc::UnboundedSender<Value>) -> Router {
    Router::new().fallback(move |body: String| async move {
        let post: Value = serde_json::from_str(&body).unwrap();
        told.send(post.clone()).unwrap();
        let heard = |nth: usize| post["heard"][nth]["text"].as_str().unwrap_or_default().to_owned();
        let (kind, answer) = match post["heard"].as_array().map_or(0, Vec::len) {
            0 => (
                "application/json",
                json!({ "session": { "asked": true }, "ask": { "text": "name?" } }).to_string(),
            ),
            1 => (
                "application/x-ndjson",
                format!("{}\n", json!({ "ask": { "text": "age?", "within_seconds": 60 } })),
            ),
            _ => {
                let text = format!("{} is {}", heard(0), heard(1));
                let answer = json!({ "session": { "who": text }, "replies": [{ "text": text }] });
                ("application/json", answer.to_string())
            }
        };
        ([(CONTENT_TYPE, kind)], answer)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_asks_and_is_posted_what_it_hears_also_across_a_kill() {
    let (told, mut posts) = mpsc::unbounded_channel();
    let url = listen(asking(told)).await;
    let folder = Folder::new();
    let server = folder.serve_with(&["--handler", &url], &[]);
    assert_eq!(server.say("ana", "hello").await, ["name?"]);
    assert_eq!(server.say("ana", "Ana").await, ["age?"]);
    server.kill();
    let server = folder.serve_with(&["--handler", &url], &[]);
    assert_eq!(server.say("ana", "33").await, ["Ana is 33"]);
    assert_eq!(state(&folder, "http:ana"), json!({ "asked": true, "who": "Ana is 33" }));
    let mut last = Value::Null;
    while let Ok(post) = posts.try_recv() {
        last = post;
    }
    assert_eq!(last["update"]["text"], "hello");
    assert_eq!(last["session"], json!({ "asked": true }), "as the answers before left it");
    assert_eq!(
        last["heard"],
        json!([{ "kind": "message", "text": "Ana" }, { "kind": "message", "text": "33" }])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_is_cancelled_sees_its_connection_close() {
    let (told, mut posts) = mpsc::unbounded_channel();
    let (closed, mut dropped) = mpsc::unbounded_channel::<()>();
    let routes = Router::new().fallback(move |body: String| async move {
        told.send(body).unwrap();
        struct Told(mpsc::UnboundedSender<()>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let _told = Told(closed);
        std::future::pending::<()>().await;
    });
    let url = listen(routes).await;
    let folder = Folder::new();
    let server = folder.serve_with(&["--handler", &url], &[("TERTULIA_HANDLER_CANCEL", "/stop")]);
    let (client, at) = (client(), server.url.clone());
    let waiting =
        tokio::spawn(async move { crate::support::post(&client, &at, "ana", "think", None).await.unwrap() });
    posts.recv().await.unwrap();
    assert_eq!(server.say("ana", "/stop").await, Vec::<String>::new());
    assert_eq!(waiting.await.unwrap().status, 409);
    dropped.recv().await.unwrap();
    assert_eq!(posts.try_recv().ok(), None, "what cancels is not posted, nor what was cancelled again");
}
