//! What becomes of the network between processes and a real server: drawn from the seed before a story begins.

use std::time::Duration;

use fastrand::Rng;

use super::world::World;
use crate::proxy::{Proxy, Then, Way};

/// Something that happens to the network.
#[derive(Clone, Copy, Debug)]
pub(super) enum Blow {
    /// To every connection that is open.
    Now(Then),
    /// To the next one over which a commit goes, behind it.
    Commit(Then),
    /// To the one over which so many bytes have gone this way.
    After(Way, u64, Then),
    /// Every piece takes so many milliseconds longer.
    Slow(u64),
    /// Nobody can connect.
    Refuse,
    /// Everything passes again.
    Heal,
}

const THENS: [Then; 5] = [Then::Reset, Then::Close, Then::Vanish, Then::Silence, Then::LoseAnswer];

/// What happens up to the horizon, and when.
pub(super) fn draw(rng: &mut Rng, horizon: Duration) -> Vec<(Duration, Blow)> {
    let (mut at, mut blows) = (Duration::ZERO, Vec::new());
    loop {
        at += Duration::from_millis(rng.u64(5..120));
        if at >= horizon {
            // Processes that are to live on have to begin.
            blows.push((horizon, Blow::Heal));
            return blows;
        }
        let then = THENS[rng.usize(..THENS.len())];
        let blow = match rng.u8(..12) {
            0 => Blow::Now(then),
            1..5 => Blow::Commit(then),
            5..7 => Blow::After(if rng.bool() { Way::Up } else { Way::Down }, rng.u64(..6_000), then),
            7 => Blow::Slow(rng.u64(1..60)),
            8 => Blow::Refuse,
            _ => Blow::Heal,
        };
        blows.push((at, blow));
    }
}

impl Blow {
    /// Does it. `commit` is what a commit's last bytes are.
    fn strike(self, proxy: &Proxy, commit: &[u8]) {
        match self {
            Self::Now(then) => proxy.now(then),
            Self::Commit(then) => proxy.at(Way::Up, commit, then),
            Self::After(way, bytes, then) => proxy.after(way, bytes, then),
            Self::Slow(millis) => proxy.delay(Duration::from_millis(millis)),
            Self::Refuse => proxy.refuse(true),
            Self::Heal => proxy.heal(),
        }
    }
}

/// Plays it, in real time.
pub(super) async fn blow(world: &World, blows: Vec<(Duration, Blow)>, proxy: &Proxy, commit: &[u8]) {
    for (at, blow) in blows {
        tokio::time::sleep(at.saturating_sub(world.trace.now())).await;
        if world.is_healed() {
            return;
        }
        world.trace.note(|| format!("network: {blow:?}"));
        blow.strike(proxy, commit);
    }
}
