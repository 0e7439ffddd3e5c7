//! Two runners over one storage: nothing is lost, nothing is counted twice.

use std::time::Duration;

use tertulia::runner::{INBOX, Options, Turn};

use super::support::{applied, apply_after, assert_all_done, memory, pass, queued, start, update};

#[tokio::test(start_paused = true)]
async fn two_runners_apply_each_update_once_in_the_order_of_the_inbox() {
    for seed in 0..10 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let storage = memory();
        let run = |turn, text: String| async move { apply_after(&turn, &text, 1).await };
        let options = Options { backoff: Duration::from_millis(5), ..Options::default() };
        let runners = [start(&storage, options.clone(), run).await, start(&storage, options, run).await];
        for n in 0..100 {
            let text = n.to_string();
            rng.choice(&runners).unwrap().intake().submit(update("one", n, &text)).await.unwrap();
        }
        while queued(&storage, INBOX).await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        assert_eq!(applied(&storage, "one").await, expected, "seed {seed}");
        for runner in runners {
            assert_eq!(runner.shutdown(Duration::from_secs(60)).await, []);
        }
        assert_all_done(&storage).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_of_two_runners_puts_off_is_not_overtaken_by_the_other() {
    for seed in 0..10 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let storage = memory();
        // One fails at once, which it records; the other is slower, and meets that record when it commits.
        let run = |fails: bool| {
            move |turn: Turn, text: String| async move {
                anyhow::ensure!(!fails || turn.about().attempt > 1, "not at the first try");
                apply_after(&turn, &text, 3).await
            }
        };
        let options = Options { backoff: Duration::from_millis(50), ..Options::default() };
        let runners =
            [start(&storage, options.clone(), run(true)).await, start(&storage, options, run(false)).await];
        for n in 0..60 {
            let text = n.to_string();
            rng.choice(&runners).unwrap().intake().submit(update("one", n, &text)).await.unwrap();
        }
        // The one leaves in the middle: what it had put off is the other's, which finds all that was brought to the
        // first when something is brought to itself.
        let [one, two] = runners;
        pass(rng.u64(10..60)).await;
        one.shutdown(Duration::ZERO).await;
        drop(one);
        two.intake().submit(update("one", 60, "60")).await.unwrap();
        let mut waited = 0;
        while queued(&storage, INBOX).await > 0 {
            pass(10).await;
            waited += 10;
            assert!(waited < 60_000, "seed {seed}: an update is left in the inbox and nobody runs it");
        }
        let expected: Vec<String> = (0..=60).map(|n| n.to_string()).collect();
        assert_eq!(applied(&storage, "one").await, expected, "seed {seed}");
        assert_eq!(two.shutdown(Duration::from_secs(60)).await, []);
    }
}
