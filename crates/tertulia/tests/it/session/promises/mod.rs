//! What is promised holds under adverse orders: lost answers, other writers, slow storages, full hands.

mod answers;
mod cache;
mod expiry;
mod guards;
mod migrations;
mod queue;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::{Expiry, Migrations, Options, State, WriteMode};
use tertulia::storage::{IntoStorage, Memory};
use tertulia::{Clock, Log, Sessions};
use tertulia_testkit::{Call, Fault, Faulty, Gate};

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    n: u64,
    log: Log<u64>,
    extra: Option<Log<u64>>,
}

fn with<S: State>(storage: impl IntoStorage, options: Options) -> Sessions<S> {
    Sessions::with(storage, Clock::system(), "chat", options).unwrap()
}

fn chats(storage: impl IntoStorage) -> Sessions<Chat> {
    with(storage, Options::default())
}

fn faulty(memory: &Memory) -> Arc<Faulty> {
    Arc::new(Faulty::new(memory.clone().into_storage()))
}

fn queued(expiry: Expiry) -> Options {
    Options { mode: WriteMode::FIRE_AND_FORGET, expiry, ..Options::default() }
}

async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}
