//! What steps say, on its way to hooks, to whoever follows the call, and to a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::graph::step::Says;
use crate::graph::{Graph, Item, Point, Sink, Step};
use crate::storage::BoxFuture;
use crate::stream::{Event, EventKind};
use crate::{Error, Result};

/// Where goes what the steps of a call say.
pub(super) struct Out<S> {
    graph: Graph<S>,
    sink: Option<Arc<dyn Sink>>,
    follower: Option<mpsc::Sender<Item>>,
    /// How much the step has said.
    items: AtomicU64,
    /// What a hook failed with first.
    failed: Mutex<Option<anyhow::Error>>,
    /// What is told to those who are awaited when the step is over.
    later: Mutex<Vec<Later>>,
    said: Mutex<Said>,
}

/// What is said for a sink, which may have to be said again.
#[derive(Default)]
struct Said {
    /// By steps that are over.
    stands: Vec<Event>,
    /// By the one that runs.
    new: Vec<Event>,
}

enum Later {
    SpanStarted(String),
    SpanEnded(String),
    Attribute(String, Value),
}

impl<S> Out<S> {
    pub(super) fn new(
        graph: &Graph<S>,
        sink: Option<Arc<dyn Sink>>,
        follower: Option<mpsc::Sender<Item>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            graph: graph.clone(),
            sink,
            follower,
            items: AtomicU64::new(0),
            failed: Mutex::default(),
            later: Mutex::default(),
            said: Mutex::default(),
        })
    }

    /// Whether there are hooks.
    pub(super) fn is_watched(&self) -> bool {
        !self.graph.hooks().is_empty() || !self.graph.async_hooks().is_empty()
    }

    /// Tells all hooks.
    pub(super) async fn tell(&self, point: &Point<'_>) {
        self.tell_at_once(point);
        for hook in self.graph.async_hooks() {
            let heard = hook(point).await;
            self.heard(heard);
        }
    }

    fn tell_at_once(&self, point: &Point<'_>) {
        for hook in self.graph.hooks() {
            self.heard(hook(point));
        }
    }

    fn heard(&self, heard: crate::graph::Result) {
        if let Err(error) = heard {
            let mut failed = self.failed.lock();
            match &*failed {
                None => *failed = Some(error),
                Some(_) => tracing::warn!(%error, "a hook of a graph failed too"),
            }
        }
    }

    /// What a hook failed with, once.
    pub(super) fn take_failed(&self) -> Option<anyhow::Error> {
        self.failed.lock().take()
    }

    /// A try of a step is over: it says no more.
    pub(super) async fn end(&self, step: &Step) {
        let items = self.items.load(Ordering::Relaxed);
        if items > 0 {
            self.items.store(0, Ordering::Relaxed);
        }
        if !self.is_watched() {
            return;
        }
        if items > 0 {
            self.tell(&Point::StreamEnded { step, items }).await;
        }
        let later = std::mem::take(&mut *self.later.lock());
        for later in &later {
            let point = match later {
                Later::SpanStarted(name) => Point::SpanStarted { step, name },
                Later::SpanEnded(name) => Point::SpanEnded { step, name },
                Later::Attribute(name, value) => Point::Attribute { step, name, value },
            };
            for hook in self.graph.async_hooks() {
                let heard = hook(&point).await;
                self.heard(heard);
            }
        }
    }

    /// What a try has said does not count.
    pub(super) async fn superseded(&self, step: &Step) -> Result<()> {
        let Some(sink) = &self.sink else { return Ok(()) };
        let stands = {
            let mut said = self.said.lock();
            if said.new.is_empty() {
                return Ok(());
            }
            said.new.clear();
            said.stands.clone()
        };
        sink.superseded(step, &stands).await
    }

    /// What the step that has just ended said, to be stored; from now on it stands.
    pub(super) fn said(&self) -> String {
        let mut said = self.said.lock();
        if said.new.is_empty() {
            return String::new();
        }
        let new = joined(std::mem::take(&mut said.new));
        let text = encode(&new);
        said.stands.extend(new);
        text
    }

    /// Says what steps have said that were run by somebody who did not come to the end.
    pub(super) async fn again(&self, said: &[String]) -> Result<()> {
        let Some(sink) = &self.sink else { return Ok(()) };
        let mut stands = Vec::new();
        for said in said {
            stands.extend(decode(said)?);
        }
        if !stands.is_empty() {
            sink.again(&stands).await?;
        }
        self.said.lock().stands = stands;
        Ok(())
    }
}

/// Pieces of one text as one event, and without what is said again whole: the input of a call as it was written, and how far a
/// call was.
fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::with_capacity(events.len());
    for event in events {
        let is_text = matches!(event.kind, EventKind::Content | EventKind::Thinking | EventKind::ToolInput);
        match joined.last_mut() {
            Some(last)
                if is_text
                    && last.kind == event.kind
                    && last.id == event.id
                    && !last.done
                    && last.data == event.data =>
            {
                last.content.push_str(&event.content);
                last.done = event.done;
                continue;
            }
            _ => {}
        }
        match event.kind {
            EventKind::ToolCall if event.data.contains_key("input") => {
                joined.retain(|other| other.kind != EventKind::ToolInput || other.id != event.id);
            }
            EventKind::ToolResult => {
                joined.retain(|other| !is_preliminary(other) || other.id != event.id);
            }
            _ => {}
        }
        joined.push(event);
    }
    joined
}

/// Whether another result follows.
fn is_preliminary(event: &Event) -> bool {
    event.kind == EventKind::ToolResult && event.data.contains_key("preliminary")
}

fn encode(events: &[Event]) -> String {
    let events: Vec<String> =
        events.iter().map(|event| String::from_utf8_lossy(&event.encode()).into_owned()).collect();
    format!("[{}]", events.join(","))
}

fn decode(said: &str) -> Result<Vec<Event>> {
    let events: Vec<Box<RawValue>> = serde_json::from_str(said)
        .map_err(|e| Error::corrupt(format!("what a step said is no list of events: {e}")).with_source(e))?;
    events.iter().map(|event| Event::decode(event.get().as_bytes())).collect()
}

impl<S: Send + Sync> Says for Out<S> {
    fn item<'a>(&'a self, step: &'a Step, item: Item) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let index = self.items.fetch_add(1, Ordering::Relaxed);
            if self.is_watched() {
                if index == 0 {
                    self.tell(&Point::StreamStarted { step }).await;
                }
                self.tell(&Point::StreamItem { step, item: &item, index }).await;
            }
            if let Some(sink) = &self.sink {
                // Before it is said: it is said again if this is dropped.
                self.said.lock().new.push(item.to_event());
                sink.item(step, &item).await?;
            }
            if let Some(follower) = &self.follower {
                // One that has gone has dropped the call as well.
                let _ = follower.send(item).await;
            }
            Ok(())
        })
    }

    fn take_back<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.superseded(step))
    }

    fn settled(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match &self.sink {
                Some(sink) => sink.settled().await,
                None => Ok(()),
            }
        })
    }

    fn point(&self, point: &Point<'_>) {
        self.tell_at_once(point);
        if self.graph.async_hooks().is_empty() {
            return;
        }
        let later = match point {
            Point::SpanStarted { name, .. } => Later::SpanStarted((*name).to_owned()),
            Point::SpanEnded { name, .. } => Later::SpanEnded((*name).to_owned()),
            Point::Attribute { name, value, .. } => Later::Attribute((*name).to_owned(), (*value).clone()),
            _ => return,
        };
        self.later.lock().push(later);
    }
}
