//! The task that frees what nobody can see any more, a small step at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::connection::{Connector, Link};
use crate::error::{Cause, failed};
use crate::postgres::Shared;
use crate::schema::REMEMBERED;
use crate::values::value;

/// How long it waits where there is nothing to do; other processes sweep too.
const IDLE: Duration = Duration::from_secs(30);
/// How long it waits between two steps, so that it takes little from those who write.
const PAUSE: Duration = Duration::from_millis(20);

/// The task's state. Aborted when the storage is dropped.
pub(crate) struct Sweeper {
    pub(crate) connector: Arc<Connector>,
    pub(crate) schema: String,
    pub(crate) shared: Arc<Shared>,
}

impl Sweeper {
    pub(crate) async fn run(self) {
        let mut link: Option<Link> = None;
        loop {
            let idle = IDLE / 2 + Duration::from_millis(fastrand::u64(0..30_000));
            // Not at once: what is deleted together is freed together.
            let _ = timeout(idle, self.shared.sweep.notified()).await;
            tokio::time::sleep(PAUSE).await;
            while self.step(&mut link).await {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// One step; tells whether there is more to do.
    async fn step(&self, link: &mut Option<Link>) -> bool {
        let open = match link.take().filter(|link| !link.is_closed()) {
            Some(open) => open,
            None => match self.connector.connect().await {
                Ok(open) => open,
                Err(error) => {
                    tracing::debug!(%error, "cannot free expired rows");
                    return false;
                }
            },
        };
        match timeout(self.connector.limit, self.swept(&open)).await {
            Ok(Ok(more)) => {
                *link = Some(open);
                more
            }
            Ok(Err(cause)) => {
                let error = failed("cannot free expired rows", cause);
                tracing::warn!(%error);
                false
            }
            Err(_) => {
                open.cut();
                false
            }
        }
    }

    async fn swept(&self, link: &Link) -> Result<bool, Cause> {
        let rows = link.call(&self.schema, "sweep", &[value(&REMEMBERED)]).await?;
        rows.first().map_or(Ok(false), |row| row.try_get(0))
    }
}
