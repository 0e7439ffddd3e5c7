//! The task that tells other processes what changed here.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Pending;
use crate::connection::{Connector, Link};
use crate::postgres::Shared;

/// How many changes one notification holds: its text has at most 7,999 bytes.
const AT_ONCE: usize = 480;
/// What is told together: little enough to be no delay, and enough to be few transactions.
const GATHER: Duration = Duration::from_millis(2);
/// How long it waits after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// The task's state. Aborted when the storage is dropped.
pub(crate) struct Notifier {
    pub(crate) connector: Arc<Connector>,
    pub(crate) shared: Arc<Shared>,
}

impl Notifier {
    pub(crate) async fn run(self) {
        let hearing = &self.shared.hearing;
        let mut link: Option<Link> = None;
        loop {
            hearing.told.notified().await;
            sleep(GATHER).await;
            let pending = std::mem::take(&mut *hearing.pending.lock());
            if !self.tell(&mut link, pending).await {
                // Others may have missed something.
                hearing.pending.lock().everything();
                hearing.told.notify_one();
                sleep(PAUSE).await;
            }
        }
    }

    /// Whether it was told.
    async fn tell(&self, link: &mut Option<Link>, pending: Pending) -> bool {
        if pending.hashes.is_empty() && !pending.all {
            return true;
        }
        let sql = self.sql(&pending);
        let told = async {
            let open = match link.take().filter(|link| !link.is_closed()) {
                Some(open) => open,
                None => self.connector.connect().await.ok()?,
            };
            open.run(&sql).await.ok()?;
            *link = Some(open);
            Some(())
        };
        matches!(timeout(self.connector.limit, told).await, Ok(Some(())))
    }

    fn sql(&self, pending: &Pending) -> String {
        let hearing = &self.shared.hearing;
        let mut sql = "BEGIN; SET LOCAL synchronous_commit = off".to_owned();
        let mut notify = |text: &str| {
            sql.push_str(&format!("; NOTIFY \"{}\", '{:016x}{text}'", hearing.channel, hearing.sender));
        };
        if pending.all {
            notify("");
        }
        let hashes: Vec<u64> = pending.hashes.iter().copied().collect();
        for hashes in hashes.chunks(AT_ONCE) {
            notify(&hashes.iter().map(|hash| format!("{hash:016x}")).collect::<String>());
        }
        sql.push_str("; COMMIT");
        sql
    }
}
