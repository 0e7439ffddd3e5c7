//! `/metrics` and `/health` of the real binary.

use crate::support::{Folder, client};

#[tokio::test]
async fn metrics_and_health_tell_how_much_there_is_to_do() {
    let folder = Folder::new();
    let server = folder.serve();
    server.say("alice", "hello").await;
    server.has_run_all().await;
    let response = client().get(format!("{}/metrics", server.url)).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    for line in [
        "# TYPE tertulia_updates gauge",
        "tertulia_updates{state=\"known\"} 0",
        "tertulia_updates{state=\"parked\"} 0",
        "tertulia_updates_total{outcome=\"accepted\"} 1",
        "tertulia_turns_total{outcome=\"applied\"} 1",
        "tertulia_calls 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let health = server.health().await;
    assert_eq!((health["running"].as_bool(), health["updates"].as_u64()), (Some(true), Some(0)), "{health}");
    let rest = ["calls", "parked", "oldest_ms", "dead"].map(|name| health[name].as_u64());
    assert_eq!(rest, [Some(0); 4], "{health}");
}
