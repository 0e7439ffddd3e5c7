//! The agent whose process ends in the middle of an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::BoxStream;
use tertulia::stream::{End, From};

use super::{Agent, Clock, Room, answered, kinds, seen};
use crate::demo::model::scripted::Scripted;
use crate::demo::model::{Model, ModelError, ModelEvent, Prompt};

/// The script, which counts how often it is asked.
#[derive(Debug)]
struct Counting {
    script: Scripted,
    asked: Arc<AtomicUsize>,
}

impl Model for Counting {
    fn answer(&self, prompt: Prompt) -> BoxStream<'static, Result<ModelEvent, ModelError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.script.answer(prompt)
    }
}

fn agent(pace: u64, asked: &Arc<AtomicUsize>) -> Agent {
    let pace = Duration::from_millis(pace);
    let model = Counting { script: Scripted::new(Clock::system(), pace), asked: Arc::clone(asked) };
    Agent { model: Arc::new(model), ..Agent::scripted(Clock::system(), pace) }
}

impl Room {
    /// Another one on the same storage, in place of this.
    async fn again(self, agent: Agent) -> Self {
        let storage = Arc::clone(&self.storage);
        drop(self);
        Self::on(storage, agent).await
    }

    /// Waits until nothing runs.
    async fn settled(&self) {
        while self.running.size() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Says something, and is gone when the live reply has said something of that kind.
async fn says_until(room: &Room, text: &str, kind: &str) {
    let until = async {
        let live = room.live().await;
        loop {
            let page = live.read(From::Start, tertulia::stream::Limit::PAGE).await.unwrap();
            if page.entries().any(|entry| entry.windows(kind.len()).any(|part| part == kind.as_bytes())) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        said = room.say(text) => panic!("it is over: {said:?}"),
        () = until => {}
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_ended_between_the_model_and_a_tool_goes_on_with_the_tool() {
    let asked = Arc::default();
    let room = Room::with(agent(25, &asked)).await;
    // The search takes its time, the model has had its turn.
    says_until(&room, "search bursts", "preliminary").await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let room = room.again(agent(25, &asked)).await;
    room.settled().await;
    assert_eq!(asked.load(Ordering::Relaxed), 2, "once for the call, and once for the answer");
    let live = room.live().await;
    assert_eq!(live.info().await.unwrap().attempt, 2);
    let (events, end) = seen(&live).await;
    let kinds = kinds(&events);
    assert_eq!(&kinds[..2], ["thinking", "tool_call"], "{kinds:?}");
    assert_eq!(&kinds[kinds.len() - 3..], ["references", "step", "content"], "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "tool_call").count(), 1);
    assert_eq!(end, Some(End::Complete));
    assert!(answered(&events).starts_with("From Turns, Bursts"));
    let kept = room.kept().await;
    assert_eq!((kept.messages, kept.talk.len()), (1, 4));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_ended_after_a_tool_does_not_call_it_again() {
    let asked = Arc::default();
    let room = Room::with(agent(25, &asked)).await;
    says_until(&room, "search bursts", "\"From ").await;
    let begun = tokio::time::Instant::now();
    let room = room.again(agent(0, &asked)).await;
    room.settled().await;
    assert_eq!(asked.load(Ordering::Relaxed), 3, "what was cut is asked for again");
    assert!(begun.elapsed() < Duration::from_millis(100));
    let (events, _) = seen(&room.live().await).await;
    assert_eq!(kinds(&events), ["thinking", "tool_call", "tool_result", "references", "step", "content"]);
    assert_eq!(room.kept().await.talk.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_came_too_late_for_an_answer_is_none_in_the_next_attempt_either() {
    let asked = Arc::default();
    let room = Room::with(agent(25, &asked)).await;
    room.one("note bread").await;
    room.one("delete my notes").await;
    tokio::time::sleep(Duration::from_secs(601)).await;
    tokio::select! {
        said = room.say("search yes") => panic!("it is over: {said:?}"),
        () = tokio::time::sleep(Duration::from_secs(3)) => {}
    }
    let room = room.again(agent(0, &asked)).await;
    room.settled().await;
    let live = room.lives().await.pop().unwrap();
    let (events, _) = seen(&live).await;
    assert_eq!(live.info().await.unwrap().attempt, 2);
    assert_eq!(kinds(&events)[..3], ["tool_result", "thinking", "tool_call"]);
    assert_eq!(events[0].data["denied"], true);
    let kept = room.kept().await;
    assert_eq!((kept.notes.len(), kept.talk.len()), (1, 7));
}

#[tokio::test(start_paused = true)]
async fn a_run_has_no_more_checkpoints_than_somebody_would_look_at() {
    let room = Room::new(0).await;
    for _ in 0..160 {
        room.one("hello").await;
    }
    let graph = crate::demo::agent::graph(agent(0, &Arc::default())).await.unwrap();
    let runs = tertulia::graph::Runs::new(&graph, Arc::clone(&room.storage));
    let id = tertulia::graph::RunId::new(super::ana(), "agent").unwrap();
    let kept = runs.history(id, None, 1_000).await.unwrap();
    assert!((200..400).contains(&kept.len()), "{}", kept.len());
}

#[tokio::test(start_paused = true)]
async fn a_question_is_open_after_a_restart_too() {
    for answer in ["yes", "no"] {
        let asked = Arc::default();
        let room = Room::with(agent(0, &asked)).await;
        room.one("note bread").await;
        assert_eq!(room.one("delete my notes").await, "Shall I delete your note? Say yes or no.");
        let room = room.again(agent(0, &asked)).await;
        room.settled().await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let told = if answer == "yes" { "I have deleted your note." } else { "Then I keep them." };
        assert_eq!(room.one(answer).await, told);
        assert_eq!(room.kept().await.notes.len(), usize::from(answer == "no"));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
