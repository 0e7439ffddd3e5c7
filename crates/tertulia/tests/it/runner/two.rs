//! Two runners over one storage: nothing is lost, nothing is counted twice.

use std::time::Duration;

use tertulia::runner::{INBOX, Options};

use super::support::{applied, apply_after, assert_all_done, memory, queued, start, update};

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
