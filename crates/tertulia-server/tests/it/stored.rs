//! A database with updates that an earlier program left behind.

use std::sync::Arc;
use std::time::Duration;

use tertulia::runner::{About, Handler, HandlerResult, Incoming, Keys, Options, Runner, Turn};
use tertulia::storage::{ItemId, Storage};
use tertulia::{Clock, Conversation, Name};
use tertulia_sqlite::SqliteOptions;

use crate::support::Folder;

/// What that program did with every update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It gave it up.
    Fails,
    /// It was stopped while it ran.
    Hangs,
}

impl Handler for Fate {
    type Update = ();

    fn decode(&self, _: &About) -> tertulia::Result<()> {
        Ok(())
    }

    fn keys(&self, _: &About) -> Keys {
        Keys::Conversation
    }

    async fn handle(&self, _: Turn, (): ()) -> HandlerResult {
        match self {
            Self::Fails => Err(std::io::Error::other("the notebook is full").into()),
            Self::Hangs => std::future::pending().await,
        }
    }
}

/// A message of a conversation, such as `http:alice`, that says `note <number>`.
pub(crate) fn note(conversation: &str, number: i64) -> Incoming {
    Incoming {
        conversation: Conversation::parse(conversation).unwrap(),
        id: ItemId::Number(Name::from_static("test"), number),
        body: format!("{{\"text\":\"note {number}\"}}").into(),
        fault: None,
    }
}

/// A folder in whose database these updates met this fate.
pub(crate) async fn stored(fate: Fate, updates: Vec<Incoming>) -> Folder {
    let folder = Folder::new();
    let sqlite = SqliteOptions::new().open(folder.path().join("tertulia.db")).await.unwrap();
    let storage: Arc<dyn Storage> = Arc::new(sqlite.clone());
    let options = Options { retries: 0, ..Options::default() };
    let handle = Runner::new(Arc::clone(&storage), Clock::system(), options, fate).start().await.unwrap();
    let count = updates.len();
    handle.intake().submit_all(updates).await.unwrap();
    let within = Duration::from_secs(if fate == Fate::Fails { 60 } else { 0 });
    let left = handle.shutdown(within).await;
    assert_eq!(left.len(), if fate == Fate::Fails { 0 } else { count });
    drop((handle, storage));
    sqlite.close().await;
    folder
}
