//! What is promised holds under adverse orders: lost answers, other writers, slow storages, full hands.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::{Expiry, Migrations, Options, State, WriteMode};
use tertulia::storage::{IntoStorage, Memory};
use tertulia::{Clock, Log, Sessions};
use tertulia_testkit::{Call, Fault, Faulty, Gate};

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    n: u64,
    log: Log<u64>,
    extra: Option<Log<u64>>,
}

fn with<S: State>(storage: impl IntoStorage, options: Options) -> Sessions<S> {
    Sessions::with(storage, Clock::system(), "chat", options).unwrap()
}

fn chats(storage: impl IntoStorage) -> Sessions<Chat> {
    with(storage, Options::default())
}

fn faulty(memory: &Memory) -> Arc<Faulty> {
    Arc::new(Faulty::new(memory.clone().into_storage()))
}

fn queued(expiry: Expiry) -> Options {
    Options { mode: WriteMode::FIRE_AND_FORGET, expiry, ..Options::default() }
}

async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

// --- Lost answers -------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn lost_answer_of_a_push_does_not_adopt_the_state_head_of_another_writer() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let (mine, other) = (chats(storage.clone()), chats(memory.clone()));
    mine.update("web:1", |chat| {
        chat.n = 1;
        chat.log.push(1)
    })
    .await
    .unwrap();
    let mut chat = mine.load("web:1").await.unwrap();
    chat.log.push(2);
    storage.next(Call::Commit, Fault::LoseAnswer);
    let overtake = async {
        a_moment().await;
        other.update("web:1", |chat| chat.n = 100).await.unwrap();
    };
    let (saved, ()) = tokio::join!(chat.save(), overtake);
    eprintln!("first save: {saved:?}");
    chat.n += 1;
    let again = chat.save().await;
    eprintln!("second save: {again:?}");
    chat.discard();
    assert_eq!(other.get("web:1").await.unwrap().n, 100, "the other's write is lost");
}

#[tokio::test(start_paused = true)]
async fn lost_answer_of_a_push_does_not_leave_an_outdated_value_in_the_cache() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let (mine, other) = (chats(storage.clone()), chats(memory.clone()));
    mine.update("web:1", |chat| {
        chat.n = 1;
        chat.log.push(1)
    })
    .await
    .unwrap();
    storage.next(Call::Commit, Fault::LoseAnswer);
    let overtake = async {
        a_moment().await;
        other.update("web:1", |chat| chat.n = 100).await.unwrap();
    };
    let (saved, ()) = tokio::join!(mine.update("web:1", |chat| chat.log.push(2)), overtake);
    saved.unwrap();
    assert_eq!(mine.get("web:1").await.unwrap().n, 100, "`get` reads as it is stored now");
}

#[tokio::test(start_paused = true)]
async fn lost_answer_of_a_state_change_does_not_adopt_the_log_head_of_another_writer() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let (mine, other) = (chats(storage.clone()), chats(memory.clone()));
    mine.update("web:1", |chat| {
        chat.n = 1;
        chat.log.push(1)
    })
    .await
    .unwrap();
    storage.next(Call::Commit, Fault::LoseAnswer);
    let overtake = async {
        a_moment().await;
        other.update("web:1", |chat| chat.log.push(2)).await.unwrap();
    };
    let (saved, ()) = tokio::join!(mine.update("web:1", |chat| chat.n = 2), overtake);
    saved.unwrap();
    mine.update("web:1", |chat| chat.log.push(3)).await.unwrap();
    assert_eq!(chats(memory).get("web:1").await.unwrap().log.tail(), [1, 2, 3], "an item is lost");
}

#[tokio::test(start_paused = true)]
async fn lost_request_is_not_taken_for_written_because_a_log_is_gone() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let (mine, other) = (chats(storage.clone()), chats(memory.clone()));
    mine.update("web:1", |chat| chat.extra = Some(Log::from(vec![1]))).await.unwrap();
    let mut chat = mine.load("web:1").await.unwrap();
    chat.n = 5;
    chat.extra = None;
    storage.next(Call::Commit, Fault::LoseRequest);
    let overtake = async {
        a_moment().await;
        other
            .update("web:1", |chat| {
                chat.n = 50;
                chat.extra = None
            })
            .await
            .unwrap();
        other.update("web:1", |chat| chat.n += 1).await.unwrap();
    };
    let (saved, ()) = tokio::join!(chat.save(), overtake);
    assert_eq!(other.get("web:1").await.unwrap().n, 51);
    let kind = saved.expect_err("it was never written").kind();
    assert!(matches!(kind, Kind::Conflict | Kind::Unknown));
}

#[tokio::test(start_paused = true)]
async fn delete_all_whose_request_was_lost_removes_all_that_it_says() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let (mine, other) = (chats(storage.clone()), chats(memory.clone()));
    for n in 0..8 {
        mine.update(format!("web:{n}").as_str(), |chat| chat.n = 1).await.unwrap();
    }
    let first = mine.keys("").next().await.unwrap().unwrap();
    // Batches are sorted by shard; the first of a batch is what tells.
    let mut all = mine.keys("").page().await.unwrap().unwrap().keys;
    all.sort_by_key(tertulia::Conversation::shard);
    let first = all.first().unwrap_or(&first).clone();
    storage.next(Call::Commit, Fault::LoseRequest);
    let overtake = async {
        a_moment().await;
        other.delete(first.as_str()).await.unwrap();
    };
    let (removed, ()) = tokio::join!(mine.delete_all(""), overtake);
    let removed = removed.unwrap();
    let left = other.keys("").page().await.unwrap().map_or(0, |page| page.keys.len());
    assert_eq!(left, 0, "it says that {removed} were removed");
}

// --- Expiry -------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_queued_session_does_not_expire_before_its_time() {
    let memory = Memory::new();
    let mine: Sessions<Chat> = with(memory.clone(), queued(Expiry::Sliding(HOUR)));
    mine.update("web:1", |chat| chat.n = 1).await.unwrap();
    mine.flush().await.unwrap();
    tokio::time::sleep(14 * MINUTE).await;
    mine.update("web:1", |chat| chat.n = 2).await.unwrap();
    mine.flush().await.unwrap();
    tokio::time::sleep(14 * MINUTE).await;
    assert_eq!(mine.get("web:1").await.unwrap().n, 2);
    mine.flush().await.unwrap();
    tokio::time::sleep(59 * MINUTE).await;
    assert!(chats(memory).contains("web:1").await.unwrap(), "used 59 minutes ago, and gone");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_moves_the_deadline_does_not_outdate_who_holds_the_session() {
    for options in
        [queued(Expiry::Sliding(HOUR)), Options { expiry: Expiry::Sliding(HOUR), ..Options::default() }]
    {
        let mine: Sessions<Chat> = with(Memory::new(), options);
        mine.update("web:1", |chat| chat.n = 1).await.unwrap();
        mine.flush().await.unwrap();
        let mut chat = mine.load("web:1").await.unwrap();
        tokio::time::sleep(20 * MINUTE).await;
        assert_eq!(mine.get("web:1").await.unwrap().n, 1);
        chat.n = 2;
        chat.save().await.unwrap();
        mine.flush().await.unwrap();
        assert_eq!(mine.get("web:1").await.unwrap().n, 2);
    }
}

/// The same without any pause in its use: each save comes while the one before is still queued.
#[tokio::test(start_paused = true)]
async fn a_queued_session_that_is_saved_all_the_time_does_not_expire() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    storage.always(Call::Commit, Fault::Delay(Duration::from_secs(2)));
    let mine: Sessions<Chat> = with(storage.clone(), queued(Expiry::Sliding(2 * MINUTE)));
    let mut chat = mine.load("web:1").await.unwrap();
    for second in 0..600 {
        chat.n += 1;
        chat.save().await.unwrap_or_else(|error| panic!("after {second} seconds: {error}"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_cache_does_not_give_a_queued_session_that_has_expired() {
    let memory = Memory::new();
    let chats: Sessions<Chat> = with(memory.clone(), queued(Expiry::Absolute(HOUR)));
    for _ in 0..2 {
        chats.update("web:1", |chat| chat.n += 1).await.unwrap();
        chats.flush().await.unwrap();
        tokio::time::sleep(40 * MINUTE).await;
    }
    assert!(!chats.contains("web:1").await.unwrap());
    // What a bot's handler does.
    let loaded = chats.store().load(&"web:1".try_into().unwrap()).await.unwrap();
    assert!(!loaded.is_stored(), "the handler sees n = {}", loaded.get().n);
}

#[tokio::test(start_paused = true)]
async fn a_log_does_not_expire_before_its_session_that_waited_in_the_queue() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let mine: Sessions<Chat> = with(storage.clone(), queued(Expiry::Absolute(HOUR)));
    storage.next(Call::Commit, Fault::Delay(MINUTE));
    mine.update("web:1", |chat| chat.n = 1).await.unwrap();
    mine.flush().await.unwrap();
    mine.update("web:1", |chat| chat.log.push(1)).await.unwrap();
    mine.flush().await.unwrap();
    // A minute later the session is an hour old for the storage.
    tokio::time::sleep(HOUR - MINUTE + Duration::from_secs(10)).await;
    let other: Sessions<Chat> = with(memory, queued(Expiry::Absolute(HOUR)));
    assert!(other.contains("web:1").await.unwrap());
    assert_eq!(other.get("web:1").await.unwrap().log.tail(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_another_guard_made_lives_as_long_as_its_session() {
    let ttl = Duration::from_secs(10);
    let memory = Memory::new();
    let options = || Options { expiry: Expiry::Sliding(ttl), ..Options::default() };
    let (mine, other) = (with::<Chat>(memory.clone(), options()), with::<Chat>(memory.clone(), options()));
    mine.update("web:1", |chat| chat.n = 1).await.unwrap();
    let reading = mine.get("web:1").await.unwrap();
    other.update("web:1", |chat| chat.log.push(7)).await.unwrap();
    tokio::time::sleep(3 * ttl).await;
    drop(reading);
    let chat = other.get("web:1").await.map(|chat| (chat.n, chat.log.tail().to_vec()));
    assert_eq!(chat.unwrap(), (1, vec![7]));
}

#[tokio::test(start_paused = true)]
async fn a_guard_keeps_its_session_though_another_has_removed_a_log() {
    let ttl = Duration::from_secs(10);
    let memory = Memory::new();
    let options = || Options { expiry: Expiry::Sliding(ttl), ..Options::default() };
    let (mine, other) = (with::<Chat>(memory.clone(), options()), with::<Chat>(memory.clone(), options()));
    mine.update("web:1", |chat| chat.extra = Some(Log::from(vec![1]))).await.unwrap();
    let reading = mine.get("web:1").await.unwrap();
    other.update("web:1", |chat| chat.extra = None).await.unwrap();
    other.update("web:1", |chat| chat.n = 5).await.unwrap();
    tokio::time::sleep(3 * ttl).await;
    drop(reading);
    assert_eq!(other.get("web:1").await.unwrap().n, 5, "a session that is in use does not expire");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_waits_in_the_queue_while_in_use_does_not_expire() {
    let ttl = Duration::from_secs(10);
    let memory = Memory::new();
    let storage = faulty(&memory);
    let mine: Sessions<Chat> = with(storage.clone(), queued(Expiry::Sliding(ttl)));
    let mut chat = mine.load("web:1").await.unwrap();
    chat.n = 1;
    storage.next(Call::Commit, Fault::Delay(ttl));
    chat.save().await.unwrap();
    tokio::time::sleep(4 * ttl).await;
    assert!(chats(memory).contains("web:1").await.unwrap());
    drop(chat);
}

#[tokio::test]
async fn a_very_long_sliding_life_does_not_panic() {
    let options = Options { expiry: Expiry::Sliding(Duration::MAX), ..Options::default() };
    with::<Chat>(Memory::new(), options).update("web:1", |chat| chat.n = 1).await.unwrap();
}

#[test]
fn the_keeper_survives_the_runtime_that_it_was_first_used_in() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ttl = Duration::from_millis(400);
    let memory = Memory::new();
    let first = runtime();
    let chats: Sessions<Chat> = first.block_on(async {
        with(memory.clone(), Options { expiry: Expiry::Sliding(ttl), ..Options::default() })
    });
    first.block_on(async {
        chats.update("web:1", |chat| chat.n = 1).await.unwrap();
        drop(chats.load("web:1").await.unwrap());
    });
    drop(first);
    runtime().block_on(async {
        let chat = chats.load("web:1").await.unwrap();
        assert!(chat.is_stored());
        tokio::time::sleep(3 * ttl).await;
        assert!(chats.contains("web:1").await.unwrap(), "it expired under its user");
        drop(chat);
    });
}

// --- The cache ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_session_that_was_removed_does_not_come_back_from_another_guard() {
    let chats = chats(Memory::new());
    chats.update("web:1", |chat| chat.n = 1).await.unwrap();
    let conversation = "web:1".try_into().unwrap();
    let (one, two) =
        (chats.store().load(&conversation).await.unwrap(), chats.store().load(&conversation).await.unwrap());
    let mut one = one;
    one.delete();
    one.save().await.unwrap();
    one.release();
    two.release();
    let loaded = chats.store().load(&conversation).await.unwrap();
    assert!(!loaded.is_stored(), "this store removed it, and gives n = {}", loaded.get().n);
}

#[tokio::test]
async fn what_was_deleted_and_made_anew_is_not_replaced_by_what_was_before() {
    let chats = chats(Memory::new());
    chats.update("web:1", |chat| chat.n = 1).await.unwrap();
    let conversation = "web:1".try_into().unwrap();
    let old = chats.store().load(&conversation).await.unwrap();
    chats.delete("web:1").await.unwrap();
    chats.update("web:1", |chat| chat.n = 2).await.unwrap();
    old.release();
    assert_eq!(chats.store().load(&conversation).await.unwrap().get().n, 2);
}

#[tokio::test(start_paused = true)]
async fn loads_see_what_is_queued_though_another_guard_came_back_later() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let chats: Sessions<Chat> = with(storage.clone(), queued(Expiry::Never));
    chats.update("web:1", |chat| chat.n = 1).await.unwrap();
    chats.flush().await.unwrap();
    let mut one = chats.load("web:1").await.unwrap();
    let two = chats.load("web:1").await.unwrap();
    let gate = Gate::new();
    storage.next(Call::Commit, Fault::Hold(gate.clone()));
    one.n = 2;
    one.save().await.unwrap();
    drop(two);
    let seen = tokio::time::timeout(MINUTE, chats.get("web:1"));
    tokio::pin!(seen);
    let seen = tokio::select! {
        seen = &mut seen => seen,
        () = async { a_moment().await; gate.open(); std::future::pending().await } => unreachable!(),
    };
    assert_eq!(seen.unwrap().unwrap().n, 2, "loads see what is queued");
}

#[tokio::test(start_paused = true)]
async fn loads_see_that_a_delete_is_queued_though_another_guard_came_back_later() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let chats: Sessions<Chat> = with(storage.clone(), queued(Expiry::Never));
    chats.update("web:1", |chat| chat.n = 1).await.unwrap();
    chats.flush().await.unwrap();
    let one = chats.load("web:1").await.unwrap();
    let two = chats.load("web:1").await.unwrap();
    storage.next(Call::Commit, Fault::Delay(Duration::from_secs(1)));
    one.delete().await.unwrap();
    drop(two);
    assert_eq!(chats.get("web:1").await.unwrap().n, 0, "loads see what is queued");
}

// --- Guards, keys -------------------------------------------------------------------------------------------------

#[tokio::test]
async fn deleting_what_somebody_else_made_since_is_a_conflict() {
    let memory = Memory::new();
    let (mine, other) = (chats(memory.clone()), chats(memory));
    let chat = mine.load("web:1").await.unwrap();
    other.update("web:1", |chat| chat.n = 1).await.unwrap();
    let deleted = chat.delete().await;
    let is_there = other.contains("web:1").await.unwrap();
    assert_eq!((deleted.map_err(|error| error.kind()), is_there), (Err(Kind::Conflict), true));
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct ManyLogs {
    logs: Vec<Log<u64>>,
}

#[tokio::test]
async fn a_session_with_as_many_logs_as_are_allowed_can_be_rewritten() {
    let chats: Sessions<ManyLogs> = with(Memory::new(), Options::default());
    let fill = |chat: &mut ManyLogs| chat.logs = (0..120).map(|n| Log::from(vec![n])).collect();
    chats.update("web:1", fill).await.unwrap();
    assert!(chats.rewrite("web:1").await.unwrap());
}

// --- Migrations ---------------------------------------------------------------------------------------------------

#[derive(Debug, Default, Serialize, Deserialize)]
struct VecOf {
    notes: Vec<OldNote>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct OldNote {
    text: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct LogOf {
    n: u64,
    notes: Log<NewNote>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct NewNote {
    body: String,
}

#[tokio::test]
async fn items_of_a_list_that_became_a_log_are_migrated_as_items() {
    let memory = Memory::new();
    let old: Sessions<VecOf> = with(memory.clone(), Options::default());
    old.update("web:1", |chat| chat.notes.push(OldNote { text: "hello".into() })).await.unwrap();
    // 1: `notes` became a Log, which needs nothing: what is stored is taken over. 2: `text` became `body`.
    let migrations = Migrations::new().to(1, |chat| chat.set("n", &0)).to_items(2, "notes", |note| {
        note.rename("text", "body");
        Ok(())
    });
    let new: Sessions<LogOf> = with(memory, Options { migrations, ..Options::default() });
    let seen = new.get("web:1").await.unwrap();
    assert_eq!(seen.notes.tail(), [NewNote { body: "hello".into() }]);
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct MapOf<T: Serialize + serde::de::DeserializeOwned> {
    n: u64,
    #[serde(bound = "")]
    notes: std::collections::BTreeMap<String, Log<T>>,
}

#[tokio::test]
async fn items_of_logs_in_a_map_are_migrated() {
    let memory = Memory::new();
    let old: Sessions<MapOf<OldNote>> = with(memory.clone(), Options::default());
    let add = |chat: &mut MapOf<OldNote>| {
        chat.notes.insert("ana".into(), Log::from(vec![OldNote { text: "hello".into() }]));
    };
    old.update("web:1", add).await.unwrap();
    let migrations = Migrations::new().to_items(1, "notes", |note| {
        note.rename("text", "body");
        Ok(())
    });
    let new: Sessions<MapOf<NewNote>> = with(memory, Options { migrations, ..Options::default() });
    let seen = new.get("web:1").await.unwrap();
    assert_eq!(seen.notes["ana"].tail(), [NewNote { body: "hello".into() }]);
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct History {
    history: Log<OldNote>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Renamed {
    messages: Log<OldNote>,
}

#[tokio::test]
async fn a_log_that_a_migration_copies_is_kept_or_refused() {
    let memory = Memory::new();
    let old: Sessions<History> = with(memory.clone(), Options::default());
    old.update("web:1", |chat| chat.history.push(OldNote { text: "hello".into() })).await.unwrap();
    let migrations =
        Migrations::new().to_from(1, |old: History| Ok(Renamed { messages: old.history.clone() }));
    let new: Sessions<Renamed> = with(memory, Options { migrations, ..Options::default() });
    match new.get("web:1").await {
        Err(error) => eprintln!("refused: {error}"),
        Ok(seen) => assert_eq!(seen.messages.len(), 1, "the history is lost without a word"),
    }
}

#[tokio::test]
async fn a_log_whose_items_a_migration_converts_is_kept_or_refused() {
    let memory = Memory::new();
    let old: Sessions<History> = with(memory.clone(), Options::default());
    old.update("web:1", |chat| chat.history.push(OldNote { text: "hello".into() })).await.unwrap();
    let migrations = Migrations::new().to_from(1, |old: History| {
        let notes = old.history.tail().iter().map(|note| NewNote { body: note.text.clone() }).collect();
        Ok(LogOf { n: 1, notes })
    });
    let new: Sessions<LogOf> = with(memory.clone(), Options { migrations, ..Options::default() });
    match new.update("web:1", |chat| chat.n = 2).await {
        Err(error) => eprintln!("refused: {error}"),
        Ok(()) => {
            assert_eq!(new.get("web:1").await.unwrap().notes.len(), 1, "the history is lost without a word")
        }
    }
}

// --- Logs in the queue --------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn older_items_can_be_loaded_while_a_pop_is_queued() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let options = Options { log_tail: 5, ..queued(Expiry::Never) };
    let chats: Sessions<Chat> = with(storage.clone(), options);
    chats.update("web:1", |chat| chat.log.extend(0..20)).await.unwrap();
    chats.flush().await.unwrap();
    chats.store().load(&"web:1".try_into().unwrap()).await.map(drop).unwrap();
    let mut chat = chats.load("web:1").await.unwrap();
    while chat.log.pop().is_some() {}
    storage.next(Call::Commit, Fault::Delay(Duration::from_secs(1)));
    chat.save().await.unwrap();
    let loaded = chat.log.load_before(5).await;
    eprintln!("{loaded:?}");
    assert_eq!((loaded.unwrap(), chat.log.tail()), (5, &[10, 11, 12, 13, 14][..]));
    chat.discard();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn queued_updates_of_one_process_lose_nothing() {
    let chats: Sessions<Chat> = with(Memory::new(), queued(Expiry::Never));
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let chats = chats.clone();
        tasks.push(tokio::spawn(async move {
            let mut failed = Vec::new();
            for _ in 0..2_000 {
                if let Err(error) = chats.update("web:1", |chat| chat.n += 1).await {
                    failed.push(error.to_string());
                }
            }
            failed
        }));
    }
    let mut failed = Vec::new();
    for task in tasks {
        failed.extend(task.await.unwrap());
    }
    let flushed = chats.flush().await;
    let n = chats.get("web:1").await.unwrap().n;
    assert_eq!((n, failed.len(), flushed.is_ok()), (16_000, 0, true), "{:?}", failed.first());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn transactional_updates_of_one_process_lose_nothing() {
    let chats = chats(Memory::new());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let chats = chats.clone();
            tokio::spawn(async move {
                for _ in 0..200 {
                    chats.update("web:1", |chat| chat.n += 1).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(chats.get("web:1").await.unwrap().n, 1_600);
}

/// The same as `queued_updates_of_one_process_lose_nothing`, step by step.
#[tokio::test(start_paused = true)]
async fn a_queued_update_that_read_before_another_save_of_this_process_is_run_again() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let chats: Sessions<Chat> = with(storage.clone(), queued(Expiry::Never));
    chats.update("web:1", |chat| chat.n = 1).await.unwrap();
    chats.flush().await.unwrap();
    let mut guard = chats.load("web:1").await.unwrap();
    let gate = Gate::new();
    storage.next(Call::Read, Fault::HoldAnswer(gate.clone()));
    let other = async {
        gate.reached().await;
        guard.n += 1;
        guard.save().await.unwrap();
        chats.flush().await.unwrap();
        gate.open();
    };
    let (updated, ()) = tokio::join!(chats.update("web:1", |chat| chat.n += 10), other);
    updated.unwrap();
    let flushed = chats.flush().await;
    eprintln!("{flushed:?}");
    assert_eq!(chats.get("web:1").await.unwrap().n, 12, "an update that was Ok is lost");
}

/// As `a_log_does_not_expire_before_its_session_that_waited_in_the_queue`, in the default mode.
#[tokio::test(start_paused = true)]
async fn a_log_does_not_expire_before_its_session_whose_commit_was_slow() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let options = || Options { expiry: Expiry::Absolute(HOUR), ..Options::default() };
    let mine: Sessions<Chat> = with(storage.clone(), options());
    storage.next(Call::Commit, Fault::Delay(Duration::from_secs(5)));
    mine.update("web:1", |chat| chat.n = 1).await.unwrap();
    mine.update("web:1", |chat| chat.log.push(1)).await.unwrap();
    tokio::time::sleep(HOUR - Duration::from_secs(2)).await;
    let other: Sessions<Chat> = with(memory, options());
    assert!(other.contains("web:1").await.unwrap());
    assert_eq!(other.get("web:1").await.unwrap().log.tail(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_log_does_not_expire_before_its_session_that_was_read_slowly() {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let options = || Options { expiry: Expiry::Absolute(HOUR), ..Options::default() };
    let (mine, other): (Sessions<Chat>, Sessions<Chat>) =
        (with(storage.clone(), options()), with(memory, options()));
    other.update("web:1", |chat| chat.n = 1).await.unwrap();
    storage.next(Call::Read, Fault::Delay(Duration::from_secs(5)));
    mine.update("web:1", |chat| chat.log.push(1)).await.unwrap();
    tokio::time::sleep(HOUR - Duration::from_secs(7)).await;
    assert!(other.contains("web:1").await.unwrap());
    assert_eq!(other.get("web:1").await.unwrap().log.tail(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_sessions_in_use_do_not_expire() {
    sessions_in_use_do_not_expire(1_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_sessions_in_use_do_not_expire() {
    sessions_in_use_do_not_expire(100).await;
}

async fn sessions_in_use_do_not_expire(count: usize) {
    let memory = Memory::new();
    let storage = faulty(&memory);
    let options = Options { expiry: Expiry::Sliding(Duration::from_secs(20)), ..Options::default() };
    let mine: Sessions<Chat> = with(storage.clone(), options);
    let mut held = Vec::new();
    for n in 0..count {
        let conversation = format!("web:{n}");
        mine.update(conversation.as_str(), |chat| chat.n = 1).await.unwrap();
        held.push(mine.load(conversation.as_str()).await.unwrap());
    }
    storage.always(Call::Commit, Fault::Delay(Duration::from_millis(20)));
    tokio::time::sleep(Duration::from_secs(120)).await;
    let left = mine.keys("").page().await.unwrap().map_or(0, |page| page.keys.len());
    assert_eq!(left, held.len());
}
