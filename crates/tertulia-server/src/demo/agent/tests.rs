//! The agent behind a bot over HTTP, with the script as its model, on a clock that does not wait.

mod approvals;
mod endpoint;
mod restarts;
mod script;

use std::sync::Arc;
use std::time::Duration;

use tertulia::bot::{Bot, Running};
use tertulia::session::View;
use tertulia::storage::{Memory, Storage};
use tertulia::stream::{End, Event, EventKind, Followed, From, Stream, StreamId};
use tertulia::{Clock, Conversation, Sessions};
use tertulia_http::{Http, Message, Options, exchange};

use super::Agent;
use crate::demo::{Demo, SESSION, demo};

/// A running bot.
struct Room {
    running: Running,
    storage: Arc<dyn Storage>,
}

impl Room {
    /// With the script, at this pace.
    async fn new(pace: u64) -> Self {
        Self::with(Agent::scripted(Clock::system(), Duration::from_millis(pace))).await
    }

    async fn with(agent: Agent) -> Self {
        let memory = Memory::with(Clock::system(), Default::default(), Memory::DEFAULT_MAX_BYTES);
        Self::on(Arc::new(memory), agent).await
    }

    /// On what another has left.
    async fn on(storage: Arc<dyn Storage>, agent: Agent) -> Self {
        let bot = Bot::new(Http).storage(Arc::clone(&storage)).clock(Clock::system());
        Self { running: demo(bot, agent).await.unwrap().start().await.unwrap(), storage }
    }

    /// Says something in `http:ana`, and gives the replies.
    async fn say(&self, text: &str) -> Vec<String> {
        let options = Options::new();
        let said = exchange(self.running.door(), &ana(), &Message::new(text), None, &options).await;
        said.unwrap().replies.into_iter().map(|reply| reply.text).collect()
    }

    /// The only reply.
    async fn one(&self, text: &str) -> String {
        let mut replies = self.say(text).await;
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0)
    }

    /// What is kept of `http:ana`.
    async fn kept(&self) -> View<Demo> {
        Sessions::<Demo>::new(Arc::clone(&self.storage), SESSION).unwrap().get("http:ana").await.unwrap()
    }

    /// The live replies so far, oldest first.
    async fn lives(&self) -> Vec<Stream> {
        let door = self.running.door();
        let mut found = Vec::new();
        for (_, entry) in door.live(&ana(), 0).await.unwrap().entries {
            let id = StreamId::new(ana(), &entry.stream).unwrap();
            found.extend(door.streams.get(&id).await.unwrap());
        }
        found
    }

    /// The only live reply, once it has begun.
    async fn live(&self) -> Stream {
        loop {
            if let Some(stream) = self.lives().await.pop() {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn ana() -> Conversation {
    Conversation::new("http", "ana").unwrap()
}

/// What a reader sees until the end; events of one kind in a row are one.
async fn seen(stream: &Stream) -> (Vec<Event>, Option<End>) {
    let mut tail = stream.tail(From::Start);
    let mut seen: Vec<Event> = Vec::new();
    while let Some(followed) = tail.next().await.unwrap() {
        let Followed::Page(page) = followed else {
            seen.clear();
            continue;
        };
        for entry in page.entries() {
            let mut event = Event::decode(&entry).unwrap();
            event.at = None;
            match seen.last_mut().filter(|last| last.kind == event.kind && last.id == event.id) {
                Some(last) if !event.content.is_empty() => last.content.push_str(&event.content),
                _ => seen.push(event),
            }
        }
    }
    (seen, tail.ended())
}

/// The kinds of these events.
fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

/// What was answered in them.
fn answered(events: &[Event]) -> String {
    let content = events.iter().filter(|event| event.kind == EventKind::Content);
    content.map(|event| event.content.as_str()).collect()
}

#[tokio::test]
async fn the_documentation_shows_the_graph() {
    let graph = super::graph(Agent::scripted(Clock::system(), Duration::ZERO)).await.unwrap();
    let picture = graph.shape().mermaid();
    let told = include_str!("../../../../../docs/agent.md");
    assert!(told.contains(&format!("```mermaid\n{picture}```")), "{picture}");
}
