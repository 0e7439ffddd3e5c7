//! How much of a webhook's posts is held at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bounds of a [`webhook`](crate::webhook()), each with a default.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WebhookOptions {
    /// How many posts may wait for the inbox: 256. The next one is told to come back.
    pub waiting: usize,
    /// How many bytes of posts there may be, those that are still being read included: 16 MiB, and no less than
    /// [`body_bytes`](Self::body_bytes). What comes beyond is told to come back.
    pub waiting_bytes: usize,
    /// The most bytes of a body: 1 MiB.
    pub body_bytes: usize,
    /// How long a body may take to arrive: 10 s.
    pub body_within: Duration,
    /// How long a post waits until its update is in the inbox: 5 s. Then it is told to come back, which does no harm:
    /// an update that gets in all the same is recognised when it comes again.
    pub accept_within: Duration,
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            waiting: 256,
            waiting_bytes: 16 << 20,
            body_bytes: 1 << 20,
            body_within: Duration::from_secs(10),
            accept_within: Duration::from_secs(5),
        }
    }
}

/// Counts posts and their bytes. Clones share one count.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    posts: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// A part of the room, given back when dropped.
pub(crate) type Taken = OwnedSemaphorePermit;

impl Room {
    pub(crate) fn new(options: &WebhookOptions) -> Self {
        let bytes = options.waiting_bytes.max(options.body_bytes).min(Semaphore::MAX_PERMITS);
        let posts = options.waiting.min(Semaphore::MAX_PERMITS);
        Self { posts: Arc::new(Semaphore::new(posts)), bytes: Arc::new(Semaphore::new(bytes)) }
    }

    /// Whether one more post could wait now.
    pub(crate) fn is_full(&self) -> bool {
        self.posts.available_permits() == 0
    }

    /// Room for a post, if there is some.
    pub(crate) fn post(&self) -> Option<Taken> {
        Arc::clone(&self.posts).try_acquire_owned().ok()
    }

    /// Room for so many bytes, if there is some.
    pub(crate) fn bytes(&self, count: usize) -> Option<Taken> {
        Arc::clone(&self.bytes).try_acquire_many_owned(u32::try_from(count).ok()?).ok()
    }
}
