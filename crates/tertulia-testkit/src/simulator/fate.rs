//! How processes begin and end, and the power with them.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use tertulia::Result;
use tertulia::bot::Running;
use tertulia::error::Kind;
use tokio::task::JoinHandle;

use super::life::Life;
use super::process;
use super::world::World;

/// A process that runs.
pub(super) struct Process {
    pub(super) life: Arc<Life>,
    pub(super) running: Running,
}

/// Processes that were taken for dead and are only paused, and go on afterwards.
#[derive(Default)]
pub(super) struct Zombies(Mutex<Vec<JoinHandle<()>>>);

impl Zombies {
    /// Waits until all of them have ended.
    pub(super) async fn ended(&self) {
        let zombies = std::mem::take(&mut *self.0.lock());
        for zombie in zombies {
            // A panic in one was reported by the runtime.
            let _ = zombie.await;
        }
    }
}

/// Loses the power when the plan says so. Processes that live where the storage does die with it.
pub(super) async fn lose_power(world: Arc<World>) {
    let mut rng = world.rng(0x66_0000);
    for at in world.plan.power_losses.clone() {
        tokio::time::sleep(at.saturating_sub(world.trace.now())).await;
        if world.is_healed() {
            return;
        }
        world.trace.note(|| "disk: the power is lost".into());
        world.disk.cut(&world, true).await;
        if world.plan.is_embedded || !world.plan.sabotage.fails_over() && rng.bool() {
            world.kill_all().await;
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(1..100))).await;
        world.disk.restart();
    }
}

/// Starts a process, and another one if that cannot be; `None` if `span` has passed or it was killed meanwhile.
async fn start(world: &Arc<World>, span: Duration) -> Option<Process> {
    let life = world.born();
    let started = tokio::select! {
        biased;
        () = life.died() => None,
        () = tokio::time::sleep(span) => None,
        started = begin(world, &life) => Some(started),
    };
    match started {
        Some(Ok(running)) => {
            world.opens(&life, running.door().intake.clone());
            return Some(Process { life, running });
        }
        Some(Err(error)) if error.kind() != Kind::Unavailable => {
            world.violation(|| format!("p{} cannot start: {error}", life.number));
        }
        _ => {}
    }
    world.kill(&life).await;
    None
}

async fn begin(world: &Arc<World>, life: &Arc<Life>) -> Result<Running> {
    let storage = world.way(life).await?;
    process::bot(world, life, storage).start().await
}

/// A process that runs, however often it takes to start it.
pub(super) async fn start_for_sure(world: &Arc<World>) -> Process {
    loop {
        if let Some(process) = start(world, Duration::from_secs(60)).await {
            return process;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Runs processes one after the other up to the horizon; gives the one that runs then.
pub(super) async fn run_slot(world: Arc<World>, slot: u64, zombies: Arc<Zombies>) -> Process {
    let mut rng = world.rng(0x77_0000 + slot);
    while world.trace.now() < world.plan.horizon {
        let left = world.plan.horizon.saturating_sub(world.trace.now());
        let span = Duration::from_millis(rng.u64(1..1_000)).min(left);
        let began = world.trace.now();
        if let Some(process) = start(&world, span).await {
            let left = span.saturating_sub(world.trace.now() - began);
            tokio::select! {
                biased;
                () = process.life.died() => {}
                () = tokio::time::sleep(left) => {}
            }
            if world.trace.now() >= world.plan.horizon && !process.life.is_dead() {
                return process;
            }
            end(&world, process, &mut rng, &zombies).await;
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(1..80))).await;
    }
    start_for_sure(&world).await
}

async fn end(world: &Arc<World>, process: Process, rng: &mut Rng, zombies: &Zombies) {
    let Process { life, running } = process;
    if !running.is_running() {
        world.violation(|| format!("p{} cannot go on", life.number));
    }
    match rng.u8(..10) {
        0..2 => {
            let (patience, deadline) = (rng.u64(1..300), Duration::from_millis(rng.u64(..300)));
            tokio::select! {
                biased;
                () = life.died() => {}
                () = tokio::time::sleep(Duration::from_millis(patience)) => {}
                _ = stop(world, &life, &running, deadline) => {}
            }
        }
        2..4 if !world.plan.is_embedded => {
            let (pause, after) = (rng.u64(1..600), rng.u64(1..300));
            world.trace.note(|| format!("p{}: pauses for {pause} ms", life.number));
            life.pause();
            let world = Arc::clone(world);
            let zombie = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                world.trace.note(|| format!("p{}: goes on", life.number));
                life.resume();
                tokio::time::sleep(Duration::from_millis(after)).await;
                world.kill(&life).await;
                drop(running);
            });
            zombies.0.lock().push(zombie);
            return;
        }
        _ => {}
    }
    world.kill(&life).await;
}

/// Stops a process as it should be; tells how many updates are left.
pub(super) async fn stop(world: &World, life: &Life, running: &Running, deadline: Duration) -> usize {
    world.trace.note(|| format!("p{}: is told to stop within {} ms", life.number, deadline.as_millis()));
    let left = running.shutdown(deadline).await;
    world.trace.note(|| format!("p{}: has stopped, {} updates are left", life.number, left.len()));
    left.len()
}
