//! Hears of changes that other processes make: one connection, which listens to the channels of the shards that
//! somebody waits for.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use redis::{PushInfo, PushKind, Value, cmd};
use tertulia::storage::Hub;
use tertulia::{Error, Key, Result, Shard};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::error::failed;
use crate::link::{Connection, Link};
use crate::names::{self, Kind};
use crate::nodes::Nodes;

/// How often an idle connection is tried, so that one that broke without a word is found out.
const PING_EVERY: Duration = Duration::from_secs(3);

/// The wait after a first failure to connect; each is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A wish to hear of a shard.
struct Wish {
    shard: Shard,
    /// Told once its channel is listened to; of nobody where it was listened to elsewhere before, which all who wait
    /// are woken for.
    answer: Option<oneshot::Sender<Result<()>>>,
}

/// Those who are told, once more is listened to.
type Waiting = Vec<oneshot::Sender<Result<()>>>;

/// Hears of changes. Its task begins with the first wish, and ends with it.
pub(crate) struct Listener {
    ear: Arc<Ear>,
    task: Mutex<Option<(mpsc::UnboundedSender<Wish>, JoinHandle<()>)>>,
}

/// What the listener shares with its task.
struct Ear {
    link: Arc<Link>,
    hub: Arc<Hub>,
    /// Who knows where shards are, if they move.
    nodes: Weak<Nodes>,
    /// Per shard: whether its channel is listened to now. Written by the task alone.
    heard: Vec<AtomicBool>,
    /// Per shard: whether somebody wished for it.
    wanted: Vec<AtomicBool>,
}

impl Listener {
    pub(crate) fn new(link: Arc<Link>, hub: Arc<Hub>, nodes: Weak<Nodes>) -> Self {
        let flags = || Shard::all().map(|_| AtomicBool::new(false)).collect();
        let ear = Ear { link, hub, nodes, heard: flags(), wanted: flags() };
        Self { ear: Arc::new(ear), task: Mutex::new(None) }
    }

    /// Whether anybody ever wished to hear of a shard here.
    pub(crate) fn wants(&self, shard: Shard) -> bool {
        self.ear.wanted[shard.index()].load(Ordering::Acquire)
    }

    /// Hears of a shard from now on that another one heard of.
    pub(crate) fn take_over(&self, shard: Shard) {
        self.wish(Wish { shard, answer: None });
    }

    /// Whether changes in a shard are heard of already.
    pub(crate) fn hears(&self, shard: Shard) -> bool {
        self.ear.heard[shard.index()].load(Ordering::Acquire)
    }

    /// Sees to it that changes in a shard made from now on wake who waits. When the connection breaks, all are woken
    /// once it is there again.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn hear(&self, shard: Shard) -> Result<()> {
        if self.hears(shard) {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.wish(Wish { shard, answer: Some(answer) });
        answered.await.unwrap_or_else(|_| Err(Error::unavailable("the task that listens for changes ended")))
    }

    fn wish(&self, wish: Wish) {
        self.ear.wanted[wish.shard.index()].store(true, Ordering::Release);
        let mut task = self.task.lock();
        let wish = match &*task {
            None => wish,
            // It ended with the runtime that it was part of, if at all.
            Some((wishes, _)) => match wishes.send(wish) {
                Ok(()) => return,
                Err(mpsc::error::SendError(wish)) => wish,
            },
        };
        let (sender, wishes) = mpsc::unbounded_channel();
        // The receiver is alive: it stands above.
        let _ = sender.send(wish);
        *task = Some((sender, tokio::spawn(listen(self.ear.clone(), wishes))));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some((_, task)) = self.task.get_mut() {
            task.abort();
        }
    }
}

/// Forgets what was heard when the task ends, also when its runtime drops it.
struct Deaf<'a>(&'a Ear);

impl Drop for Deaf<'_> {
    fn drop(&mut self) {
        for heard in &self.0.heard {
            heard.store(false, Ordering::Release);
        }
    }
}

async fn listen(ear: Arc<Ear>, mut wishes: mpsc::UnboundedReceiver<Wish>) {
    let mut wanted = BTreeSet::new();
    let mut waiting = Waiting::new();
    let mut failures = 0;
    loop {
        let error = {
            let _deaf = Deaf(&ear);
            session(&ear, &mut wishes, &mut wanted, &mut waiting, &mut failures).await
        };
        let Err(error) = error else { return };
        tracing::debug!(store = %ear.link.address.shown, %error, "not listening for changes");
        for wish in waiting.drain(..) {
            let _ = wish.send(Err(Error::new(error.kind(), error.to_string())));
        }
        if let Some(nodes) = ear.nodes.upgrade() {
            nodes.refresh().await;
        }
        let wait = (FIRST_WAIT * 2_u32.saturating_pow(failures)).min(LONGEST_WAIT);
        failures = (failures + 1).min(10);
        tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

/// One connection, from its beginning to its end.
///
/// # Errors
/// Why it ended; without one nobody wishes anything any more.
async fn session(
    ear: &Ear,
    wishes: &mut mpsc::UnboundedReceiver<Wish>,
    wanted: &mut BTreeSet<Shard>,
    waiting: &mut Waiting,
    failures: &mut u32,
) -> Result<()> {
    while let Ok(Wish { shard, answer }) = wishes.try_recv() {
        wanted.insert(shard);
        waiting.extend(answer);
    }
    // Those that another one took over stay there.
    if let Some(nodes) = ear.nodes.upgrade() {
        wanted.retain(|shard| Arc::ptr_eq(&nodes.of(*shard).link, &ear.link));
    }
    let (pushes, mut pushed) = mpsc::unbounded_channel();
    let mut connection = ear.link.open(move |push| drop(pushes.send(push))).await?;
    for shard in &*wanted {
        subscribe(ear, &mut connection, *shard).await?;
    }
    *failures = 0;
    for wish in waiting.drain(..) {
        let _ = wish.send(Ok(()));
    }
    // Nobody heard what was changed before this.
    ear.hub.wake_all();
    let mut pings = tokio::time::interval(PING_EVERY);
    // It keeps the connection alive: none is made up for.
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.reset();
    loop {
        tokio::select! {
            push = pushed.recv() => match push {
                Some(push) => ear.hear(push)?,
                None => return Err(Error::unavailable("the connection that listens ended")),
            },
            wish = wishes.recv() => {
                let Some(Wish { shard, answer }) = wish else { return Ok(()) };
                let is_taken_over = answer.is_none();
                wanted.insert(shard);
                waiting.extend(answer);
                if !ear.heard[shard.index()].load(Ordering::Acquire) {
                    subscribe(ear, &mut connection, shard).await?;
                }
                if is_taken_over {
                    ear.hub.wake_all();
                }
                for wish in waiting.drain(..) {
                    let _ = wish.send(Ok(()));
                }
            }
            _ = pings.tick() => {
                let ping = connection.send(&cmd("PING")).await;
                ping.map_err(|cause| failed("the connection that listens is broken", cause))?;
            }
        }
    }
}

async fn subscribe(ear: &Ear, connection: &mut Connection, shard: Shard) -> Result<()> {
    let channel = ear.link.address.names.of_shard(shard, Kind::Changes);
    let answer = connection.send(cmd("SSUBSCRIBE").arg(channel)).await;
    answer.map_err(|cause| failed("cannot listen for changes", cause))?;
    ear.heard[shard.index()].store(true, Ordering::Release);
    Ok(())
}

impl Ear {
    /// Wakes who waits for what a message names.
    ///
    /// # Errors
    /// `Unavailable` if it is the last one.
    fn hear(&self, push: PushInfo) -> Result<()> {
        match push.kind {
            PushKind::SMessage => {
                let [Value::BulkString(channel), Value::BulkString(ids)] = &push.data[..] else {
                    return Ok(());
                };
                if let Some(shard) = self.link.address.names.shard_of_channel(channel) {
                    self.wake(shard, ids);
                }
                Ok(())
            }
            PushKind::Disconnection => Err(Error::unavailable("the connection that listens broke")),
            // A cluster moves the shard elsewhere.
            PushKind::SUnsubscribe => Err(Error::unavailable("the server listens to a shard no more")),
            _ => Ok(()),
        }
    }

    /// Ids as [`news`] puts them.
    fn wake(&self, shard: Shard, mut ids: &[u8]) {
        while let Some((length, rest)) = ids.split_first_chunk() {
            let Some((id, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
                return;
            };
            ids = rest;
            if let Some(key) = std::str::from_utf8(id).ok().and_then(|id| names::key(shard, id)) {
                self.hub.wake(&key);
            }
        }
    }
}

/// What says of keys of a shard that they changed, as the script says it: their ids with their lengths before them, 2
/// bytes each.
pub(crate) fn news<'a>(keys: impl Iterator<Item = &'a Key>) -> Vec<u8> {
    let mut news = Vec::new();
    for id in keys.map(names::id) {
        news.extend(u16::try_from(id.len()).unwrap_or(u16::MAX).to_be_bytes());
        news.extend(id.into_bytes());
    }
    news
}
