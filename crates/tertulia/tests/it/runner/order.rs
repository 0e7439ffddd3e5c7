//! Updates of one key run one at a time in arrival order; those of other keys do not wait for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::runner::{Options, Receipt};

use super::support::{memory, start, update};

#[tokio::test(start_paused = true)]
async fn updates_of_a_chat_run_in_order_and_chats_side_by_side() {
    let storage = memory();
    let ran: Arc<Mutex<HashMap<String, Vec<String>>>> = Arc::default();
    let log = Arc::clone(&ran);
    let handle = start(&storage, Options::default(), move |turn, text| {
        let log = Arc::clone(&log);
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            log.lock().entry(turn.about().conversation.to_string()).or_default().push(text);
            Ok(())
        }
    })
    .await;
    let updates = (0..1_000).map(|n| update(&(n % 10).to_string(), n, &(n / 10).to_string())).collect();
    let receipts = handle.intake().submit_all(updates).await.unwrap();
    assert!(receipts.iter().all(|receipt| *receipt == Receipt::Accepted));
    let started = tokio::time::Instant::now();
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_eq!(started.elapsed().as_millis() / 100, 10, "100 updates of 10 ms each, ten chats side by side");
    let expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let ran = ran.lock();
    assert_eq!(ran.len(), 10);
    for order in ran.values() {
        assert_eq!(*order, expected);
    }
}
