//! [`Faulty`] at random: repeatable, in the proportions asked, and never worse than it says.

use std::sync::Arc;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Batch, CommitId, LogWrite, Memory, Page, Read, Storage};
use tertulia::{Key, Name, Shard};
use tertulia_testkit::{Call, Faulty, Rates};

const RATES: Rates = Rates {
    refuse: 100,
    lose_request: 100,
    lose_answer: 100,
    delay: 100,
    max_delay: Duration::from_millis(10),
};

/// Appends `0`, `1`, .. to one log, each once; gives how each commit was answered and which entries are there.
async fn append_a_thousand(seed: u64, rates: Rates) -> (Vec<Option<Kind>>, Vec<u64>, u64) {
    let storage = Faulty::seeded(Arc::new(Memory::new()), seed, rates);
    let key = Key::ShardLog(Shard(0), Name::from_static("log"));
    let mut answers = Vec::new();
    for id in 0..1_000_u64 {
        let write = LogWrite::new(key.clone()).append(id.to_string());
        let result = storage.commit(Batch::new(CommitId(id), vec![write.into()])).await;
        answers.push(result.err().map(|error| error.kind()));
    }
    let (calls, faults) = (storage.calls(Call::Commit), storage.faults());
    assert_eq!(calls, 1_000);
    storage.heal();
    let mut results = storage.read(&[Read::new(key)]).await.expect("it can be read");
    let page = results.remove(0).expect("it can be read").and_then(Page::into_log).expect("it is there");
    let entries =
        page.entries.iter().map(|entry| String::from_utf8_lossy(entry).parse().expect("a number")).collect();
    (answers, entries, faults)
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_fails_the_same_calls() {
    let (first, again) = (append_a_thousand(7, RATES).await, append_a_thousand(7, RATES).await);
    assert_eq!(first, again);
    assert_ne!(first, append_a_thousand(8, RATES).await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_says_what_happened_or_that_nobody_knows() {
    let (answers, entries, faults) = append_a_thousand(1, RATES).await;
    let (mut unknown_and_there, mut unknown_and_not) = (0, 0);
    for (id, answer) in (0_u64..).zip(&answers) {
        match (answer, entries.contains(&id)) {
            (None, true) | (Some(Kind::Unavailable), false) => {}
            (Some(Kind::Unknown), true) => unknown_and_there += 1,
            (Some(Kind::Unknown), false) => unknown_and_not += 1,
            (answer, there) => panic!("commit {id} was answered {answer:?} and is there: {there}"),
        }
    }
    let expected = 60..140;
    assert!(expected.contains(&unknown_and_there), "{unknown_and_there}");
    assert!(expected.contains(&unknown_and_not), "{unknown_and_not}");
    assert!((320..480).contains(&faults), "{faults}");
}

#[tokio::test]
async fn without_rates_nothing_fails() {
    let (answers, entries, faults) = append_a_thousand(1, Rates::default()).await;
    assert!(answers.iter().all(Option::is_none));
    assert_eq!((entries.len(), faults), (1_000, 0));
}
