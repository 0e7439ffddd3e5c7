//! Plays one seed from its beginning to its judgement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tertulia::Conversation;
use tertulia::runner::{INBOX, OUTBOX};
use tertulia::storage::Read;

use super::fate::{Process, Zombies, lose_power, run_slot, start_for_sure, stop};
use super::figures::Figures;
use super::plan::Plan;
use super::reader::{self, Seen};
use super::sabotage::Sabotage;
use super::world::{World, events};
use super::{judge, people};

/// How long what is left may take when nothing fails any more, and over a real server, where time passes.
const ENOUGH: Duration = Duration::from_mins(10);
const ENOUGH_TO_WAIT_FOR: Duration = Duration::from_mins(1);

/// What became of a seed.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What must not happen and did.
    pub violations: Vec<String>,
    /// What happened, if it was asked for.
    pub trace: Vec<String>,
    /// How much happened.
    pub figures: Figures,
}

/// Plays a seed on a runtime of its own, whose clock moves only when nothing else can. The same seed is played the
/// same way each time.
pub fn play(seed: u64, sabotage: Sabotage, is_traced: bool) -> Story {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without a driver for input and output can be built");
    runtime.block_on(async {
        let world = World::new(Plan::new(seed, sabotage), is_traced, None);
        run(&world).await;
        Story { violations: world.take_violations(), trace: world.trace.take(), figures: world.figures() }
    })
}

/// Plays a world to its end, and judges it.
pub(super) async fn run(world: &Arc<World>) {
    start_storage(world);
    let readers = start_readers(world);
    people::start(world);
    let zombies = Arc::new(Zombies::default());
    let slots =
        (0..world.plan.slots as u64).map(|slot| run_slot(Arc::clone(world), slot, Arc::clone(&zombies)));
    let survivors = join_all(slots).await;
    world.heal();
    if world.plan.survivors_finish {
        finish(world, false).await;
    }
    for Process { life, running } in survivors {
        if !life.is_dead() && world.plan.survivors_finish {
            // It may know of updates that it has put off and another has ended.
            stop(world, &life, &running, Duration::from_secs(60)).await;
        }
        world.kill(&life).await;
    }
    zombies.ended().await;
    settle(world).await;
    let Process { life, running } = start_for_sure(world).await;
    finish(world, true).await;
    let left = stop(world, &life, &running, Duration::from_secs(60)).await;
    if left > 0 {
        world.violation(|| format!("the last process has left {left} updates"));
    }
    world.kill(&life).await;
    wait_for_readers(world, &readers).await;
    judge::judge(world, &readers).await;
}

fn start_storage(world: &Arc<World>) {
    let storage = Arc::clone(world);
    match world.real {
        Some(_) => world.spawn(async move {
            if let Some(real) = &storage.real {
                real.blow(&storage).await;
            }
        }),
        None => {
            world.spawn(async move { storage.disk.write(&storage).await });
            world.spawn(lose_power(Arc::clone(world)));
        }
    }
}

/// What was sent late arrives, and belongs to nobody's life.
async fn settle(world: &World) {
    match &world.real {
        Some(real) => real.settle().await,
        None => tokio::time::sleep(Duration::from_secs(3)).await,
    }
}

/// Gives readers the time to see the end: five seconds, or less where they have seen it.
async fn wait_for_readers(world: &World, readers: &BTreeMap<Conversation, Seen>) {
    let end = world.trace.now() + Duration::from_secs(5);
    while world.trace.now() < end && (world.real.is_none() || !has_all_been_seen(world, readers).await) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn has_all_been_seen(world: &World, readers: &BTreeMap<Conversation, Seen>) -> bool {
    for (conversation, seen) in readers {
        let pages = world.stored().read(&[Read::head(events(conversation))]).await.unwrap_or_default();
        let head = pages.into_iter().find_map(|page| page.ok()?.and_then(|page| page.head().log()));
        if head.is_some_and(|head| head.end.0 > seen.all().len() as u64) {
            return false;
        }
    }
    true
}

fn start_readers(world: &Arc<World>) -> BTreeMap<Conversation, Seen> {
    if world.plan.sabotage.fails_over() {
        return BTreeMap::new();
    }
    let conversations = world.conversations().into_iter().enumerate();
    conversations
        .map(|(i, conversation)| (conversation.clone(), reader::start(world, &conversation, i)))
        .collect()
}

/// Waits until all is done, which must come.
async fn finish(world: &World, with_calls: bool) -> bool {
    let enough = if world.real.is_some() { ENOUGH_TO_WAIT_FOR } else { ENOUGH };
    let end = world.trace.now() + enough;
    while !world.is_done(with_calls).await {
        if world.trace.now() > end {
            let (inbox, outbox) = (world.queued(&INBOX).await, world.queued(&OUTBOX).await);
            let is_taken = world.platform.is_all_taken(world);
            world.violation(|| {
                format!("it is stuck: inbox {inbox}, outbox {outbox}, all acknowledged: {is_taken}")
            });
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}
