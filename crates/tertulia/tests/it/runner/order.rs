//! Updates of one key run one at a time in arrival order; those of other keys do not wait for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::Clock;
use tertulia::runner::{Keys, Options, Receipt, Runner};
use tertulia::storage::BoxFuture;

use super::support::{Run, applied, apply, assert_all_done, memory, pass, start, update};

#[tokio::test(start_paused = true)]
async fn updates_of_a_chat_run_in_order_and_chats_side_by_side() {
    let storage = memory();
    let ran: Arc<Mutex<HashMap<String, Vec<String>>>> = Arc::default();
    let log = Arc::clone(&ran);
    let handle = start(&storage, Options::default(), move |turn, text| {
        let log = Arc::clone(&log);
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            log.lock().entry(turn.about().conversation.to_string()).or_default().push(text);
            Ok(())
        }
    })
    .await;
    let updates = (0..1_000).map(|n| update(&(n % 10).to_string(), n, &(n / 10).to_string())).collect();
    let receipts = handle.intake().submit_all(updates).await.unwrap();
    assert!(receipts.iter().all(|receipt| *receipt == Receipt::Accepted));
    let started = tokio::time::Instant::now();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!(started.elapsed().as_millis() / 100, 10, "100 updates of 10 ms each, ten chats side by side");
    let expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let ran = ran.lock();
    assert_eq!(ran.len(), 10);
    for order in ran.values() {
        assert_eq!(*order, expected);
    }
}

/// What the jobs of a test with many keys saw.
#[derive(Default)]
struct Seen {
    /// Who holds each key now.
    running: HashMap<usize, usize>,
    /// Which job each key ran last.
    last: HashMap<usize, usize>,
    tries: HashMap<usize, u32>,
    done: usize,
}

const JOBS: usize = 10_000;

/// The keys of a job: 0 to 4 of 50, some twice, in any order.
fn keys_of(job: usize) -> Vec<usize> {
    let mut rng = fastrand::Rng::with_seed(job as u64);
    (0..rng.usize(0..5)).map(|_| rng.usize(0..50)).collect()
}

impl Seen {
    fn begin(&mut self, job: usize) -> u32 {
        let mut keys = keys_of(job);
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            assert_eq!(self.running.insert(key, job), None, "job {job} overlaps at key {key}");
            let last = self.last.insert(key, job);
            assert!(last.is_none_or(|last| last <= job), "key {key}: job {job} after {last:?}");
        }
        let tries = self.tries.entry(job).or_default();
        *tries += 1;
        *tries
    }

    fn end(&mut self, job: usize) {
        for key in keys_of(job) {
            self.running.remove(&key);
        }
    }
}

async fn run_many_keys(options: Options, wait: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
    let storage = memory();
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let log = Arc::clone(&seen);
    let handler = Run {
        keys: |about| {
            let job = std::str::from_utf8(&about.body).unwrap().parse().unwrap();
            Keys::Exactly(keys_of(job).iter().map(|key| key.to_string().into()).collect())
        },
        buried: |_| Vec::new(),
        run: move |_, text: String| {
            let job: usize = text.parse().unwrap();
            let tries = log.lock().begin(job);
            let (log, waited) = (Arc::clone(&log), wait());
            async move {
                waited.await;
                log.lock().end(job);
                if tries == 1 && job.is_multiple_of(13) {
                    anyhow::bail!("the first try fails");
                }
                assert!(tries > 1 || !job.is_multiple_of(17), "the first try panics");
                log.lock().done += 1;
                Ok(())
            }
        },
    };
    let options = Options { backoff: Duration::from_millis(1), ..options };
    let runner = Runner::new(Arc::clone(&storage), Clock::system(), options, handler);
    let handle = runner.start().await.unwrap();
    for jobs in (0..JOBS).collect::<Vec<_>>().chunks(100) {
        let updates = jobs.iter().map(|job| update(&(job % 300).to_string(), *job as i64, &job.to_string()));
        handle.intake().submit_all(updates.collect()).await.unwrap();
    }
    while handle.size() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!((handle.running(), seen.lock().done), (0, JOBS));
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_all_done(&storage).await;
}

fn up_to_5_ms() -> BoxFuture<'static, ()> {
    Box::pin(tokio::time::sleep(Duration::from_millis(fastrand::u64(0..6))))
}

#[tokio::test(start_paused = true)]
async fn f9_jobs_with_many_keys_never_overlap_and_each_key_keeps_the_order_of_arrival() {
    run_many_keys(Options::default(), up_to_5_ms).await;
}

#[tokio::test(start_paused = true)]
async fn jobs_with_many_keys_keep_their_order_when_the_index_is_small() {
    run_many_keys(Options { index_entries: 300, ..Options::default() }, up_to_5_ms).await;
}

#[tokio::test(start_paused = true)]
async fn jobs_with_many_keys_keep_their_order_with_one_slot() {
    run_many_keys(Options { concurrency: 1, ..Options::default() }, up_to_5_ms).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jobs_with_many_keys_keep_their_order_on_many_threads() {
    for index_entries in [300, 65_536] {
        let options = Options { index_entries, ..Options::default() };
        run_many_keys(options, || {
            Box::pin(async {
                for _ in 0..fastrand::u8(0..4) {
                    tokio::task::yield_now().await;
                }
            })
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hung_chat_with_600_waiting_does_not_hold_up_the_others() {
    let storage = memory();
    let handle = start(&storage, Options::default(), move |turn, text| async move {
        if text == "hang" {
            std::future::pending::<()>().await;
        }
        apply(&turn, &text).await
    })
    .await;
    let mut updates = vec![update("hung", 0, "hang")];
    updates.extend((1..600).map(|n| update("hung", n, "behind")));
    updates.extend((0..100).map(|n| update(&format!("other{n}"), 1_000 + n, "hello")));
    handle.intake().submit_all(updates).await.unwrap();
    pass(1_000).await;
    for n in 0..100 {
        assert_eq!(applied(&storage, &format!("other{n}")).await, ["hello"]);
    }
    assert_eq!((handle.size(), handle.running()), (600, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hung_chat_that_holds_most_of_the_index_does_not_hold_up_the_others() {
    let storage = memory();
    let options = Options { index_entries: 300, ..Options::default() };
    let handle = start(&storage, options, move |turn, text| async move {
        if text == "hang" {
            std::future::pending::<()>().await;
        }
        apply(&turn, &text).await
    })
    .await;
    let hung = (0..280).map(|n| update("hung", n, "hang")).collect();
    handle.intake().submit_all(hung).await.unwrap();
    let others = (0..200).map(|n| update("other", 1_000 + n, &n.to_string())).collect();
    let submit = handle.intake().submit_all(others);
    tokio::time::timeout(Duration::from_secs(1), submit).await.expect("20 fit at a time").unwrap();
    pass(100).await;
    assert_eq!(applied(&storage, "other").await.len(), 200);
    assert_eq!(handle.size(), 280);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_for_room_is_woken_when_the_last_that_is_ready_begins_to_wait() {
    let storage = memory();
    let options = Options { index_entries: 300, ..Options::default() };
    let handle = start(&storage, options, move |_, text| async move {
        if text == "hang" {
            std::future::pending::<()>().await;
        }
        Ok(())
    })
    .await;
    let hung = (0..262).map(|n| update("hung", n, "hang")).collect();
    handle.intake().submit_all(hung).await.unwrap();
    // Of the first 38, for which there is room, 13 end and 25 hang, while the last 10 wait for room.
    let text = |n| if (13..38).contains(&n) { "hang" } else { "ends" };
    let others = (0..48).map(|n| update(&n.to_string(), 1_000 + n, text(n))).collect();
    let submit = handle.intake().submit_all(others);
    tokio::time::timeout(Duration::from_secs(1), submit).await.expect("13 are free").unwrap();
    pass(10).await;
    assert_eq!((handle.size(), handle.running()), (262 + 25, 26));
}

#[tokio::test(start_paused = true)]
async fn the_index_is_never_fuller_than_its_bound() {
    let storage = memory();
    let options = Options { index_entries: 64, ..Options::default() };
    let handle = Arc::new(
        start(&storage, options, |_, _| async {
            pass(1).await;
            Ok(())
        })
        .await,
    );
    let intake = handle.intake().clone();
    let submitted = tokio::spawn(async move {
        let updates = (0..1_000).map(|n| update(&n.to_string(), n, "")).collect();
        intake.submit_all(updates).await.unwrap()
    });
    while !submitted.is_finished() {
        assert!(handle.size() <= 64, "{} updates are in the index", handle.size());
        pass(1).await;
    }
    assert!(submitted.await.unwrap().iter().all(|receipt| *receipt == Receipt::Accepted));
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_chat_see_their_updates_run_in_the_order_of_their_receipts() {
    let storage = memory();
    let options = Options { waiting: 1_500, ..Options::default() };
    let handle = start(&storage, options, |turn, text| async move { apply(&turn, &text).await }).await;
    let receipts: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..300 {
        let (intake, receipts) = (handle.intake().clone(), Arc::clone(&receipts));
        callers.spawn(async move {
            for n in 0..5 {
                let text = format!("{caller}/{n}");
                intake.submit(update("one", caller * 10 + n, &text)).await.unwrap();
                receipts.lock().push(text);
            }
        });
    }
    callers.join_all().await;
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    let applied = applied(&storage, "one").await;
    assert_eq!(applied.len(), 1_500);
    // Receipts of one commit are given together, so callers note them in any order; each caller waits for its own.
    let place = |text: &str| applied.iter().position(|other| other == text).unwrap();
    for caller in 0..300 {
        for n in 1..5 {
            assert!(place(&format!("{caller}/{}", n - 1)) < place(&format!("{caller}/{n}")));
        }
    }
    let receipts = receipts.lock();
    for (nth, text) in receipts.iter().enumerate() {
        assert!(
            place(text).abs_diff(nth) < 300,
            "{text} has receipt {nth} and ran as number {}",
            place(text)
        );
    }
}
