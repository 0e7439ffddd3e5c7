//! The simulator's stories over a real server, through a network that fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tertulia::storage::Storage;
use tertulia_postgres::PostgresOptions;
use tertulia_testkit::simulator::{Ground, storms};

use crate::rig;

#[test]
fn nothing_is_lost_doubled_or_reordered_over_a_network_that_fails() {
    let figures = storms(&Arc::new(Ground {
        server: SocketAddr::from(([127, 0, 0, 1], rig::server().port())),
        commit: b"Q\0\0\0\x0bCOMMIT\0",
        patience: Duration::from_secs(1),
        open: Box::new(|at, name, patience| {
            Box::pin(async move {
                let options = PostgresOptions::new().schema(name).readers(2).time_limit(patience);
                let store = options.connect(&format!("postgres://postgres@{at}/postgres")).await?;
                Ok(Arc::new(store) as Arc<dyn Storage>)
            })
        }),
    }));
    println!("{figures:?}");
    assert!(figures.cuts > 0 && figures.errors > 0, "nothing failed: {figures:?}");
}
