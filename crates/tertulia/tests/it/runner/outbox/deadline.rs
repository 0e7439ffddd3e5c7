//! Deadlines: a call that is not made in time goes to dead and says so, and its conversation goes on.

use std::time::Duration;

use tertulia::runner::{DEAD, OUTBOX, Options};

use super::super::support::{Diary, assert_all_done, dead, memory, pass, queued, update};
use super::{answering, listing, noting, too_many, unavailable, unknown};

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_until_its_deadline_goes_to_dead_then_and_the_conversation_goes_on() {
    let storage = memory();
    let tries = Diary::default();
    let platform = answering(&tries, |body, _| if body == "late" { unavailable() } else { Ok(()) });
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    handle.intake().submit(update("a", 1, "late~100 next")).await.unwrap();
    pass(99_900).await;
    assert_eq!((queued(&storage, DEAD).await, handle.calls()), (0, 2));
    pass(200).await;
    assert_eq!((queued(&storage, DEAD).await, handle.calls()), (1, 0), "and not when the next try was due");
    let tried = tries.of("a");
    assert_eq!((tried.len(), tried.last().map(String::as_str)), (8, Some("next")));
    let dead = dead(&storage).await;
    assert_eq!(dead[0].error, "the call was not made before its deadline; the last of 7 tries: no network");
    assert_eq!((dead[0].attempts, handle.call_stats().dead), (7, 1));
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_wants_a_call_later_than_its_deadline_does_not_get_it() {
    let storage = memory();
    let tries = Diary::default();
    let platform = answering(&tries, |body, _| if body == "late" { too_many(3_600) } else { unknown() });
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    handle.intake().submit_all(vec![update("a", 1, "late~60"), update("b", 1, "lost~60")]).await.unwrap();
    pass(60_100).await;
    let mut errors: Vec<String> = dead(&storage).await.into_iter().map(|dead| dead.error).collect();
    errors.sort_unstable();
    assert_eq!(
        errors,
        [
            "the call was not made before its deadline, as far as anybody knows; the last of 6 tries: the \
             connection broke",
            "the call was not made before its deadline; the last of 1 tries: too many requests",
        ]
    );
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_process_finds_after_a_day_is_not_made_and_one_with_more_time_is() {
    let storage = memory();
    let without = listing(&storage, Options::default()).start().await.unwrap();
    without.intake().submit(update("a", 1, "day week~604800 minute~60")).await.unwrap();
    assert_eq!(without.shutdown(Duration::from_secs(1)).await, []);
    let clock_of_the_next_process = 24 * 60 * 60 * 1_000 + 1;
    pass(clock_of_the_next_process).await;
    let sent = Diary::default();
    let clock = tertulia::Clock::starting_at(
        tertulia::Clock::system().now().after(Duration::from_millis(clock_of_the_next_process)),
        1,
    );
    let handler = super::super::support::Run {
        run: super::call_listed,
        keys: |_| tertulia::runner::Keys::Conversation,
        buried: |_| Vec::new(),
    };
    let runner = tertulia::runner::Runner::new(storage.clone(), clock, Options::default(), handler);
    let handle = runner.sender("test", noting(&sent)).start().await.unwrap();
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_eq!(sent.of("a"), ["week"]);
    assert_eq!((queued(&storage, DEAD).await, queued(&storage, OUTBOX).await), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_made_in_time_is_made() {
    let storage = memory();
    let tries = Diary::default();
    let platform = answering(&tries, |_, nth| if nth < 5 { unavailable() } else { Ok(()) });
    let handle = listing(&storage, Options::default()).sender("test", platform).start().await.unwrap();
    handle.intake().submit(update("a", 1, "in~100")).await.unwrap();
    pass(100_000).await;
    assert_eq!(tries.of("a").len(), 5);
    assert_eq!(handle.shutdown(Duration::from_secs(1)).await, []);
    assert_all_done(&storage).await;
}
