//! Readers that follow the log of a conversation from where they were, through all that goes wrong.
//!
//! Streams are to come; until then the log that every turn adds to stands for one.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::error::Kind;
use tertulia::storage::{From, Page, Read, Storage};
use tertulia::{Conversation, Result};

use super::ledger::number;
use super::life::Life;
use super::world::{World, events};

/// What a reader has seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<usize>>>);

impl Seen {
    pub(super) fn all(&self) -> Vec<usize> {
        self.0.lock().clone()
    }
}

/// Starts a reader of a conversation. It is no process of the runner's, and does not die.
pub(super) fn start(world: &Arc<World>, conversation: &Conversation, nth: usize) -> Seen {
    let life = Arc::new(Life::new(0x44_0000 + nth, Duration::ZERO));
    let seen = Seen::default();
    let (own, reader, key) = (seen.clone(), Arc::clone(world), events(conversation));
    world.spawn(async move {
        let link = way(&reader, &life).await;
        let mut from = From::Start;
        loop {
            let read = Read::new(key.clone()).from(from).limit(3, 1 << 20);
            if let Err(error) = follow(&*link, &read, &mut from, &own).await {
                if error.kind() != Kind::Unavailable {
                    reader.violation(|| format!("a reader of {key} cannot go on: {error}"));
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    seen
}

async fn way(world: &Arc<World>, life: &Arc<Life>) -> Arc<dyn Storage> {
    loop {
        let way = match &world.real {
            Some(real) => real.reader(world, life).await,
            None => world.way(life).await,
        };
        match way {
            Ok(way) => return way,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Reads what there is, or waits for more.
async fn follow(link: &dyn Storage, read: &Read, from: &mut From, seen: &Seen) -> Result<()> {
    let pages = link.read(std::slice::from_ref(read)).await?;
    let page = pages.into_iter().next().expect("one page for one read")?.and_then(Page::into_log);
    let etag = page.as_ref().map(|page| page.head.etag);
    if let Some(page) = page.filter(|page| !page.entries.is_empty()) {
        *from = From::At(page.head.incarnation, page.next());
        seen.0.lock().extend(page.entries.iter().filter_map(number));
        return Ok(());
    }
    link.changed(&read.key, etag).await.map(drop)
}
