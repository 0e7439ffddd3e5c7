//! One update on its way to the webhook: which one is next, and how it went.

use std::time::Duration;

use tertulia::Timestamp;

use super::post::{Outcome, Target};
use crate::bot_api::journal::Event;
use crate::bot_api::state::Held;

/// A webhook that answers 410 for this long is deleted.
const GONE: Duration = Duration::from_secs(23 * 3600);

/// What a worker does next.
#[derive(Debug)]
pub(super) enum Next {
    Post(Delivery),
    /// Nothing until this moment, or until there is news.
    Wait(Option<Timestamp>),
    /// The webhook is another one, or none.
    End,
}

/// One update on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) target: Target,
    pub(super) body: String,
    pub(super) lane: i64,
    pub(super) update: i32,
    pub(super) post: u32,
}

impl Held<'_> {
    /// What a worker for this webhook does next.
    pub(super) fn next_delivery(&mut self, generation: u64) -> Next {
        let state = &mut *self.state;
        let Some(set) = state.webhook.set.as_mut().filter(|_| state.webhook.generation == generation) else {
            return Next::End;
        };
        let (lane, update) = match set.lanes.take(&state.queue, self.now) {
            Ok(taken) => taken,
            Err(due) => return Next::Wait(due),
        };
        let rest = state.queue.get(update).map_or("}", |waiting| &waiting.rest);
        let body = format!("{{\"update_id\":{update},{rest}");
        state.webhook.posts += 1;
        let post = state.webhook.posts;
        let target = set.target.clone();
        self.write(Event::Posted { update, post });
        Next::Post(Delivery { target, body, lane, update, post })
    }

    /// An update was delivered, or not.
    pub(super) fn delivered(&mut self, generation: u64, delivery: &Delivery, outcome: Outcome) {
        let Delivery { lane, update, post, .. } = *delivery;
        self.write(Event::Answered { update, post, status: outcome.status });
        let (state, now) = (&mut *self.state, self.now);
        let Some(set) = state.webhook.set.as_mut().filter(|_| state.webhook.generation == generation) else {
            return;
        };
        // Others may have something to do now.
        state.news = true;
        if (200..300).contains(&outcome.status) {
            set.gone_since = None;
            if state.random.f64() < state.faults.duplicate {
                set.lanes.again(lane, now);
                return;
            }
            set.lanes.done(lane, now);
            if state.queue.remove(update).is_some() {
                self.write(Event::Confirmed { update, by: post });
            }
            return;
        }
        set.last_error = Some((now, outcome.description()));
        let gone = (outcome.status == 410).then(|| *set.gone_since.get_or_insert(now));
        set.gone_since = gone;
        let wait = set.lanes.failed(lane, outcome.retry_after, &mut state.random);
        let expires = state.queue.get(update).map_or(now, |waiting| waiting.expires);
        if now.after(wait) > expires {
            set.lanes.done(lane, now);
            if state.queue.remove(update).is_some() {
                self.write(Event::Dropped { update });
            }
        } else {
            set.lanes.again(lane, now.after(wait.mul_f64(state.webhook.retry_scale)));
        }
        if gone.is_some_and(|since| now.since(since) > GONE) {
            self.state.webhook.change(None);
            self.write(Event::Webhook { set: false });
        }
    }
}
