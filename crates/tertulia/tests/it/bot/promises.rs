//! What is promised of sessions holds between the turns of different conversations.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Context, Data, Session, SessionOptions};
use tertulia::session::{Options, WriteMode};
use tertulia::storage::{IntoStorage, Memory};
use tertulia::{Clock, Sessions};
use tertulia_testkit::{Call, Fault, Faulty, Gate};
use tokio::sync::Notify;

use super::support::{Desk, update};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Account {
    banned: bool,
}

#[derive(Default)]
struct Stage {
    slow_has_it: Notify,
    slow_may_go: Notify,
    done: Notify,
    seen: Mutex<Vec<(bool, bool)>>,
}

/// One process, one store, nobody else writes: what a turn removed is gone for the turns after it, effects or not.
#[tokio::test(start_paused = true)]
async fn what_a_turn_removed_is_gone_for_the_turns_after_it() {
    let stage = Arc::new(Stage::default());
    let handler = async |ctx: Context, mut account: Session<Account>, stage: Data<Arc<Stage>>| {
        match ctx.text() {
            "ban" => {
                account.banned = true;
                stage.done.notify_one();
            }
            "forget" => {
                account.delete();
                stage.done.notify_one();
            }
            "slow" => {
                stage.slow_has_it.notify_one();
                stage.slow_may_go.notified().await;
                stage.done.notify_one();
            }
            // An effect that is no part of the turn, such as a call to another service.
            _ => {
                stage.seen.lock().push((account.banned, account.is_stored()));
                stage.done.notify_one();
            }
        }
        Ok(())
    };
    let bot = Bot::new(Desk::default())
        .storage(Memory::new())
        .session::<Account>(SessionOptions::new("account").per_user())
        .data(Arc::clone(&stage))
        .on_message(handler)
        .start()
        .await
        .unwrap();
    let submit =
        async |id: &str, text: &str| bot.door().intake.submit(update("desk", id, text)).await.unwrap();
    let moment = || tokio::time::sleep(std::time::Duration::from_secs(1));
    submit("a", "@ana ban").await;
    stage.done.notified().await;
    moment().await;
    submit("b", "@ana slow").await;
    stage.slow_has_it.notified().await;
    submit("c", "@ana forget").await;
    stage.done.notified().await;
    moment().await;
    stage.slow_may_go.notify_one();
    stage.done.notified().await;
    for _ in 0..3 {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        submit("d", "@ana look").await;
        stage.done.notified().await;
    }
    assert_eq!(*stage.seen.lock(), [(false, false); 3]);
}

#[derive(Default)]
struct Stage2 {
    saved: Notify,
    go_on: Notify,
    done: Notify,
    looks: Mutex<Vec<u16>>,
}

/// The queue's failure belongs to the turn that saved, which finds out by itself.
#[tokio::test(start_paused = true)]
async fn an_update_is_not_charged_for_what_the_save_of_another_one_failed_with() {
    let memory = Memory::new();
    let storage = Arc::new(Faulty::new(memory.clone().into_storage()));
    let (stage, gate) = (Arc::new(Stage2::default()), Gate::new());
    let handler = async |ctx: Context,
                         account: Option<Session<Account>>,
                         stage: Data<Arc<Stage2>>,
                         storage: Data<Arc<Faulty>>,
                         gate: Data<Gate>| {
        let mut account = account.unwrap();
        if ctx.text() == "look" {
            stage.looks.lock().push(ctx.attempt());
            stage.done.notify_one();
            return Ok(());
        }
        account.banned = true;
        if ctx.attempt() == 1 && stage.looks.lock().is_empty() {
            storage.next(Call::Commit, Fault::Hold((*gate).clone()));
            account.save().await?;
            stage.saved.notify_one();
            stage.go_on.notified().await;
        }
        Ok(())
    };
    let options = Options { mode: WriteMode::FIRE_AND_FORGET, ..Options::default() };
    let bot = Bot::new(Desk::default())
        .storage(Arc::clone(&storage))
        .session::<Account>(SessionOptions::new("account").per_user().options(options))
        .data(Arc::clone(&stage))
        .data(Arc::clone(&storage))
        .data(gate.clone())
        .on_message(handler)
        .start()
        .await
        .unwrap();
    let submit =
        async |id: &str, text: &str| bot.door().intake.submit(update("desk", id, text)).await.unwrap();
    submit("a", "@ana ban").await;
    stage.saved.notified().await;
    gate.reached().await;
    let other = Sessions::<Account>::with(memory, Clock::system(), "account", Options::default()).unwrap();
    other.update("desk:ana", |account| account.banned = true).await.unwrap();
    gate.open();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    submit("b", "@ana look").await;
    stage.done.notified().await;
    stage.go_on.notify_one();
    assert_eq!(*stage.looks.lock(), [1], "the attempt of an update that did nothing wrong");
}
