//! How much of the past is kept.

use std::sync::Arc;
use std::time::Duration;

use tertulia::bot::journal::timeline;
use tertulia::bot::{Bot, Context, Session};
use tertulia::runner::{JOURNAL, Journal};
use tertulia::storage::{Memory, Read, Storage};
use tertulia::{Clock, Key, Timestamp};
use tertulia_testkit::Desk;

use super::{Chat, memory, seven, started, tell, turns_of};

fn counting() -> Bot {
    Bot::new(Desk::new()).session::<Chat>("chat").on_message(async |ctx: Context, mut chat: Session<Chat>| {
        chat.count += 1;
        ctx.reply(ctx.text()).await?;
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn a_journal_keeps_the_last_turns_and_what_it_keeps_can_be_read() {
    let storage = memory();
    let bot = started(&storage, Journal { turns: 8, ..Journal::default() }, counting()).await;
    for n in 0..50_u64 {
        tell(&bot, "7", &n.to_string()).await;
        let kept = turns_of(&storage, &seven()).await;
        let least = (n + 1).min(7);
        assert!((least..=8).contains(&(kept.len() as u64)), "{} of {n}", kept.len());
        assert_eq!(kept.last().unwrap().0, n);
        assert!(kept[0].1.begins);
        // Each turn is known, though the first of them was long ago.
        for turn in timeline(&*storage, &seven()).await.unwrap() {
            assert_eq!(turn.changes.unwrap()[0].value["count"], turn.number + 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_keeps_no_more_bytes_than_it_may() {
    let storage = memory();
    let bot = started(&storage, Journal { bytes: 16_000, ..Journal::default() }, counting()).await;
    for _ in 0..40 {
        tell(&bot, "7", &"x".repeat(1_000)).await;
    }
    let kept = turns_of(&storage, &seven()).await;
    // A turn has a little over 2,000 bytes: what came, and what was said.
    assert!((4..=8).contains(&kept.len()), "{}", kept.len());
    assert!(kept[0].1.begins);
}

#[tokio::test(start_paused = true)]
async fn a_journal_forgets_what_is_older_and_ends_when_nothing_happens() {
    let clock = Clock::starting_at(Timestamp(1_790_000_000_000), 1);
    let memory = Memory::with(clock.clone(), Default::default(), Memory::DEFAULT_MAX_BYTES);
    let storage: Arc<dyn Storage> = Arc::new(memory);
    let bot = counting().clock(clock.clone());
    let bot = started(&storage, Journal { days: 8, ..Journal::default() }, bot).await;
    for _ in 0..30 {
        tell(&bot, "7", "hello").await;
        tokio::time::sleep(Duration::from_hours(24)).await;
        let kept = turns_of(&storage, &seven()).await;
        assert!(kept.iter().all(|(_, turn)| clock.now().since(turn.at) <= Duration::from_hours(24 * 11)));
    }
    assert!(turns_of(&storage, &seven()).await.len() >= 8);
    tokio::time::sleep(Duration::from_hours(24 * 8)).await;
    let read = Read::new(Key::Log(seven(), JOURNAL));
    assert!(storage.read(&[read]).await.unwrap().remove(0).unwrap().is_none());
    tell(&bot, "7", "hello").await;
    let kept = turns_of(&storage, &seven()).await;
    assert!(kept.len() == 1 && kept[0].0 == 0 && kept[0].1.begins);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_again_goes_on_with_the_journal() {
    let storage = memory();
    let journal = Journal { turns: 40, ..Journal::default() };
    for start in 0..30 {
        let bot = started(&storage, journal, counting()).await;
        tell(&bot, "7", "one").await;
        tell(&bot, "7", "two").await;
        bot.shutdown(Duration::from_secs(10)).await;
        let told = timeline(&*storage, &seven()).await.unwrap();
        assert!(told.len() >= (2 * start + 2).min(10), "{} at {start}", told.len());
        assert!(told.len() <= 40);
        assert_eq!(told.last().unwrap().number, 2 * start as u64 + 1);
        for turn in told {
            assert_eq!(turn.changes.unwrap()[0].value["count"], turn.number + 1);
        }
    }
}
