//! What reaches the storage, counted there: the whole way of an update through runner, handler and session.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Context, Session, SessionOptions};
use tertulia::runner::Incoming;
use tertulia::session;
use tertulia::storage::{ListQuery, Memory, Names, Storage};
use tertulia_testkit::Counting;

use super::support::{Desk, update};

/// How many chats there are, and how many updates.
const MANY: usize = 10_000;

#[derive(Default, Serialize, Deserialize)]
struct Chat {
    count: u64,
    notes: Vec<String>,
}

fn counting() -> Arc<Counting> {
    Arc::new(Counting::new(Arc::new(Memory::new())))
}

fn one_update_each() -> Vec<Incoming> {
    (0..MANY).map(|chat| update("desk", &chat.to_string(), "x")).collect()
}

/// Has the updates run by a bot and waits until they are done.
async fn run(bot: Bot, storage: &Arc<Counting>, updates: Vec<Incoming>) {
    let bot = bot.storage(Arc::clone(storage)).start().await.unwrap();
    bot.door().intake.submit_all(updates).await.unwrap();
    assert_eq!(bot.shutdown(Duration::from_secs(600)).await, []);
}

async fn sessions_kept(storage: &Counting) -> usize {
    let query =
        ListQuery { names: Names::Prefix("session/".to_owned()), limit: 4 * MANY, ..Default::default() };
    storage.list(&query).await.unwrap().keys.len()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_untouched_chats_leave_no_session_behind() {
    let storage = counting();
    run(Bot::new(Desk::new()).on_message(async |_: Session<Chat>| Ok(())), &storage, one_update_each()).await;
    let written = storage.written("session/");
    assert_eq!((written.writes, written.deletes, written.checks), (0, 0, 0));
    assert_eq!(sessions_kept(&storage).await, 0);
    // The updates did go through: the inbox took and gave back every one.
    let inbox = storage.written("inbox");
    assert_eq!((inbox.entries, inbox.removed), (MANY as u64, MANY as u64));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_no_session_reads_none() {
    let storage = counting();
    run(Bot::new(Desk::new()).on_message(async |_: Context| Ok(())), &storage, one_update_each()).await;
    assert_eq!(storage.written("session/").reads, 0);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_updates_that_only_read_write_no_session() {
    let storage = counting();
    let write = Bot::new(Desk::new()).on_message(async |mut chat: Session<Chat>| {
        chat.notes.push("remember the milk".to_owned());
        Ok(())
    });
    run(write, &storage, one_update_each()).await;
    assert_eq!(sessions_kept(&storage).await, MANY);
    storage.take();
    let read = Bot::new(Desk::new()).on_message(async |chat: Session<Chat>| {
        let copy: Vec<String> = chat.notes.clone();
        anyhow::ensure!(
            chat.notes.iter().map(String::len).sum::<usize>() == 17 && copy.len() == 1,
            "not what was written"
        );
        Ok(())
    });
    run(read, &storage, one_update_each()).await;
    let written = storage.written("session/");
    assert_eq!((written.writes, written.deletes), (0, 0));
    assert_eq!(written.reads, MANY as u64);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_updates_that_only_read_three_sessions_write_none() {
    #[derive(Default, Serialize, Deserialize)]
    struct User {
        name: String,
    }
    #[derive(Default, Serialize, Deserialize)]
    struct Member(u64);
    let storage = counting();
    let bot = || {
        Bot::new(Desk::new())
            .session::<Chat>("chat")
            .session::<User>(SessionOptions::new("user").per_user())
            .session::<Member>(SessionOptions::new("member").per_member())
    };
    let updates =
        || (0..MANY).map(|chat| update("desk", &chat.to_string(), &format!("@u{chat} x"))).collect();
    let write = async |mut chat: Session<Chat>, mut user: Session<User>, mut member: Session<Member>| {
        (chat.count, member.0) = (1, 1);
        user.name.push('a');
        Ok(())
    };
    run(bot().on_message(write), &storage, updates()).await;
    assert_eq!(sessions_kept(&storage).await, 3 * MANY);
    storage.take();
    let read = async |chat: Session<Chat>, user: Session<User>, member: Option<Session<Member>>| {
        anyhow::ensure!(chat.count == 1 && user.name == "a" && member.is_some_and(|member| member.0 == 1));
        Ok(())
    };
    run(bot().on_message(read), &storage, updates()).await;
    let written = storage.written("session/");
    assert_eq!((written.writes, written.deletes, written.checks), (0, 0, 0));
    assert_eq!(written.reads, 3 * MANY as u64);
}

#[tokio::test(start_paused = true)]
async fn a_session_type_is_cached_as_its_options_say() {
    for (cache_bytes, reads) in [(1 << 20, 1), (0, 3)] {
        let storage = counting();
        let options = session::Options { cache_bytes, ..session::Options::default() };
        let bot = Bot::new(Desk::new())
            .session::<Chat>(SessionOptions::new("chat").options(options))
            .on_message(async |mut chat: Session<Chat>| {
                chat.count += 1;
                Ok(())
            });
        run(bot, &storage, (0..3).map(|_| update("desk", "a", "x")).collect()).await;
        let written = storage.written("session/chat");
        assert_eq!((written.bases, written.reads), (3, reads));
    }
}

#[tokio::test(start_paused = true)]
async fn a_touched_session_that_is_as_it_was_is_not_written() {
    let storage = counting();
    let count = || {
        Bot::new(Desk::new()).on_message(async |mut chat: Session<Chat>| {
            chat.count = 7;
            Ok(())
        })
    };
    run(count(), &storage, vec![update("desk", "a", "x")]).await;
    assert_eq!(storage.written("session/").writes, 1);
    storage.take();
    run(count(), &storage, vec![update("desk", "a", "x")]).await;
    assert_eq!(storage.written("session/").writes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_answers_from_a_session_checks_that_nobody_else_wrote_it() {
    let storage = counting();
    let bot = Bot::new(Desk::new()).on_message(async |ctx: Context, chat: Session<Chat>| {
        ctx.reply(format!("{} notes", chat.notes.len())).await?;
        Ok(())
    });
    run(bot, &storage, vec![update("desk", "a", "x")]).await;
    let written = storage.written("session/");
    assert_eq!((written.writes, written.checks), (0, 1));
}
