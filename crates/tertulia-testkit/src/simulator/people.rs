//! Those who write: the platform's users, and clients that bring their updates themselves and wait for the answers.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tertulia::Conversation;
use tertulia::error::Kind;

use super::plan::PUSHED;
use super::platform::incoming;
use super::sabotage::Sabotage;
use super::world::World;

/// Starts all who write.
pub(super) fn start(world: &Arc<World>) {
    let polled = Arc::clone(world);
    world.spawn(async move {
        for (number, written) in polled.plan.updates.iter().enumerate().filter(|(_, w)| w.is_polled()) {
            wait_until(&polled, written.at).await;
            polled.trace.note(|| format!("platform: {number} is written in {}", written.conversation));
            polled.platform.write(number);
        }
    });
    let pushed = world.conversations().into_iter().filter(|conversation| conversation.source() == PUSHED);
    for (i, conversation) in pushed.enumerate() {
        let client = Client { world: Arc::clone(world), rng: world.rng(0x33_0000 + i as u64) };
        world.spawn(client.write_all(conversation));
    }
}

async fn wait_until(world: &World, at: Duration) {
    tokio::time::sleep(at.saturating_sub(world.trace.now())).await;
}

/// Brings the updates of one conversation one after the other, each until it is acknowledged.
struct Client {
    world: Arc<World>,
    rng: Rng,
}

impl Client {
    async fn write_all(mut self, conversation: Conversation) {
        let world = Arc::clone(&self.world);
        let own = world.plan.updates.iter().enumerate().filter(|(_, w)| w.conversation == conversation);
        let mut given = Vec::new();
        for (number, written) in own {
            wait_until(&world, written.at).await;
            while !self.give(number).await {
                tokio::time::sleep(Duration::from_millis(self.rng.u64(1..60))).await;
            }
            given.push(number);
            if self.rng.u32(..1_000) < world.rates().doubled
                && let Some(number) = self.rng.choice(&given)
            {
                // What becomes of it, nobody waits for.
                self.give(*number).await;
            }
        }
    }

    /// Gives an update to a process, or to two at once; tells whether it was acknowledged.
    async fn give(&mut self, number: usize) -> bool {
        if self.rng.u32(..1_000) < self.world.rates().doubled {
            let (one, two) = (self.ask(number), self.ask(number));
            let (one, two) = futures_util::future::join(one, two).await;
            return one || two;
        }
        self.ask(number).await
    }

    fn ask(&mut self, number: usize) -> impl Future<Output = bool> + use<> {
        let (world, mut rng) = (Arc::clone(&self.world), self.rng.fork());
        async move {
            let Some((life, intake)) = world.door(&mut rng) else { return false };
            world.trace.note(|| format!("client: gives {number} to p{}", life.number));
            let incoming = incoming(&world, number);
            if world.plan.sabotage == Sabotage::AckBeforeCommit {
                world.platform.taken(&world, number);
                world.spawn(async move {
                    tokio::select! {
                        biased;
                        () = life.died() => {}
                        _ = intake.submit(incoming) => {}
                    }
                });
                return true;
            }
            let patience = Duration::from_millis(rng.u64(20..1_500));
            let submitted = async {
                let answer = intake.submit(incoming).await;
                life.pass().await;
                answer
            };
            let answer = tokio::select! {
                biased;
                () = life.died() => return false,
                answer = tokio::time::timeout(patience, submitted) => answer,
            };
            match answer {
                Ok(Ok(_)) => {
                    world.platform.taken(&world, number);
                    true
                }
                Ok(Err(error)) if error.kind() == Kind::Closed => false,
                Ok(Err(error)) => {
                    world.violation(|| format!("{number} was refused: {error}"));
                    false
                }
                Err(_) => false,
            }
        }
    }
}
