//! The simulator's stories over a real server, through a network that fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tertulia::storage::Storage;
use tertulia_redis::RedisOptions;
use tertulia_testkit::simulator::{Ground, Sabotage, storm, storms};

use crate::rig;

fn ground() -> Arc<Ground> {
    Arc::new(Ground {
        server: SocketAddr::from(([127, 0, 0, 1], rig::shared().port())),
        commit: b"EVALSHA",
        patience: Duration::from_millis(400),
        open: Box::new(|at, name, patience| {
            Box::pin(async move {
                let options = RedisOptions::new().prefix(name).timeout(patience).connect_timeout(patience);
                let store = options.connect(&format!("redis://{at}")).await?;
                Ok(Arc::new(store) as Arc<dyn Storage>)
            })
        }),
    })
}

#[test]
fn nothing_is_lost_doubled_or_reordered_over_a_network_that_fails() {
    let figures = storms(&ground());
    println!("{figures:?}");
    assert!(figures.cuts > 0 && figures.errors > 0, "nothing failed: {figures:?}");
}

/// What shows that the judge can see it here too.
#[test]
fn an_update_taken_for_another_is_seen() {
    let ground = ground();
    let mut seen = (1..20).flat_map(|seed| storm(seed, Sabotage::DedupeOff, &ground).violations);
    assert!(seen.any(|text| text.contains("the session holds")));
}
