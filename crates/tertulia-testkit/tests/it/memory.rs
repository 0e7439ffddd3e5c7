//! The suites on [`Memory`], and what holds of it alone.

use std::sync::Arc;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Batch, CommitId, Expire, Limits, LogWrite, Memory, Storage};
use tertulia::{Clock, Conversation, Key, Name};
use tertulia_testkit::Subject;
use tertulia_testkit::conformance::Time;

async fn open(limits: Limits) -> Subject {
    Subject::new(Arc::new(Memory::with(Clock::system(), limits, Memory::DEFAULT_MAX_BYTES)))
}

tertulia_testkit::suites!(Time::Paused, open);

/// Streams that are in memory alone.
mod alone {
    use super::{Time, open};

    tertulia_testkit::streams!(alone Time::Paused, open);
}

/// What processes and their tasks do is played in real time too, on several threads.
mod real {
    use super::{Time, open};

    mod runner {
        use super::{Time, open};

        tertulia_testkit::runner!(Time::Real, open);
    }

    mod turns {
        use super::{Time, open};

        tertulia_testkit::turns!(Time::Real, open);
    }
}

/// What runs promise of a persister, in place of a storage.
mod shelf {
    use tertulia::storage::Limits;
    use tertulia_testkit::Subject;
    use tertulia_testkit::graphs::Shelf;

    use super::Time;

    async fn open(_: Limits) -> Subject {
        Subject::of_saver(Shelf::new())
    }

    tertulia_testkit::graphs!(Time::Paused, open);

    mod parallel {
        use super::{Time, open};

        tertulia_testkit::parallel!(Time::Paused, open);
    }
}

/// The same of one whose methods are plain functions.
mod plain;

fn log(id: u32) -> Key {
    let conversation = Conversation::new("test", &id.to_string()).expect("a valid conversation");
    Key::Log(conversation, Name::from_static("log"))
}

async fn put(memory: &Memory, id: u64, write: LogWrite) -> tertulia::Result<()> {
    memory.commit(Batch::new(CommitId(id), vec![write.into()])).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_full_store_takes_writes_again_once_others_expired_in_other_shards() {
    let memory = Memory::with(Clock::system(), Limits::default(), 100);
    let hour = Duration::from_hours(1);
    for id in 0..10 {
        let write = LogWrite::new(log(id)).base("1234567890").expire(Expire::After(hour));
        put(&memory, id.into(), write).await.unwrap();
    }
    let full = put(&memory, 10, LogWrite::new(log(10)).base("1")).await.unwrap_err();
    assert_eq!(full.kind(), Kind::Unavailable);
    assert!(full.to_string().contains("100"), "{full}");
    put(&memory, 11, LogWrite::new(log(0)).delete()).await.unwrap();
    put(&memory, 12, LogWrite::new(log(0)).base("1234567890")).await.unwrap();
    tokio::time::advance(hour).await;
    put(&memory, 13, LogWrite::new(log(10)).base([0; 90].to_vec())).await.unwrap();
    put(&memory, 14, LogWrite::new(log(11)).base("1")).await.unwrap_err();
}
