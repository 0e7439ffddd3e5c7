//! A process that ends at any moment: what was accepted is applied once, by it or by the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::runner::{Handle, Handler, Options, Turn};
use tertulia::storage::{Memory, Storage};

use super::support::{
    Diary, Fate, Faulty, Platform, applied, apply_after, assert_all_done, conversation, pass, runner, start,
    update,
};

const CHATS: i64 = 12;
const UPDATES: i64 = 15;

/// Gives a chat's updates one by one, each until it is acknowledged, to whichever runner there is.
async fn give<H: Handler>(handle: &Handle<H>, acknowledged: &Mutex<Vec<i64>>, chat: i64) {
    loop {
        let next = acknowledged.lock()[chat as usize];
        if next == UPDATES {
            return;
        }
        let given = update(&chat.to_string(), chat * UPDATES + next, &next.to_string());
        if handle.intake().submit(given).await.is_err() {
            return;
        }
        acknowledged.lock()[chat as usize] += 1;
    }
}

async fn crash_again_and_again(seed: u64, faults: bool) {
    let rng = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
    let random = Arc::clone(&rng);
    let faulty = Faulty::new(Memory::new(), move |_| {
        let mut rng = random.lock();
        let mut wait = || Duration::from_millis(rng.u64(0..4));
        let (before, after) = (wait(), wait());
        let mut fault = || faults && rng.u8(0..10) == 0;
        Fate { before, after, refused: fault(), lost: fault(), hangs: false }
    });
    let storage: Arc<dyn Storage> = faulty;
    let tries = Diary::default();
    let calls = Diary::default();
    let acknowledged = Mutex::new(vec![0; CHATS as usize]);
    // Nothing here stops the process but the test.
    let options =
        Options { backoff: Duration::from_millis(3), retries: 100, stops: u8::MAX, ..Options::default() };
    let mut crashes = 0;
    loop {
        let (note, tried, random) = (calls.clone(), tries.clone(), Arc::clone(&rng));
        let platform = Platform::new(move |call| {
            note.note(&call.conversation, String::from_utf8_lossy(&call.body));
            async {
                pass(1).await;
                Ok("id".to_owned())
            }
        });
        let run = move |turn: Turn, text: String| {
            let (tried, wait) = (tried.clone(), random.lock().u64(0..6));
            let dice = random.lock().u8(0..10);
            async move {
                tried.note(&turn.about().conversation, &text);
                turn.call(text.clone().into())?;
                apply_after(&turn, &text, wait).await?;
                anyhow::ensure!(dice != 0, "an error now and then");
                assert!(dice != 1, "a panic now and then");
                Ok(())
            }
        };
        let runner = runner(&storage, options.clone(), run).sender("test", platform);
        let handle = runner.start().await.unwrap();
        let life = match crashes {
            15 => u64::MAX,
            _ => rng.lock().u64(0..60),
        };
        let under_load =
            futures_util::future::join_all((0..CHATS).map(|chat| give(&handle, &acknowledged, chat)));
        if tokio::time::timeout(Duration::from_millis(life), under_load).await.is_ok() {
            while handle.size() > 0 || handle.calls() > 0 {
                pass(5).await;
            }
            assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
            break;
        }
        crashes += 1;
        drop(handle);
    }
    let expected: Vec<String> = (0..UPDATES).map(|n| n.to_string()).collect();
    for chat in (0..CHATS).map(|chat| chat.to_string()) {
        assert_eq!(applied(&storage, &chat).await, expected, "seed {seed}, chat {chat}");
        let mut made = calls.of(&chat);
        let mut known = std::collections::HashSet::new();
        made.retain(|call| known.insert(call.clone()));
        assert_eq!(made, expected, "the first time of each call, seed {seed}, chat {chat}");
    }
    assert_all_done(&storage).await;
}

#[tokio::test(start_paused = true)]
async fn f12_what_was_accepted_is_applied_once_however_often_the_process_ends() {
    for seed in 0..100 {
        crash_again_and_again(seed, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_is_applied_once_though_the_storage_fails_too() {
    for seed in 0..100 {
        crash_again_and_again(1_000 + seed, true).await;
    }
}

/// Notes that a handler of the key runs, for as long as it lives.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn alone(under_way: &Arc<AtomicUsize>) -> Self {
        assert_eq!(under_way.fetch_add(1, Ordering::SeqCst), 0, "two at once");
        Self(Arc::clone(under_way))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Grammy facts, scenario F.18: the worker panics in the middle of a handler, or is gone with its process.
#[tokio::test(start_paused = true)]
async fn f18_a_worker_that_dies_loses_no_update_and_its_key_is_never_handled_twice_at_once() {
    for panics in [true, false] {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let (shard, begun, under_way) =
            (conversation("key").shard(), Diary::default(), Arc::new(AtomicUsize::new(0)));
        let neighbours = (0..).map(|n| n.to_string()).filter(|chat| conversation(chat).shard() == shard);
        let neighbours: Vec<String> = neighbours.take(5).collect();
        let (notes, of_key) = (begun.clone(), Arc::clone(&under_way));
        let run = move |turn: Turn, text: String| {
            let (notes, of_key) = (notes.clone(), Arc::clone(&of_key));
            async move {
                let chat = turn.about().conversation.clone();
                let nth = notes.count(&chat, &text);
                let _running = (&*chat.id() == "key").then(|| Running::alone(&of_key));
                pass(50).await;
                if text == "first" && nth == 1 {
                    assert!(!panics, "the worker dies");
                    std::future::pending::<()>().await;
                }
                apply_after(&turn, &text, 50).await
            }
        };
        let options = Options { backoff: Duration::from_millis(500), ..Options::default() };
        let mut handle = start(&storage, options.clone(), run.clone()).await;
        handle
            .intake()
            .submit_all(vec![update("key", 1, "first"), update("key", 2, "second")])
            .await
            .unwrap();
        pass(60).await;
        if !panics {
            drop(handle);
            handle = start(&storage, options, run).await;
        }
        for (chat, id) in neighbours.iter().zip(10..) {
            handle.intake().submit(update(chat, id, "later")).await.unwrap();
        }
        pass(940).await;
        for chat in &neighbours {
            assert_eq!(applied(&storage, chat).await, ["later"]);
        }
        assert_eq!(applied(&storage, "key").await, ["first", "second"]);
        assert_eq!(begun.of("key"), ["first", "first", "second"]);
        assert_eq!(under_way.load(Ordering::SeqCst), 0);
        assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
        assert_all_done(&storage).await;
    }
}
