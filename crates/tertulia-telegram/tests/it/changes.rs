//! What a bot has said is changed later, by its ticket: over a whole bot, with the fake Bot API server.

use std::sync::Arc;
use std::time::Duration;

use tertulia::bot::{Bot, Context, Running, Session};
use tertulia::runner::{Options, Ticket};
use tertulia::storage::{Memory, Storage};
use tertulia_telegram::{RateLimits, Telegram};
use tertulia_testkit::bot_api::{self, BotApi, Event, NewUpdate};

use crate::fake::{PATIENCE, TOKEN};

async fn api() -> BotApi {
    BotApi::start(bot_api::Options::default()).await.unwrap()
}

fn telegram(api: &BotApi) -> Telegram {
    Telegram::new(TOKEN).unwrap().api_url(&api.url()).unwrap().rate_limits(RateLimits::none())
}

/// What happened to the messages of the bot, in order; they are numbered from 1 as they were sent.
fn happened(api: &BotApi) -> Vec<String> {
    let mut known: Vec<i32> = Vec::new();
    api.journal(|journal| {
        let told = journal.events().filter_map(|event| match event {
            Event::Sent { message, text, .. } => {
                known.push(*message);
                Some(format!("{} {text}", known.len()))
            }
            Event::Edited { message, text, .. } => {
                let number = known.iter().position(|known| known == message).expect("it was sent") + 1;
                Some(format!("{number} becomes {text}"))
            }
            Event::Called { method, .. } => Some((*method).to_owned()),
            Event::Refused { method, status, .. } => Some(format!("{method} {status}")),
            _ => None,
        });
        told.collect()
    })
}

/// Waits until so much happened, and gives it.
async fn until(api: &BotApi, count: usize) -> Vec<String> {
    let enough = api.until(|journal| {
        let summary = journal.summary();
        summary.sent + summary.edited + summary.called + summary.refused >= count as u64
    });
    if tokio::time::timeout(PATIENCE, enough).await.is_err() {
        panic!("only this happened: {:?}", happened(api));
    }
    happened(api)
}

/// What a chat remembers.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Shown {
    tickets: Vec<Ticket>,
}

/// Does what the message says: `say ..` and `edit <nth> ..`, `delete <nth>`, `react <nth>`, of what was said.
async fn obey(ctx: Context, mut shown: Session<Shown>) -> tertulia::bot::Result {
    let text = ctx.text().to_owned();
    for order in text.split(';') {
        let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
        if word == "say" {
            let ticket = ctx.reply(rest).await?;
            shown.tickets.push(ticket);
            continue;
        }
        let (nth, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let ticket = &shown.tickets[nth.parse::<usize>()?];
        match word {
            "edit" => ctx.edit(ticket, text).await?,
            "delete" => ctx.delete(ticket).await?,
            _ => ctx.react_to(ticket, "👍").await?,
        }
    }
    Ok(())
}

async fn start(api: &BotApi, storage: &Arc<dyn Storage>, linger: Duration) -> Running {
    let options = Options { linger, ..Options::default() };
    let bot = Bot::new(telegram(api)).storage(Arc::clone(storage)).options(options);
    bot.session::<Shown>("shown").on_message(obey).start().await.unwrap()
}

const LINGER: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_reply_is_edited_and_deleted_by_its_ticket_in_the_same_turn() {
    let (api, storage): (_, Arc<dyn Storage>) = (api().await, Arc::new(Memory::new()));
    let bot = start(&api, &storage, LINGER).await;
    api.push(NewUpdate::message(7, "say one;say two;edit 0 three;edit 1 four;react 0;delete 1"));
    assert_eq!(
        until(&api, 6).await,
        ["1 one", "2 two", "1 becomes three", "2 becomes four", "setmessagereaction", "deletemessage"]
    );
    assert_eq!(bot.shutdown(PATIENCE).await, []);
}

#[tokio::test]
async fn a_ticket_that_was_kept_in_a_session_is_good_after_a_restart() {
    let (api, storage): (_, Arc<dyn Storage>) = (api().await, Arc::new(Memory::new()));
    let first = start(&api, &storage, LINGER).await;
    api.push(NewUpdate::message(7, "say one;say two"));
    api.push(NewUpdate::message(8, "say other"));
    let said = until(&api, 3).await;
    assert_eq!(first.shutdown(PATIENCE).await, []);
    drop(first);
    let second = start(&api, &storage, LINGER).await;
    api.push(NewUpdate::message(7, "edit 1 again"));
    until(&api, 4).await;
    api.push(NewUpdate::message(7, "edit 1 and again"));
    let happened = until(&api, 5).await;
    let number = said.iter().position(|said| said.ends_with(" two")).unwrap() + 1;
    assert_eq!(happened[3..], [format!("{number} becomes again"), format!("{number} becomes and again")]);
    assert_eq!(second.shutdown(PATIENCE).await, []);
}

#[tokio::test]
async fn a_crash_between_a_message_and_its_mark_has_the_repeated_message_edited() {
    let (api, storage): (_, Arc<dyn Storage>) = (api().await, Arc::new(Memory::new()));
    // No mark leaves before the crash.
    let first = start(&api, &storage, Duration::from_secs(3_600)).await;
    api.push(NewUpdate::message(7, "say one;edit 0 two"));
    assert_eq!(until(&api, 2).await, ["1 one", "1 becomes two"]);
    drop(first);
    let second = start(&api, &storage, LINGER).await;
    assert_eq!(until(&api, 4).await[2..], ["2 one", "2 becomes two"]);
    api.push(NewUpdate::message(7, "edit 0 three"));
    assert_eq!(until(&api, 5).await[4..], ["2 becomes three"]);
    assert_eq!(second.shutdown(PATIENCE).await, []);
}

#[tokio::test]
async fn of_edits_of_one_ticket_that_wait_only_the_last_is_made() {
    let (api, storage): (_, Arc<dyn Storage>) = (api().await, Arc::new(Memory::new()));
    let bot = start(&api, &storage, LINGER).await;
    let edits: String = (0..50).map(|n| format!(";edit 0 {n}")).collect();
    api.push(NewUpdate::message(7, &format!("say one;say two{edits};edit 1 other;say end")));
    assert_eq!(until(&api, 5).await, ["1 one", "2 two", "1 becomes 49", "2 becomes other", "3 end"]);
    assert_eq!(bot.shutdown(PATIENCE).await, []);
}

#[tokio::test]
async fn a_text_that_grows_over_a_message_goes_on_in_new_ones_and_all_of_them_are_edited_later() {
    let (api, storage): (_, Arc<dyn Storage>) = (api().await, Arc::new(Memory::new()));
    let bot = start(&api, &storage, LINGER).await;
    let long = |words: &str| words.split(' ').map(|word| word.repeat(4_000)).collect::<Vec<_>>().join("\n");
    let shown = |happened: &[String]| -> Vec<String> {
        happened.iter().map(|event| event.chars().take(12).collect()).collect()
    };
    api.push(NewUpdate::message(7, "say one;say between"));
    until(&api, 2).await;
    api.push(NewUpdate::message(7, &format!("edit 0 {}", long("a b c"))));
    assert_eq!(shown(&until(&api, 5).await[2..]), ["1 becomes aa", "3 bbbbbbbbbb", "4 cccccccccc"]);
    api.push(NewUpdate::message(7, &format!("edit 0 {}", long("d e f"))));
    assert_eq!(
        shown(&until(&api, 8).await[5..]),
        ["1 becomes dd", "3 becomes ee", "4 becomes ff"],
        "the new messages are the ticket's too"
    );
    api.push(NewUpdate::message(7, "edit 0 short"));
    assert_eq!(until(&api, 10).await[8..], ["1 becomes short", "deletemessages"]);
    api.push(NewUpdate::message(7, "edit 0 shorter;delete 0"));
    assert_eq!(until(&api, 12).await[10..], ["1 becomes shorter", "deletemessage"]);
    assert_eq!(bot.shutdown(PATIENCE).await, []);
}
