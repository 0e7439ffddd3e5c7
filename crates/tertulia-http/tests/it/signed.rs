//! Posts that are signed with a shared key: which are authentic, which conversation they belong to, what counts once.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::Sha256;
use tertulia::bot::{Bot, Context, Running};
use tertulia::error::Kind;
use tertulia::runner::DEAD;
use tertulia::storage::{Memory, Page, Read, Storage};
use tertulia::{Clock, Key, Shard, Timestamp};
use tertulia_http::{Signed, WebhookOptions, webhook};
use tower::ServiceExt;

const KEY: &str = "0123456789abcdef";
const BEFORE: &str = "fedcba9876543210";
/// What time it is in these tests, in seconds.
const NOW: u64 = 1_700_000_000;
const BODY: &str = r#"{"who":"ana","text":"hello"}"#;

/// A bot behind a signed webhook that notes what it gets.
struct Site {
    running: Running,
    router: Router,
    got: Arc<Mutex<Vec<String>>>,
    storage: Arc<dyn Storage>,
}

impl Site {
    async fn of(signed: Signed) -> Self {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let got: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&got);
        let bot = Bot::new(signed.clone()).storage(Arc::clone(&storage));
        let bot = bot.clock(Clock::starting_at(Timestamp(NOW * 1_000), 1)).on_any(move |ctx: Context| {
            noted.lock().push(format!("{} {:?}", ctx.conversation(), ctx.update().text()));
            async { Ok(()) }
        });
        let running = bot.start().await.unwrap();
        let posts = webhook(running.door().clone(), signed, WebhookOptions::default());
        Self { running, router: Router::new().route("/", posts), got, storage }
    }

    async fn new() -> Self {
        Self::of(signed()).await
    }

    async fn ask(&self, request: Request<Body>) -> StatusCode {
        self.router.clone().oneshot(request).await.unwrap().status()
    }

    /// Posts as the documentation says.
    async fn post(&self, id: Option<&str>, body: &str) -> StatusCode {
        self.ask(post(KEY, &NOW.to_string(), id, body)).await
    }

    /// What the bot got, once it has got everything.
    async fn got(&self) -> Vec<String> {
        self.running.shutdown(std::time::Duration::from_secs(60)).await;
        self.got.lock().clone()
    }

    /// Why what is in `dead` is there.
    async fn dead(&self) -> Vec<String> {
        let reads: Vec<Read> = Shard::all().map(|shard| Read::new(Key::Queue(shard, DEAD))).collect();
        let pages = self.storage.read(&reads).await.unwrap().into_iter();
        let pages = pages.filter_map(|page| page.unwrap().and_then(Page::into_queue));
        let entries = pages.flat_map(|page| page.entries);
        let decoded = entries.map(|entry| tertulia::runner::DeadRecord::decode(&entry.bytes).unwrap());
        decoded.map(|dead| dead.error).collect()
    }
}

fn signed() -> Signed {
    Signed::by_pointer("shop", KEY, "/who").unwrap()
}

fn signature(key: &str, timestamp: &str, id: Option<&str>, body: &str) -> String {
    let id = id.map(|id| format!(":{id}")).unwrap_or_default();
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    let mac = mac.chain_update(format!("{timestamp}{id}.{body}")).finalize().into_bytes();
    format!("v1={}", mac.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn post(key: &str, timestamp: &str, id: Option<&str>, body: &str) -> Request<Body> {
    request(timestamp, id, &[&signature(key, timestamp, id, body)], body.to_owned())
}

fn request(timestamp: &str, id: Option<&str>, signatures: &[&str], body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/").header("x-webhook-timestamp", timestamp);
    let request =
        signatures.iter().fold(request, |request, value| request.header("x-webhook-signature", *value));
    let request = id.into_iter().fold(request, |request, id| request.header("x-webhook-id", id));
    request.body(body.into()).unwrap()
}

#[tokio::test]
async fn posts_signed_as_documented_are_accepted_with_and_without_an_id() {
    // As OpenSSL signs them: printf %s '<timestamp>.<body>' | openssl dgst -sha256 -hmac <key>
    let plain = "v1=cd4cbc232fb5ebf0a2860dcc3019044d173d3077f3723d6aac58a6e236e384db";
    let named = "v1=fbd37a34b558af89d5d78d93057d4304f20cf58cbd3845a105a881703f80abe5";
    let site = Site::new().await;
    let now = NOW.to_string();
    assert_eq!(site.ask(request(&now, None, &[plain], BODY)).await, StatusCode::OK);
    assert_eq!(site.ask(request(&now, Some("evt-1"), &[named], BODY)).await, StatusCode::OK);
    let upper = format!("v1={}", plain[3..].to_uppercase());
    assert_eq!(site.ask(request(&now, None, &[&upper], BODY)).await, StatusCode::OK);
    assert_eq!(site.got().await, ["shop:ana None", "shop:ana None"]);
}

#[tokio::test]
async fn what_is_not_signed_by_the_key_exactly_as_it_came_is_401() {
    let site = Site::new().await;
    let now = NOW.to_string();
    let later = (NOW + 1).to_string();
    let right = signature(KEY, &now, None, BODY);
    let named = signature(KEY, &now, Some("1"), BODY);
    let wrong = [
        request(&now, None, &[], BODY),
        request(&now, None, &["v1="], BODY),
        request(&now, None, &[&right[3..]], BODY),
        request(&now, None, &[&right[..66]], BODY),
        request(&now, None, &[&format!("{right}0")], BODY),
        request(&now, None, &[&right.replace("v1=", "v2=")], BODY),
        request(&now, None, &[&right, &right], BODY),
        request(&now, None, &[&signature(BEFORE, &now, None, BODY)], BODY),
        request(&now, None, &[&right], BODY.replace("ana", "bob")),
        request(&now, None, &[&right], format!("{BODY} ")),
        request(&later, None, &[&right], BODY),
        request(&now, Some("1"), &[&right], BODY),
        request(&now, Some("2"), &[&named], BODY),
        request(&now, None, &[&named], BODY),
        // What was signed with an id is nothing without it, and the other way round.
        request(&now, None, &[&signature(KEY, &now, Some("1"), BODY)], format!("1.{BODY}")),
        request(&now, Some("1"), &[&signature(KEY, &now, None, &format!("1.{BODY}"))], BODY),
    ];
    for (nth, request) in wrong.into_iter().enumerate() {
        assert_eq!(site.ask(request).await, StatusCode::UNAUTHORIZED, "number {nth}");
    }
    for id in ["", "a.b", "a b", &"x".repeat(256)] {
        assert_eq!(site.post(Some(id), BODY).await, StatusCode::UNAUTHORIZED, "{id}");
    }
    let mut twice = post(KEY, &now, Some("1"), BODY);
    twice.headers_mut().append("x-webhook-id", "2".parse().unwrap());
    assert_eq!(site.ask(twice).await, StatusCode::UNAUTHORIZED);
    assert_eq!(site.got().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_timestamp_is_within_5_minutes_of_now_or_the_post_is_401_unread() {
    let site = Site::new().await;
    for (timestamp, expected) in [
        (NOW - 300, StatusCode::OK),
        (NOW + 300, StatusCode::OK),
        (NOW - 301, StatusCode::UNAUTHORIZED),
        (NOW + 301, StatusCode::UNAUTHORIZED),
        (0, StatusCode::UNAUTHORIZED),
    ] {
        let told = site.ask(post(KEY, &timestamp.to_string(), None, BODY)).await;
        assert_eq!(told, expected, "{timestamp}");
    }
    for timestamp in ["", "-1", "+1700000000", "1700000000.0", "0001700000000", " 1700000000x"] {
        let told = site.ask(post(KEY, timestamp, None, BODY)).await;
        assert_eq!(told, StatusCode::UNAUTHORIZED, "{timestamp}");
    }
    let never = Body::from_stream(futures_util::stream::pending::<std::io::Result<bytes::Bytes>>());
    let old = request("1", None, &[&signature(KEY, "1", None, BODY)], never);
    assert_eq!(site.ask(old).await, StatusCode::UNAUTHORIZED);
    // A post that is replayed later is old by then.
    let replayed = || post(KEY, &NOW.to_string(), Some("1"), BODY);
    assert_eq!(site.ask(replayed()).await, StatusCode::OK);
    tokio::time::sleep(std::time::Duration::from_secs(301)).await;
    assert_eq!(site.ask(replayed()).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn during_a_rotation_two_keys_are_accepted_and_no_third() {
    let site = Site::of(signed().previous_key(BEFORE).unwrap()).await;
    let now = NOW.to_string();
    for (key, expected) in
        [(KEY, StatusCode::OK), (BEFORE, StatusCode::OK), ("0000000000000000", StatusCode::UNAUTHORIZED)]
    {
        assert_eq!(site.ask(post(key, &now, Some(key), BODY)).await, expected, "{key}");
    }
    assert_eq!(site.got().await.len(), 2);
}

#[tokio::test]
async fn an_id_counts_once_in_its_conversation_and_without_one_the_body_does() {
    let site = Site::new().await;
    let (ana, bob) = (r#"{"who":"ana"}"#, r#"{"who":"bob"}"#);
    // Replayed, and with another body: nothing more happens.
    for body in [ana, ana, r#"{"who":"ana","n":2}"#] {
        assert_eq!(site.post(Some("1"), body).await, StatusCode::OK);
    }
    // Other ids are other events though their bodies are equal; ids are each conversation's own.
    assert_eq!(site.post(Some("2"), ana).await, StatusCode::OK);
    assert_eq!(site.post(Some("1"), bob).await, StatusCode::OK);
    // Without an id, signed again at another time.
    for timestamp in [NOW, NOW + 1] {
        assert_eq!(site.ask(post(KEY, &timestamp.to_string(), None, ana)).await, StatusCode::OK);
    }
    let mut got = site.got().await;
    got.sort();
    assert_eq!(got, ["shop:ana None", "shop:ana None", "shop:ana None", "shop:bob None"]);
}

#[tokio::test]
async fn an_id_is_its_conversations_own_wherever_that_is_kept() {
    let site = Site::new().await;
    // More conversations than shards, so that some share one.
    for who in 0..300 {
        assert_eq!(site.post(Some("1"), &format!(r#"{{"who":{who}}}"#)).await, StatusCode::OK);
    }
    assert_eq!(site.got().await.len(), 300);
}

#[tokio::test]
async fn a_conversation_is_told_by_a_text_or_an_integer_and_what_tells_none_is_kept_in_dead() {
    let site = Site::new().await;
    for body in [r#"{"who":42}"#, r#"{"who":"a b"}"#, r#"{"who":-7}"#] {
        assert_eq!(site.post(None, body).await, StatusCode::OK);
    }
    let long = format!(r#"{{"who":"{}"}}"#, "x".repeat(257));
    for body in ["", "who=ana", "{}", r#"{"who":1.5}"#, r#"{"who":null}"#, r#"{"who":""}"#, &long] {
        assert_eq!(site.post(None, body).await, StatusCode::OK, "{body}");
    }
    let mut got = site.got().await;
    got.sort();
    assert_eq!(got, ["shop:-7 None", "shop:42 None", "shop:a%20b None"]);
    let dead = site.dead().await;
    assert_eq!(dead.len(), 7, "{dead:?}");
    assert!(dead.contains(&"a post has no text and no integer at `/who`".to_owned()), "{dead:?}");
}

#[tokio::test]
async fn a_function_can_tell_the_conversation_and_its_panic_is_one_post_in_dead() {
    let form = Signed::by_function("form", KEY, |body| {
        let text = std::str::from_utf8(body).expect("it is text");
        let found = text.split_once("who=").map(|(_, who)| who.to_owned());
        found.ok_or_else(|| tertulia::Error::invalid("nobody"))
    });
    let site = Site::of(form.unwrap()).await;
    assert_eq!(site.post(None, "a=b&who=ana").await, StatusCode::OK);
    assert_eq!(site.post(None, "a=b").await, StatusCode::OK);
    let now = NOW.to_string();
    let mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    let mac = mac.chain_update(&now).chain_update(b".\xff").finalize().into_bytes();
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = request(&now, None, &[&format!("v1={hex}")], b"\xff".to_vec());
    assert_eq!(site.ask(bytes).await, StatusCode::OK);
    assert_eq!(site.got().await, ["form:ana None"]);
    let mut dead = site.dead().await;
    dead.sort();
    assert_eq!(dead, ["nobody", "the function that tells the conversation panicked"]);
}

#[tokio::test]
async fn a_post_with_a_text_where_one_was_expected_is_a_message() {
    let site = Site::of(signed().text("/text").unwrap()).await;
    assert_eq!(site.post(None, BODY).await, StatusCode::OK);
    assert_eq!(site.post(None, r#"{"who":"ana","text":5}"#).await, StatusCode::OK);
    assert_eq!(site.got().await, [r#"shop:ana Some("hello")"#, "shop:ana None"]);
}

#[test]
fn what_cannot_be_set_up_is_refused_and_no_key_is_shown() {
    let wrong = [
        Signed::by_pointer("", KEY, "/who"),
        Signed::by_pointer("shop", "canary_15_bytes", "/who"),
        Signed::by_pointer("shop", KEY, "who"),
        signed().text("text"),
        signed().previous_key("canary"),
    ];
    for refused in wrong {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    assert!(!format!("{:?}", signed()).contains(KEY));
}
