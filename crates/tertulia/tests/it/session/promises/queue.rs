//! What is queued is seen, and nothing of one process is lost.

use super::*;

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
    chats.flush().await.unwrap();
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
