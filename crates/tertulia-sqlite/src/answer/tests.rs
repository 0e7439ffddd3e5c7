//! Who is answered by whom, with runtimes that run, stand still or are gone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

use tertulia::Result;
use tertulia::storage::Committed;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot::Receiver;
use tokio::task::yield_now;

use super::{Answer, Answers, Caller};

type Waiting = Receiver<Result<Committed>>;

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// What is sent to this many callers of a runtime, and what they wait for.
fn callers(runtime: &Runtime, count: usize) -> (Vec<Answer>, Vec<Waiting>) {
    let _inside = runtime.enter();
    let callers = (0..count).map(|_| Caller::new());
    callers.map(|(caller, waiting)| ((caller, Ok(Committed::default())), waiting)).unzip()
}

/// How many have their answer.
fn answered(waiting: &mut [Waiting]) -> usize {
    waiting.iter_mut().filter_map(|waiting| waiting.try_recv().ok()).filter(Result::is_ok).count()
}

#[test]
fn the_callers_of_a_runtime_are_answered_by_one_task_of_it() {
    let (here, mut answers) = (runtime(), Answers::default());
    let (sent, mut waiting) = callers(&here, 64);
    answers.send(sent.into_iter());
    assert_eq!(answered(&mut waiting), 0);
    assert_eq!(here.metrics().num_alive_tasks(), 1);
    here.block_on(yield_now());
    assert_eq!(answered(&mut waiting), 64);
    assert_eq!(here.metrics().num_alive_tasks(), 0);
}

#[test]
fn a_caller_alone_in_its_runtime_or_outside_of_any_is_answered_at_once() {
    let (here, mut answers) = (runtime(), Answers::default());
    let (mut sent, mut waiting) = callers(&here, 1);
    for _ in 0..2 {
        let (caller, outside) = Caller::new();
        sent.push((caller, Ok(Committed::default())));
        waiting.push(outside);
    }
    answers.send(sent.into_iter());
    assert_eq!(answered(&mut waiting), 3);
    assert!(!answers.are_under_way());
}

#[test]
fn a_caller_that_gave_up_keeps_nobody_waiting() {
    let (here, mut answers) = (runtime(), Answers::default());
    let (sent, mut waiting) = callers(&here, 3);
    drop(waiting.remove(0));
    answers.send(sent.into_iter());
    drop(waiting.remove(0));
    here.block_on(yield_now());
    assert_eq!(answered(&mut waiting), 1);
}

#[test]
fn a_runtime_that_stands_still_keeps_no_other_waiting() {
    let (still, running, mut answers) = (runtime(), runtime(), Answers::default());
    let (sent_still, mut waiting_still) = callers(&still, 2);
    let (sent_running, mut waiting_running) = callers(&running, 2);
    let mixed = sent_still.into_iter().zip(sent_running).flat_map(|(still, running)| [still, running]);
    answers.send(mixed);
    running.block_on(yield_now());
    assert_eq!(answered(&mut waiting_running), 2);
    assert_eq!(answered(&mut waiting_still), 0);
}

#[test]
fn what_a_runtime_does_not_bring_is_brought_by_the_sender() {
    type Later = fn(&mut Answers);
    let later: [Later; 3] = [
        |answers| answers.bring(),
        |answers| answers.send(std::iter::empty()),
        |answers| drop(std::mem::take(answers)),
    ];
    for later in later {
        let (still, mut answers) = (runtime(), Answers::default());
        let (sent, mut waiting) = callers(&still, 2);
        answers.send(sent.into_iter());
        assert!(answers.are_under_way());
        assert_eq!(answered(&mut waiting), 0);
        later(&mut answers);
        assert!(!answers.are_under_way());
        assert_eq!(answered(&mut waiting), 2);
    }
}

#[test]
fn a_runtime_that_shuts_down_leaves_no_answer_behind() {
    let (before, after, mut answers) = (runtime(), runtime(), Answers::default());
    let (mut sent, mut waiting) = callers(&before, 2);
    let (sent_after, waiting_after) = callers(&after, 2);
    sent.extend(sent_after);
    waiting.extend(waiting_after);
    drop(before);
    answers.send(sent.into_iter());
    assert_eq!(answered(&mut waiting), 2);
    drop(after);
    assert_eq!(answered(&mut waiting), 2);
}
