//! Sessions alone, in any program: load, change, write what changed, and try again if somebody else wrote first.
//!
//! `cargo run --release --bin 02-sessions`, twice.

use serde::{Deserialize, Serialize};
use tertulia::Sessions;
use tertulia_sqlite::Sqlite;

#[derive(Default, Serialize, Deserialize)]
struct Visitor {
    visits: u64,
}

#[tokio::main]
async fn main() -> tertulia::Result<()> {
    let visitors = Sessions::<Visitor>::new(Sqlite::open("visitors.db").await?, "visitor")?;
    let visits = visitors
        .update("web:ana", |visitor| {
            visitor.visits += 1;
            visitor.visits
        })
        .await?;
    println!("Ana was here {visits} times");
    Ok(())
}
