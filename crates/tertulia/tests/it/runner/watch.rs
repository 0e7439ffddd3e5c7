//! The watchdog and the counters.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use parking_lot::Mutex;

use tertulia::runner::{AfterRetries, Incoming, Options};

use super::support::{apply, memory, pass, start, update};

/// Keeps what was recorded, by name and labels.
#[derive(Default)]
struct Records(Mutex<HashMap<String, Arc<AtomicU64>>>);

impl Records {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let mut name = key.name().to_owned();
        for label in key.labels() {
            let _ = write!(name, " {}", label.value());
        }
        Arc::clone(self.0.lock().entry(name).or_default())
    }

    fn count(&self, name: &str) -> u64 {
        self.0.lock().get(name).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    fn gauge(&self, name: &str) -> f64 {
        f64::from_bits(self.count(name))
    }
}

impl Recorder for Records {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_is_counted() {
    let records = Records::default();
    // Counters are looked up when a runner starts.
    let _local = metrics::set_default_local_recorder(&records);
    let storage = memory();
    let options = Options { waiting: 3, retries: 1, after_retries: AfterRetries::Park, ..Options::default() };
    let handle = start(&storage, options, |turn, text| async move {
        anyhow::ensure!(text != "poison", "it is poison");
        apply(&turn, &text).await
    })
    .await;
    let intake = handle.intake();
    for id in 1..=2 {
        intake.submit(update("a", id, "fine")).await.unwrap();
        intake.submit(update("a", id, "fine")).await.unwrap();
    }
    pass(1).await;
    for id in 3..=5 {
        intake.submit(update("a", id, "poison")).await.unwrap();
    }
    intake.submit(update("a", 6, "x")).await.unwrap_err();
    intake.submit(Incoming { fault: Some("no update".to_owned()), ..update("b", 7, "?") }).await.unwrap();
    intake.submit(update("c", 8, "not text \u{0}")).await.unwrap();
    pass(60_000).await;
    let counted = |name| records.count(name);
    assert_eq!(counted("tertulia_updates_total accepted"), 6);
    assert_eq!(counted("tertulia_updates_total seen"), 2);
    assert_eq!(counted("tertulia_updates_total refused"), 1);
    assert_eq!(counted("tertulia_updates_total dead"), 1);
    assert_eq!(counted("tertulia_turns_total applied"), 3);
    assert_eq!(counted("tertulia_turns_total failed"), 2);
    assert_eq!(counted("tertulia_turns_total parked"), 1);
    let stats = handle.stats();
    assert_eq!((stats.updates, stats.parked), (3, 1));
    assert_eq!(
        (records.gauge("tertulia_updates known"), records.gauge("tertulia_updates parked")),
        (3.0, 1.0)
    );
    assert_eq!(records.gauge("tertulia_oldest_update_seconds"), stats.oldest.unwrap().as_secs_f64());
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_runs_for_long_is_told_once_and_one_that_ends_is_not() {
    let records = Records::default();
    let _local = metrics::set_default_local_recorder(&records);
    let options = Options { stalled: Duration::from_secs(60), ..Options::default() };
    let handle = start(&memory(), options, |_, text| async move {
        pass(text.parse().unwrap()).await;
        Ok(())
    })
    .await;
    handle.intake().submit(update("a", 1, "40000")).await.unwrap();
    handle.intake().submit(update("a", 2, "40000")).await.unwrap();
    handle.intake().submit(update("b", 3, "200000")).await.unwrap();
    pass(59_000).await;
    assert_eq!(records.count("tertulia_stalls_total"), 0);
    pass(200_000).await;
    assert_eq!(records.count("tertulia_stalls_total"), 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_told_when_no_turn_ends_though_updates_are_ready() {
    let records = Records::default();
    let _local = metrics::set_default_local_recorder(&records);
    let options = Options { stalled: Duration::from_secs(60), concurrency: 2, ..Options::default() };
    let handle = start(&memory(), options, |_, _| async {
        pass(50_000).await;
        Ok(())
    })
    .await;
    for id in 0..4 {
        handle.intake().submit(update(&id.to_string(), id, "")).await.unwrap();
    }
    pass(100_000).await;
    assert!(records.count("tertulia_stalls_total") > 0);
    let told = records.count("tertulia_stalls_total");
    pass(200_000).await;
    assert_eq!(records.count("tertulia_stalls_total"), told, "nothing is ready any more");
}
