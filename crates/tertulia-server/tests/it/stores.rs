//! The server on a database that is killed under load: what was answered is there, and nothing is there twice.

use tertulia_testkit::servers::Server;

use crate::kill::{BETWEEN, Load};
use crate::support::Folder;

const KILLS: usize = 10;

/// Kills the database again and again, and in every third round the server too.
async fn killed(database: &Server, url: &str) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = Folder::new();
    folder.write("tertulia.toml", &format!("storage = \"{url}\"\n"));
    let mut server = folder.serve();
    let mut load = Load::start(&server);
    for round in 0..KILLS {
        load.wait(random.usize(0..=BETWEEN)).await;
        database.kill();
        if round % 3 < 2 {
            database.restart();
            continue;
        }
        server.kill();
        database.restart();
        server = folder.serve();
        load.goes_on_at(&server);
    }
    load.end(&folder, &server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_of_redis_lose_nothing_that_was_answered_and_double_nothing() {
    // With `everysec` it answers before it writes while the disk flushes, and a kill then loses what it answered.
    let redis = Server::redis_with("redis-server", &["--appendfsync", "always"]);
    killed(&redis, &format!("redis://127.0.0.1:{}", redis.port())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_of_postgres_lose_nothing_that_was_answered_and_double_nothing() {
    let postgres = Server::postgres();
    killed(&postgres, &postgres.postgres_url()).await;
}
