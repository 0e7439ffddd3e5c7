//! Counts what reaches a storage: its writes, and the bytes of the values that are serialized for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use session_cases::Counted;
use teloxide::dispatching::dialogue::Storage;
use teloxide::dispatching::dialogue::serializer::{Json, Serializer};
use teloxide::prelude::ChatId;

/// What was counted.
#[derive(Default)]
pub(crate) struct Tally {
    writes: AtomicU64,
    /// `None` where values are not serialized.
    bytes: Option<AtomicU64>,
}

impl Tally {
    pub(crate) fn of_bytes() -> Self {
        Self { writes: AtomicU64::new(0), bytes: Some(AtomicU64::new(0)) }
    }

    pub(crate) fn counted(&self) -> Counted {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted { writes: load(&self.writes), bytes: self.bytes.as_ref().map(load) }
    }
}

/// A storage whose writes are counted.
pub(crate) struct Counting<St> {
    pub(crate) storage: Arc<St>,
    pub(crate) tally: Arc<Tally>,
}

type Answer<T, E> = std::pin::Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl<D, St: Storage<D>> Storage<D> for Counting<St> {
    type Error = St::Error;

    fn remove_dialogue(self: Arc<Self>, chat: ChatId) -> Answer<(), St::Error>
    where
        D: Send + 'static,
    {
        self.tally.writes.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.storage).remove_dialogue(chat)
    }

    fn update_dialogue(self: Arc<Self>, chat: ChatId, state: D) -> Answer<(), St::Error>
    where
        D: Send + 'static,
    {
        self.tally.writes.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.storage).update_dialogue(chat, state)
    }

    fn get_dialogue(self: Arc<Self>, chat: ChatId) -> Answer<Option<D>, St::Error> {
        Arc::clone(&self.storage).get_dialogue(chat)
    }
}

/// teloxide's JSON, weighed.
pub(crate) struct Weighing(pub(crate) Arc<Tally>);

impl<D: Serialize + DeserializeOwned> Serializer<D> for Weighing {
    type Error = <Json as Serializer<D>>::Error;

    fn serialize(&self, value: &D) -> Result<Vec<u8>, Self::Error> {
        let json = Json.serialize(value)?;
        if let Some(bytes) = &self.0.bytes {
            bytes.fetch_add(json.len() as u64, Ordering::Relaxed);
        }
        Ok(json)
    }

    fn deserialize(&self, data: &[u8]) -> Result<D, Self::Error> {
        Json.deserialize(data)
    }
}
