//! Wakes those who wait for a log or queue to change, within one process.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::coop;

use super::{Etag, Head};
use crate::{Key, Result};

/// Who waits for which key. A storage wakes it after each commit; [`changed`](Hub::changed) is the whole of
/// [`Storage::changed`](super::Storage::changed) for a storage that lives in one process.
#[derive(Debug, Default)]
pub struct Hub {
    /// Written by watchers as they come and go, read by wakes. With how many watch each: the last one to go takes
    /// the key out, however many go at once.
    watched: Mutex<HashMap<Key, (Arc<Notify>, usize)>>,
    /// How many watches there are, so that a commit that nobody waits for takes no lock.
    watches: AtomicUsize,
}

/// A registration for one key; wakes from now on are not missed. Ends when dropped.
#[derive(Debug)]
pub struct Watch<'a> {
    hub: &'a Hub,
    key: &'a Key,
    notify: Arc<Notify>,
}

impl Hub {
    /// Registers for `key`.
    pub fn watch<'a>(&'a self, key: &'a Key) -> Watch<'a> {
        self.watches.fetch_add(1, Ordering::SeqCst);
        let mut watched = self.watched.lock();
        let (notify, count) = watched.entry(key.clone()).or_default();
        *count += 1;
        let notify = notify.clone();
        drop(watched);
        Watch { hub: self, key, notify }
    }

    /// Whether anybody waits for any key.
    pub fn is_watched(&self) -> bool {
        self.watches.load(Ordering::SeqCst) > 0
    }

    /// Wakes all who wait for `key`. Called after the change can be read.
    pub fn wake(&self, key: &Key) {
        if self.watches.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some((notify, _)) = self.watched.lock().get(key) {
            notify.notify_waiters();
        }
    }

    /// Wakes all who wait for any key: after a time in which changes were not heard of.
    pub fn wake_all(&self) {
        for (notify, _) in self.watched.lock().values() {
            notify.notify_waiters();
        }
    }

    /// Resolves once `look` gives a head whose etag is not `seen`: registers, looks, waits. Wakes at the head's
    /// expiry too. Always yields now and then, so that a reader of ever new changes does not starve others.
    ///
    /// # Errors
    /// What `look` gives.
    pub async fn changed<F, L>(&self, key: &Key, seen: Option<Etag>, mut look: F) -> Result<Option<Head>>
    where
        F: FnMut() -> L,
        L: Future<Output = Result<Option<Head>>>,
    {
        coop::consume_budget().await;
        let watch = self.watch(key);
        loop {
            let woken = watch.notify.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let head = look().await?;
            if head.map(|head| head.etag()) != seen {
                return Ok(head);
            }
            let expires_in = head.and_then(|head| head.log()).and_then(|head| head.expires_in);
            match expires_in {
                None => woken.await,
                // Looking a moment too early only looks again; the look decides.
                Some(expires_in) => tokio::select! {
                    biased;
                    () = woken => {}
                    () = tokio::time::sleep(expires_in.max(std::time::Duration::from_millis(1))) => {}
                },
            }
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut watched = self.hub.watched.lock();
        if let Some((_, count)) = watched.get_mut(self.key) {
            *count -= 1;
            if *count == 0 {
                watched.remove(self.key);
            }
        }
        self.hub.watches.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::super::{CommitId, Offset, QueueHead};
    use super::*;
    use crate::{Name, Shard};

    #[tokio::test(start_paused = true)]
    async fn a_change_made_right_after_the_look_is_not_missed() {
        let (hub, key) = (Hub::default(), Key::ShardLog(Shard(0), Name::from_static("log")));
        let mut looks = 0;
        let look = || {
            looks += 1;
            let seen = (looks > 1).then_some(Head::Queue(head()));
            // The change comes between this look and the wait.
            hub.wake(&key);
            async move { Ok(seen) }
        };
        let changed = hub.changed(&key, None, look);
        let changed = tokio::time::timeout(std::time::Duration::from_hours(1), changed).await;
        assert_eq!(changed.expect("woken").expect("nothing fails"), Some(Head::Queue(head())));
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_woken_after_a_time_without_news() {
        let hub = Hub::default();
        let keys = ["a", "b"].map(|name| Key::ShardLog(Shard(0), Name::from_static(name)));
        let head = std::cell::Cell::new(None);
        let look = || async { Ok(head.get()) };
        let waiting =
            futures_util::future::join(hub.changed(&keys[0], None, look), hub.changed(&keys[1], None, look));
        let waking = async {
            tokio::task::yield_now().await;
            head.set(Some(Head::Queue(self::head())));
            hub.wake_all();
        };
        let both = futures_util::future::join(waiting, waking);
        let both = tokio::time::timeout(std::time::Duration::from_hours(1), both).await;
        let ((a, b), ()) = both.expect("both are woken");
        assert!(a.is_ok_and(|head| head.is_some()) && b.is_ok_and(|head| head.is_some()));
    }

    fn head() -> QueueHead {
        let etag = Etag { version: 1, commit: CommitId(1) };
        QueueHead { etag, incarnation: CommitId(1), end: Offset(1), count: 1, bytes: 0 }
    }

    #[test]
    fn nothing_is_kept_of_watchers_that_go_at_the_same_time() {
        let (hub, both) = (&Hub::default(), &Barrier::new(2));
        let watch_all = || {
            for i in 0..5_000 {
                let key = Key::ShardLog(Shard(0), Name::new(i.to_string()).expect("a valid name"));
                let watch = hub.watch(&key);
                both.wait();
                drop(watch);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(watch_all);
            scope.spawn(watch_all);
        });
        assert_eq!(hub.watched.lock().len(), 0);
        assert_eq!(hub.watches.load(Ordering::SeqCst), 0);
    }
}
