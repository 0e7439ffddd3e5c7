//! Several platforms in one process: each has its turn.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::bot::{Bot, Context};
use tertulia::runner::Options;
use tertulia_testkit::Desk;

use super::support::{Window, update};

#[tokio::test(start_paused = true)]
async fn a_platform_with_many_updates_does_not_keep_another_waiting() {
    let done = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&done);
    let options = Options { concurrency: 2, ..Options::default() };
    let bot = Bot::new(Desk::new()).adapter(Window).options(options).on_message(move |ctx: Context| {
        let note = Arc::clone(&note);
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            note.lock().push(ctx.conversation().source().into_owned());
            Ok(())
        }
    });
    let bot = bot.start().await.unwrap();
    let flood = (0..1_000).map(|chat| update("desk", &chat.to_string(), "hello")).collect();
    bot.door().intake.submit_all(flood).await.unwrap();
    let few = (0..10).map(|chat| update("window", &chat.to_string(), "hello")).collect();
    bot.door().intake.submit_all(few).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let done = done.lock();
    let window = done.iter().filter(|source| *source == "window").count();
    assert!(done.len() <= 45, "{} were done by now", done.len());
    assert_eq!(window, 10, "of {}", done.len());
}
