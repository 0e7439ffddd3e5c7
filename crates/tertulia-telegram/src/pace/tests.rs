//! No stretch of time has more messages than it may, and what is kept in mind is bounded.

use std::time::Duration;

use tertulia::runner::Wait;
use tokio::time::Instant;

use super::{Chat, MAX_CHATS, Pace, Rate, RateLimits};

/// Sends as fast as it is let, in turn to each of these chats, for so long; gives when each message was sent.
async fn sent(limits: RateLimits, chats: &[i64], seconds: u64) -> Vec<Duration> {
    let pace = Pace::new(limits);
    let begun = Instant::now();
    let mut sent = Vec::new();
    let mut chats = chats.iter().cycle();
    let mut chat = chats.next().copied();
    while begun.elapsed() < Duration::from_secs(seconds) {
        match pace.take(chat.map(Chat)) {
            Wait::None => {
                sent.push(begun.elapsed());
                chat = chats.next().copied();
            }
            Wait::Conversation(wait) | Wait::Everybody(wait) => tokio::time::sleep(wait).await,
        }
    }
    sent
}

/// The most messages in any stretch of this length, its ends included.
fn most(sent: &[Duration], within: Duration) -> usize {
    let from = |at: &Duration| sent.iter().filter(|other| *other >= at && **other - *at <= within).count();
    sent.iter().map(from).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn no_second_has_more_than_30_messages_in_all() {
    let chats: Vec<i64> = (1..=500).collect();
    let sent = sent(RateLimits::default().in_all(30), &chats, 10).await;
    assert_eq!(most(&sent, Duration::from_secs(1)), 30);
    assert!((250..=260).contains(&sent.len()), "{} in 10 s", sent.len());
}

#[tokio::test(start_paused = true)]
async fn answers_to_many_chats_wait_for_nothing_unless_that_is_asked_for() {
    let answer = |limits| {
        let pace = Pace::new(limits);
        (1..=500).filter(|chat| pace.take(Some(Chat(*chat))) == Wait::None).count()
    };
    assert_eq!(answer(RateLimits::default()), 500);
    assert_eq!([0, 1, 30, 600].map(|rate| answer(RateLimits::default().in_all(rate))), [1, 1, 5, 100]);
}

#[tokio::test(start_paused = true)]
async fn a_chat_gets_one_message_a_second_after_a_short_burst() {
    let sent = sent(RateLimits::default(), &[7], 60).await;
    let whole: Vec<u64> = sent.iter().map(Duration::as_secs).collect();
    assert_eq!(whole[..8], [0, 0, 0, 0, 0, 1, 2, 3]);
    assert_eq!(sent.len(), 5 + 59);
}

#[tokio::test(start_paused = true)]
async fn no_minute_has_more_than_20_messages_in_a_group() {
    let sent = sent(RateLimits::default(), &[-1_007], 300).await;
    assert_eq!(most(&sent, Duration::from_secs(60)), 20);
    assert!((75..=80).contains(&sent.len()), "{} in 5 minutes", sent.len());
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_waits_does_not_use_up_the_rate_of_the_bot() {
    let rate = |burst, millis| Some(Rate { burst, every: Duration::from_millis(millis) });
    let pace = Pace::new(RateLimits { bot: rate(2, 1_000), chat: rate(1, 10_000), group: None });
    assert_eq!(pace.take(Some(Chat(1))), Wait::None);
    assert_eq!(pace.take(Some(Chat(1))), Wait::Conversation(Duration::from_secs(10)));
    assert_eq!(pace.take(Some(Chat(2))), Wait::None);
    assert_eq!(pace.take(Some(Chat(3))), Wait::Everybody(Duration::from_secs(1)));
    assert_eq!(pace.take(None), Wait::Everybody(Duration::from_secs(1)));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(pace.take(Some(Chat(3))), Wait::None);
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_waits() {
    let pace = Pace::new(RateLimits::none());
    for _ in 0..1_000 {
        assert_eq!(pace.take(Some(Chat(-1))), Wait::None);
    }
    assert_eq!(pace.used.lock().chats.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn chats_that_are_quiet_are_forgotten_and_no_more_are_kept_than_may_be() {
    let pace = Pace::new(RateLimits { bot: None, ..RateLimits::default() });
    let most = i64::try_from(MAX_CHATS).unwrap();
    for chat in 1..=most + 10 {
        assert_eq!(pace.take(Some(Chat(chat))), Wait::None);
    }
    assert_eq!(pace.used.lock().chats.len(), MAX_CHATS);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(pace.take(Some(Chat(-5))), Wait::None);
    assert_eq!(pace.used.lock().chats.len(), 1, "the others could take a whole burst again");
}
