//! `Sessions` alone: load, change, compare-and-set, retry.

use serde::{Deserialize, Serialize};
use tertulia::Sessions;
use tertulia::storage::Memory;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Counter {
    n: u64,
}

#[tokio::test]
async fn two_stores_over_one_memory_lose_no_increment() {
    let memory = Memory::new();
    let one = Sessions::<Counter>::new(memory.clone(), "counter").unwrap();
    let two = Sessions::<Counter>::new(memory, "counter").unwrap();
    for _ in 0..50 {
        one.update("telegram:42", |counter| counter.n += 1).await.unwrap();
        two.update("telegram:42", |counter| counter.n += 1).await.unwrap();
    }
    assert_eq!(one.get("telegram:42").await.unwrap().n, 100);
    one.delete("telegram:42").await.unwrap();
    assert_eq!(two.get("telegram:42").await.unwrap().n, 0);
}
