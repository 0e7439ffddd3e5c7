//! A real server under a story, and the network before it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tertulia::Result;
use tertulia::storage::{BoxFuture, Storage};
use tokio::sync::OnceCell;

use super::life::Life;
use super::weather;
use super::wire::Wire;
use super::world::World;
use crate::proxy::{Proxy, Then};

/// A real server that stories are played over, and how a store in it is opened.
pub struct Ground {
    /// Where the server is.
    pub server: SocketAddr,
    /// How a commit ends on its way to the server: what a connection is cut behind.
    pub commit: &'static [u8],
    /// How long a process waits for an answer: not more than a second, since many are lost.
    pub patience: Duration,
    /// Opens the store of this name at this address, which is the server's or that of a proxy in front of it, and waits
    /// no longer than this for an answer.
    pub open: Open,
}

/// Opens a store.
pub type Open =
    Box<dyn Fn(SocketAddr, String, Duration) -> BoxFuture<'static, Result<Arc<dyn Storage>>> + Send + Sync>;

/// How long is waited for an answer where none is lost: longer than it takes.
const SURE: Duration = Duration::from_secs(30);

/// The store of one story.
pub(super) struct Real {
    ground: Arc<Ground>,
    name: String,
    proxy: Proxy,
    /// Past the proxy, for who looks at it from outside.
    outside: Arc<dyn Storage>,
    /// What all readers share.
    readers: OnceCell<Arc<dyn Storage>>,
}

impl Real {
    /// Opens a store that nobody else has.
    ///
    /// # Errors
    /// Those of [`Ground::open`].
    pub(super) async fn open(ground: Arc<Ground>) -> Result<Self> {
        static STORIES: AtomicU64 = AtomicU64::new(0);
        let name = format!("story_{}", STORIES.fetch_add(1, Ordering::Relaxed));
        let proxy = Proxy::start(ground.server).expect("there is a port for a proxy");
        let outside = (ground.open)(ground.server, name.clone(), SURE).await?;
        Ok(Self { ground, name, proxy, outside, readers: OnceCell::new() })
    }

    pub(super) fn outside(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.outside)
    }

    /// How often a connection was cut at a commit or a byte.
    pub(super) fn cuts(&self) -> u64 {
        self.proxy.sprung()
    }

    /// A process's own way to the store.
    ///
    /// # Errors
    /// Those of [`Ground::open`].
    pub(super) async fn way(&self, world: &Arc<World>, life: &Arc<Life>) -> Result<Arc<dyn Storage>> {
        let storage = self.open_behind().await?;
        Ok(Arc::new(Wire::new(Arc::clone(world), Arc::clone(life), storage)))
    }

    /// A way that readers share, since they end together.
    ///
    /// # Errors
    /// Those of [`Ground::open`].
    pub(super) async fn reader(&self, world: &Arc<World>, life: &Arc<Life>) -> Result<Arc<dyn Storage>> {
        let storage = Arc::clone(self.readers.get_or_try_init(|| self.open_behind()).await?);
        Ok(Arc::new(Wire::new(Arc::clone(world), Arc::clone(life), storage)))
    }

    fn open_behind(&self) -> BoxFuture<'static, Result<Arc<dyn Storage>>> {
        (self.ground.open)(self.proxy.address(), self.name.clone(), self.ground.patience)
    }

    /// Lets the network fail up to the horizon.
    pub(super) async fn blow(&self, world: &World) {
        let blows = weather::draw(&mut world.rng(0x88_0000), world.plan.horizon);
        weather::blow(world, blows, &self.proxy, self.ground.commit).await;
    }

    pub(super) fn heal(&self) {
        self.proxy.heal();
    }

    /// Ends what is on its way, when all processes are dead.
    pub(super) async fn settle(&self) {
        self.proxy.refuse(true);
        while self.proxy.open() > 0 {
            // Again and again: one may have been on its way in.
            self.proxy.now(Then::Reset);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.proxy.heal();
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Real").field("name", &self.name).field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").field("server", &self.server).finish_non_exhaustive()
    }
}
