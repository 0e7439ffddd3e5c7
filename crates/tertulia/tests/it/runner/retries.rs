//! A handler that fails is run again after a wait; an update that fails to the end goes to `dead`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::runner::{About, DEAD, DeadKind, INBOX, Keys, Options, Runner, Turn};
use tertulia::storage::{Expect, ItemId, LogWrite, Memory, Storage};
use tertulia::{Clock, Conversation, Error, Key, Timestamp};

use super::support::{
    APPLIED, Diary, Fate, Faulty, Run, SPACE, applied, apply, assert_all_done, conversation, dead, memory,
    pass, queued, runner, start, update,
};

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_three_times_succeeds_at_the_fourth_and_holds_its_key_meanwhile() {
    let storage = memory();
    let tries = Diary::default();
    let note = tries.clone();
    let handle = start(&storage, Options::default(), move |turn, text| {
        let note = note.clone();
        async move {
            let nth = note.count(&turn.about().conversation, &text);
            assert_eq!(usize::from(turn.about().attempt), nth);
            apply(&turn, &text).await?;
            turn.call("never of a failed try".into())?;
            anyhow::ensure!(text != "fails" || nth == 4, "failed {nth} times");
            Ok(())
        }
    })
    .await;
    handle.intake().submit_all(vec![update("a", 1, "fails"), update("a", 2, "waits")]).await.unwrap();
    handle.intake().submit(update("b", 3, "goes on")).await.unwrap();
    pass(900).await;
    assert_eq!(tries.of("a"), ["fails"], "the first wait is a second");
    assert_eq!((tries.of("b").len(), handle.running()), (1, 0));
    pass(20_000).await;
    assert_eq!(tries.of("a"), ["fails", "fails", "fails", "fails", "waits"]);
    assert_eq!(applied(&storage, "a").await, ["fails", "waits"]);
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_fails_four_times_goes_to_dead_in_one_batch_and_its_key_goes_on() {
    let burials = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&burials);
    let faulty = Faulty::new(Memory::new(), move |batch| {
        let names: Vec<String> = batch.writes.iter().map(|write| write.key().name().to_string()).collect();
        if names.iter().any(|name| name == "dead") {
            log.lock().push(names);
        }
        Fate::default()
    });
    let storage: Arc<dyn Storage> = faulty;
    let handle = start(&storage, Options::default(), |turn, text: String| async move {
        apply(&turn, &text).await?;
        anyhow::ensure!(text != "poison", "it is poison");
        Ok(())
    })
    .await;
    handle.intake().submit_all(vec![update("a", 1, "poison"), update("a", 2, "fine")]).await.unwrap();
    pass(30_000).await;
    assert_eq!(applied(&storage, "a").await, ["fine"]);
    let dead = dead(&storage).await;
    assert_eq!(dead.len(), 1);
    assert_eq!((&*dead[0].body, &*dead[0].error, dead[0].attempts), (&b"poison"[..], "it is poison", 4));
    assert_eq!((&dead[0].what, &dead[0].conversation), (&DeadKind::Update, &conversation("a")));
    assert_eq!(*burials.lock(), [["inbox", "dead", "once/test/1"]]);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn attempts_and_the_wait_survive_a_restart() {
    let storage = memory();
    let tries = Diary::default();
    let run = |note: Diary| {
        move |turn: Turn, _| {
            note.note(&turn.about().conversation, turn.about().attempt.to_string());
            async { anyhow::bail!("always") }
        }
    };
    for _ in 0..3 {
        let handle = start(&storage, Options::default(), run(tries.clone())).await;
        let _ = handle.intake().submit(update("a", 1, "poison")).await.unwrap();
        pass(1_300).await;
        drop(handle);
    }
    assert_eq!(tries.of("a"), ["1", "2"], "the third try is due 2 to 2.5 s after the second");
    let handle = start(&storage, Options::default(), run(tries.clone())).await;
    pass(30_000).await;
    assert_eq!(tries.of("a"), ["1", "2", "3", "4"]);
    assert_eq!(dead(&storage).await[0].attempts, 4);
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_cannot_be_decoded_goes_to_dead_at_once() {
    let storage = memory();
    let handle =
        start(&storage, Options::default(), |turn, text: String| async move { apply(&turn, &text).await })
            .await;
    let mut bad = update("a", 1, "");
    bad.body = vec![0xff, 0xfe].into();
    handle.intake().submit_all(vec![bad, update("a", 2, "fine")]).await.unwrap();
    pass(10).await;
    assert_eq!(applied(&storage, "a").await, ["fine"]);
    let dead = dead(&storage).await;
    assert_eq!((dead.len(), &*dead[0].body, dead[0].attempts), (1, &[0xff, 0xfe][..], 1));
    assert_eq!(dead[0].error, "the update cannot be decoded: not text");
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_away_is_not_counted_as_a_try() {
    let storage = memory();
    let tries = Diary::default();
    let note = tries.clone();
    let handle = start(&storage, Options { retries: 0, ..Options::default() }, move |turn, text: String| {
        let nth = note.count(&turn.about().conversation, &text);
        async move {
            if nth < 10 {
                return Err(Error::unavailable("the session cannot be read").into());
            }
            apply(&turn, &text).await
        }
    })
    .await;
    handle.intake().submit(update("a", 1, "one")).await.unwrap();
    pass(60_000).await;
    assert_eq!(applied(&storage, "a").await, ["one"]);
    assert_all_done(&storage).await;
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
}

fn log_write(chat: &Conversation) -> LogWrite {
    LogWrite::new(Key::Log(chat.clone(), APPLIED))
}

#[tokio::test(start_paused = true)]
async fn a_given_up_update_goes_to_dead_though_what_is_to_be_told_of_it_conflicts_or_is_refused() {
    for buried in [
        (|about: &About| vec![log_write(&about.conversation).expect(Expect::Absent).append("gone")])
            as fn(&About) -> Vec<LogWrite>,
        |about| vec![log_write(&about.conversation), log_write(&about.conversation)],
        |_| panic!("what is to be told cannot be made"),
    ] {
        let storage = memory();
        let options = Options { retries: 0, ..Options::default() };
        let mut handler = Run {
            keys: |_| Keys::Conversation,
            buried: |_| Vec::new(),
            run: |turn: Turn, text: String| async move {
                anyhow::ensure!(text != "poison", "it is poison");
                apply(&turn, &text).await
            },
        };
        handler.buried = buried;
        let clock = Clock::system();
        let runner = Runner::new(Arc::clone(&storage), clock, options, handler);
        let handle = runner.start().await.unwrap();
        let updates =
            ["one", "poison", "two"].iter().zip(1..).map(|(text, n)| update("a", n, text)).collect();
        handle.intake().submit_all(updates).await.unwrap();
        pass(100).await;
        assert_eq!(applied(&storage, "a").await, ["one", "two"]);
        assert_eq!(dead(&storage).await.len(), 1);
        assert_eq!(queued(&storage, INBOX).await, 0);
        drop(handle);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_tells_of_a_given_up_update_is_in_the_batch_that_gives_it_up() {
    let storage = memory();
    let handler = Run {
        keys: |_| Keys::Conversation,
        buried: |about| vec![log_write(&about.conversation).append("gone")],
        run: |_: Turn, _| async { anyhow::bail!("poison") },
    };
    let options = Options { retries: 0, ..Options::default() };
    let clock = Clock::system();
    let runner = Runner::new(Arc::clone(&storage), clock, options, handler);
    let handle = runner.start().await.unwrap();
    handle.intake().submit(update("a", 1, "")).await.unwrap();
    pass(10).await;
    assert_eq!(applied(&storage, "a").await, ["gone"]);
    assert_eq!(dead(&storage).await.len(), 1);
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_clock_that_went_back_does_not_hold_an_update_longer_than_the_longest_wait() {
    let storage = memory();
    let later = Clock::starting_at(Timestamp(10_000_000_000), 1);
    let earlier = Clock::starting_at(Timestamp(0), 2);
    let options = Options { backoff_max: Duration::from_secs(2), ..Options::default() };
    let fails = Run {
        keys: |_| Keys::Conversation,
        buried: |_| Vec::new(),
        run: |_: Turn, _| async { anyhow::bail!("not now") },
    };
    let runner = Runner::new(Arc::clone(&storage), later, options.clone(), fails);
    let handle = runner.start().await.unwrap();
    handle.intake().submit(update("a", 1, "one")).await.unwrap();
    pass(10).await;
    drop(handle);
    let works = Run {
        keys: |_| Keys::Conversation,
        buried: |_| Vec::new(),
        run: |turn: Turn, text: String| async move { apply(&turn, &text).await },
    };
    let runner = Runner::new(Arc::clone(&storage), earlier, options, works);
    let handle = runner.start().await.unwrap();
    pass(3_000).await;
    assert_eq!(applied(&storage, "a").await, ["one"]);
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_failed_try_whose_record_got_no_answer_is_tried_again() {
    // The second commit records the failed try; it is applied and its answer is lost.
    let nth = AtomicUsize::new(0);
    let faulty = Faulty::new(Memory::new(), move |_| {
        let nth = nth.fetch_add(1, Ordering::Relaxed);
        Fate { lost: nth == 1, ..Fate::default() }
    });
    let storage: Arc<dyn Storage> = faulty;
    let handle = start(&storage, Options::default(), |turn, text: String| async move {
        anyhow::ensure!(turn.about().attempt > 1, "the first try fails");
        apply(&turn, &text).await
    })
    .await;
    handle.intake().submit(update("a", 1, "one")).await.unwrap();
    pass(10_000).await;
    assert_eq!(applied(&storage, "a").await, ["one"]);
    assert_all_done(&storage).await;
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn the_doubled_wait_is_bounded_and_never_overflows() {
    let storage = memory();
    let options = Options { backoff: Duration::MAX, backoff_max: Duration::MAX, ..Options::default() };
    let fails = runner(&storage, options, |_, _| async { anyhow::bail!("no") });
    let handle = fails.start().await.unwrap();
    handle.intake().submit(update("a", 1, "one")).await.unwrap();
    pass(10).await;
    assert_eq!((handle.running(), handle.size()), (0, 1), "it waits");
    let left = handle.shutdown(Duration::from_secs(1)).await;
    assert_eq!(left[0].update, ItemId::Number(SPACE, 1));
}

#[tokio::test(start_paused = true)]
async fn a_burial_that_is_refused_is_tried_again_without_the_handler() {
    let refusals = AtomicUsize::new(3);
    let storage: Arc<dyn Storage> = Faulty::new(Memory::new(), move |batch| {
        let buries = batch.writes.iter().any(|write| *write.key().name() == DEAD);
        let left = |refusals: usize| refusals.checked_sub(1).filter(|_| buries);
        let refused = refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok();
        Fate { refused, ..Fate::default() }
    });
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let options = Options { retries: 0, ..Options::default() };
    let handle = start(&storage, options, move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { anyhow::bail!("always") }
    })
    .await;
    handle.intake().submit(update("a", 1, "x")).await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!(dead(&storage).await.len(), 1);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}
