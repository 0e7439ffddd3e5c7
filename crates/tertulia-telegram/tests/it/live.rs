//! Live replies as Telegram shows them: few edits within its rates, and in the end what the stream says.

use std::sync::Arc;
use std::time::Duration;

use tertulia::Conversation;
use tertulia::bot::{Bot, Context, Running};
use tertulia::storage::{Memory, Storage};
use tertulia::stream::{End, Event, EventKind, From, Limit, StreamId};
use tertulia_telegram::{MAX_TEXT, Telegram};
use tertulia_testkit::bot_api::{BotApi, NewUpdate, Options, Rate};
use tokio::time::Instant;

const CHAT: i64 = 5;
/// How many tokens an answer has, and how long a model takes for each.
const TOKENS: usize = 5_000;
const PACE: Duration = Duration::from_millis(4);

/// A server that takes a message a second in a chat, and five at once.
async fn server() -> BotApi {
    let mut options = Options::default();
    options.per_chat = Some(Rate { count: 10, within: Duration::from_secs(5) });
    BotApi::start(options).await.unwrap()
}

/// A bot whose answer has so many tokens.
async fn answering(api: &BotApi, storage: &Arc<dyn Storage>) -> Running {
    let telegram = Telegram::new("1:x").unwrap().api_url(&api.url()).unwrap();
    let bot = Bot::new(telegram).storage(Arc::clone(storage)).on_message(async |ctx: Context| {
        let live = ctx.reply_live().await?;
        let mut next = tokio::time::interval(PACE);
        for token in 0..TOKENS {
            next.tick().await;
            live.push(if token % 12 == 11 { ".\n".to_owned() } else { format!("{} ", token % 10) }).await?;
        }
        Ok(())
    });
    bot.start().await.unwrap()
}

/// What the stream of the answer says when it has ended.
async fn said(bot: &Running) -> String {
    let chat = Conversation::new("telegram", &CHAT.to_string()).unwrap();
    let lives = bot.door().live(&chat, 0).await.unwrap();
    let [(_, entry)] = &*lives.entries else { panic!("{lives:?}") };
    let stream = bot.door().streams.get(&StreamId::new(chat, &entry.stream).unwrap()).await.unwrap().unwrap();
    let (mut text, mut from) = (String::new(), From::Start);
    loop {
        let page = stream.read(from, Limit::PAGE).await.unwrap();
        for entry in page.entries() {
            let event = Event::decode(&entry).unwrap();
            assert_eq!(event.kind, EventKind::Content);
            text += &event.content;
        }
        if let Some(how) = page.closed() {
            assert_eq!(how, End::Complete);
            return text;
        }
        from = From::At(page.next());
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Waits until nothing is left to do, and looks at what there is: 5 requests at once and 1 a second are allowed to a process.
async fn assert_shown(api: &BotApi, bot: &Running, began: Instant, processes: u64) {
    assert_eq!(bot.shutdown(Duration::from_mins(5)).await, []);
    let most = 10 * processes + began.elapsed().as_secs();
    let (said, shown) = (said(bot).await, api.shown(CHAT));
    assert_eq!(squeezed(&shown.concat()), squeezed(&said), "the last edits say what the stream says");
    assert_eq!(shown.len(), said.len().div_ceil(MAX_TEXT), "as few messages as hold it");
    let summary = api.summary();
    assert_eq!(summary.refused, 0, "the rates are kept to");
    let requests = summary.sent + summary.edited;
    assert!(requests <= most, "{requests} requests for {TOKENS} tokens");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_tokens_are_as_few_messages_as_hold_them_with_edits_within_the_limits() {
    let (api, storage) = (server().await, Arc::new(Memory::new()) as Arc<dyn Storage>);
    let bot = answering(&api, &storage).await;
    let began = Instant::now();
    api.push(NewUpdate::message(CHAT, "go"));
    api.until(|journal| journal.summary().edited > 0).await;
    assert_shown(&api, &bot, began, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_is_aborted_goes_on_in_the_same_message() {
    let (api, storage) = (server().await, Arc::new(Memory::new()) as Arc<dyn Storage>);
    let bot = answering(&api, &storage).await;
    let began = Instant::now();
    api.push(NewUpdate::message(CHAT, "go"));
    api.until(|journal| journal.summary().edited > 6).await;
    drop(bot);
    assert_eq!(api.shown(CHAT).len(), 1, "in the middle of the first message");
    let bot = answering(&api, &storage).await;
    assert_shown(&api, &bot, began, 2).await;
}
