use std::time::Duration;

use serde_json::json;
use tertulia::bot::Bot;
use tertulia::stream::{End, StreamId};
use tertulia_testkit::Desk;

use super::{Agent, Clock, Room, demo, kinds, seen};
use crate::demo::model::Role;
use crate::demo::model::scripted::HELP;

const SURE: &str = "Shall I delete your 2 notes? Say yes or no.";

async fn with_notes() -> Room {
    let room = Room::new(0).await;
    room.one("note bread").await;
    room.one("note milk").await;
    room
}

#[tokio::test(start_paused = true)]
async fn notes_are_deleted_once_that_is_approved_and_the_answer_goes_on() {
    let room = with_notes().await;
    assert_eq!(room.one("delete my notes").await, SURE);
    assert_eq!(room.one("Yes.").await, "I have deleted your 2 notes.");
    let kept = room.kept().await;
    assert!(kept.notes.is_empty() && kept.asked.is_none());
    let said: Vec<_> = kept.talk.tail().iter().map(|message| message.role).collect();
    assert_eq!(said, [Role::User, Role::Assistant, Role::Tool, Role::Assistant]);
    let lives = room.lives().await;
    let [first, second] = &*lives else { panic!("{lives:?}") };
    let (before, ended) = seen(first).await;
    assert_eq!(kinds(&before), ["thinking", "tool_input", "tool_call", "approval"]);
    assert_eq!(ended, Some(End::Complete));
    let (after, _) = seen(second).await;
    assert_eq!(kinds(&after), ["tool_result", "step", "content"]);
    assert_eq!((&after[0].id, &after[0].data["output"]), (&before[2].id, &json!({ "deleted": 2 })));
}

#[tokio::test(start_paused = true)]
async fn while_a_question_is_open_nothing_runs() {
    let room = with_notes().await;
    assert_eq!(room.one("delete my notes").await, SURE);
    assert_eq!(room.running.size(), 0);
    let lives = room.lives().await;
    assert_eq!(seen(&lives[0]).await.1, Some(End::Complete));
    assert_eq!(room.kept().await.messages, 3, "the turn is over, and what it did is stored");
}

#[tokio::test(start_paused = true)]
async fn anything_else_than_a_yes_keeps_them() {
    for answer in ["no", "yes and no"] {
        let room = with_notes().await;
        assert_eq!(room.one("forget my notes").await, SURE);
        assert_eq!(room.one(answer).await, "Then I keep them.");
        assert_eq!(room.kept().await.notes, ["bread", "milk"], "{answer:?}");
        let last = room.lives().await.pop().unwrap();
        assert_eq!(seen(&last).await.0[0].data["denied"], true);
        assert_eq!(room.one("count").await, "4 messages, with this one.");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_said_after_the_time_for_an_answer_is_no_answer() {
    let room = with_notes().await;
    assert_eq!(room.one("forget my notes").await, SURE);
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert_eq!(room.one("count").await, "4 messages, with this one.");
    assert_eq!(room.one("yes").await, HELP, "it is a message like any other");
    let kept = room.kept().await;
    assert_eq!((&*kept.notes, kept.asked.is_none()), (&["bread".into(), "milk".into()][..], true));
    // The model is told what became of its call.
    let said: Vec<_> = kept.talk.tail().iter().map(|message| message.role).collect();
    assert_eq!(said, [Role::User, Role::Assistant, Role::Tool, Role::User, Role::Assistant]);
    let last = room.lives().await.pop().unwrap();
    assert_eq!(seen(&last).await.0[0].data["denied"], true);
}

#[tokio::test(start_paused = true)]
async fn a_question_can_be_stopped() {
    let room = with_notes().await;
    assert_eq!(room.one("delete my notes").await, SURE);
    assert_eq!(room.one("stop").await, "Stopped.");
    assert_eq!(room.one("stop").await, "There is nothing to stop.");
    assert_eq!(room.one("yes").await, HELP);
    assert_eq!(room.kept().await.notes.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_was_forgotten_with_the_rest_is_in_no_prompt() {
    let room = with_notes().await;
    assert_eq!(room.one("delete my notes").await, SURE);
    tokio::time::sleep(Duration::from_secs(601)).await;
    room.one("forget me").await;
    room.one("yes").await;
    room.one("hello").await;
    let talk = &room.kept().await.talk;
    assert_eq!(talk.len(), 2, "{talk:?}");
}

#[tokio::test(start_paused = true)]
async fn where_there_are_no_notes_nobody_is_asked() {
    let room = Room::new(0).await;
    assert_eq!(room.one("delete my notes").await, "There were no notes.");
}

#[tokio::test(start_paused = true)]
async fn a_button_answers_its_own_question_and_no_other() {
    let desk = Desk::new();
    let agent = Agent::scripted(Clock::system(), Duration::ZERO);
    let running = demo(Bot::new(desk.clone()), agent).await.unwrap().start().await.unwrap();
    let submit = async |text: &str| {
        running.door().intake.submit(Desk::update("desk:7", text).unwrap()).await.unwrap();
    };
    let said = async |text: &str| {
        for _ in 0..10_000 {
            if desk.sent().iter().any(|(_, sent)| sent == text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("{text:?} is not in {:?}", desk.sent());
    };
    // The question of the last live reply.
    let asked = async |count: usize| {
        loop {
            let conversation = "desk:7".try_into().unwrap();
            let lives = running.door().live(&conversation, 0).await.unwrap().entries;
            if let Some((_, entry)) = lives.get(count - 1) {
                let id = StreamId::new(conversation, &entry.stream).unwrap();
                let stream = running.door().streams.get(&id).await.unwrap().unwrap();
                let (events, _) = seen(&stream).await;
                return events.last().unwrap().data["approval"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    submit("note bread").await;
    submit("delete my notes").await;
    let first = asked(1).await;
    submit(&format!(">deny:{first} not now")).await;
    said("Then I keep them.").await;
    submit("delete my notes").await;
    let second = asked(3).await;
    submit(&format!(">approve:{first}")).await;
    submit(&format!(">approve:{second}")).await;
    said("I have deleted your note.").await;
    said("That question is over.").await;
}
