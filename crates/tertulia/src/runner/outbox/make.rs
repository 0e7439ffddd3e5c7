//! Makes one call, and decides what its outcome means.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::lanes::{Back, Taken};
use super::pending::Pending;
use super::record::Recorded;
use super::shared::Follow;
use super::stats::Stats;
use crate::error::Kind;
use crate::runner::core::Core;
use crate::runner::format::{CallState, SentRecord};
use crate::runner::panics::{caught, caught_async};
use crate::runner::riders::Over;
use crate::runner::{Handler, Paced, RetryAfter, Step, Wait};
use crate::storage::BoxFuture;
use crate::{Error, Timestamp};

/// Who is blamed for a panic.
const ADAPTER: &str = "the adapter";

impl<H: Handler> Core<H> {
    /// Makes calls that are in the outbox by now.
    pub(in crate::runner) fn queue_calls(self: &Arc<Self>, calls: impl Iterator<Item = Pending>) {
        let (needless, follow) = self.outbox.add(calls);
        needless.iter().for_each(|pending| self.drop_joined(pending));
        self.follow_calls(follow);
    }

    /// Starts sender tasks, and has updates looked at that waited for room.
    pub(super) fn follow_calls(self: &Arc<Self>, Follow { start, woken }: Follow) {
        for _ in 0..start {
            let core = Arc::clone(self);
            self.tasks.spawn(async move {
                let mut next = core.outbox.take();
                while let Some(taken) = next {
                    next = core.make_call(taken).await;
                }
            });
        }
        for place in woken {
            let start = self.index.resume(place);
            self.start(start);
        }
    }

    /// Makes one call and marks it, or puts its conversation off; gives the next one to make.
    async fn make_call(self: &Arc<Self>, mut taken: Taken) -> Option<Taken> {
        if let Some(error) = taken.pending.given_up.take() {
            return self.bury_call(taken, error.into()).await;
        }
        let now = self.clock.now();
        if now >= taken.pending.deadline {
            return self.bury_late(taken).await;
        }
        if let Some(special) = &taken.pending.special
            && special.state != CallState::Pending
            && !special.mine
        {
            let error =
                "the process stopped while the call was made, and nobody knows whether it was".to_owned();
            return self.bury_unknown(taken, error).await;
        }
        if let Some(ticket) = taken.pending.unresolved() {
            let conversation = &taken.pending.call.conversation;
            match self.find_message(conversation, ticket).await {
                Ok(found) => taken.pending.call.refers = Some(found),
                Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Timeout | Kind::Unknown) => {
                    let failed = taken.pending.failed(error.to_string());
                    return self.try_again(taken, failed, &error);
                }
                Err(error) => return self.bury_call(taken, error.to_string()).await,
            }
        }
        let wait = caught(ADAPTER, || self.outbox.sender(&taken).wait(&taken.pending.call));
        match wait {
            Ok(Wait::None) => {}
            Ok(Wait::Conversation(wait)) => return self.put_off_call(taken, wait, Back::Paced),
            Ok(Wait::Everybody(wait)) => {
                self.close_platform(taken.platform, now.after(rounded_up(wait)), false);
                return self.give_back_call(taken, Back::Ready);
            }
            Err(panic) => return self.bury_call(taken, panic.to_string()).await,
        }
        if taken.pending.at_most_once() {
            match self.record_sending(&mut taken.pending).await {
                Recorded::Done => {}
                Recorded::Gone => return self.call_over(taken, None).await,
            }
        }
        if std::mem::take(&mut taken.pending.perhaps_made) {
            Stats::count(&self.outbox.stats.repeated);
        }
        let sent = {
            let (sender, call) = (self.outbox.sender(&taken), &taken.pending.call);
            let steps = taken.pending.steps();
            let make = async {
                match steps {
                    Some(so_far) => sender.step(call, so_far).await,
                    None => sender.send(call).await.map(Step::Made),
                }
            };
            caught_async(ADAPTER, make).await
        };
        match sent.and_then(|sent| sent) {
            Ok(Step::On { so_far, next }) => self.call_goes_on(taken, so_far, next).await,
            Ok(Step::Made(message)) => {
                Stats::count(&self.outbox.stats.made);
                self.call_over(taken, Some(message)).await
            }
            Err(error) => self.call_failed(taken, error).await,
        }
    }

    /// A call has made a step and rests until there is something to do for it; gives the next one to make.
    async fn call_goes_on(
        self: &Arc<Self>,
        mut taken: Taken,
        so_far: String,
        mut next: BoxFuture<'static, ()>,
    ) -> Option<Taken> {
        self.outbox.stepped(taken.platform);
        taken.pending.trouble = None;
        if taken.pending.steps() != Some(&so_far)
            && matches!(self.record_step(&mut taken.pending, so_far).await, Recorded::Gone)
        {
            self.forget(&taken.pending);
            return self.call_over(taken, None).await;
        }
        if (&mut next).now_or_never().is_some() {
            // It does not rest: a shutdown waits for what there is to do.
            return self.give_back_call(taken, Back::Stepped);
        }
        let (lane, offset) = (taken.lane, taken.pending.offset);
        let left = taken.pending.deadline.since(self.clock.now());
        let after = self.give_back_call(taken, Back::Resting);
        let core = Arc::clone(self);
        self.tasks.spawn(async move {
            tokio::select! {
                () = next => {}
                () = core.clock.sleep(left) => {}
            }
            let follow = core.outbox.resume_resting(lane, offset);
            core.follow_calls(follow);
        });
        after
    }

    /// Has every call that rests looked at once more, since the runner stops.
    pub(in crate::runner) fn stir_calls(self: &Arc<Self>) {
        let follow = self.outbox.stir();
        self.follow_calls(follow);
    }

    /// What to do with a call that was tried and not made.
    async fn call_failed(self: &Arc<Self>, mut taken: Taken, error: Error) -> Option<Taken> {
        let unknown = matches!(error.kind(), Kind::Unknown | Kind::Timeout);
        let at_most_once = taken.pending.at_most_once();
        // An adapter that panics has said nothing of what it did.
        if at_most_once && (unknown || error.kind() == Kind::Internal) {
            return self.bury_unknown(taken, error.to_string()).await;
        }
        if let Some(Paced(wait)) = error.detail() {
            return self.put_off_call(taken, *wait, Back::Paced);
        }
        let failed = taken.pending.failed(error.to_string());
        if !unknown && error.kind() != Kind::Unavailable {
            return self.bury_call(taken, error.to_string()).await;
        }
        taken.pending.perhaps_made |= unknown;
        if at_most_once && matches!(self.record_pending(&mut taken.pending).await, Recorded::Gone) {
            return self.call_over(taken, None).await;
        }
        self.try_again(taken, failed, &error)
    }

    /// Has a call tried again that failed so many times, the last time so.
    fn try_again(self: &Arc<Self>, taken: Taken, failed: u16, error: &Error) -> Option<Taken> {
        let now = self.clock.now();
        let wait = match error.detail::<RetryAfter>() {
            Some(RetryAfter(wait)) => {
                if let Some(until) = self.outbox.refused(&taken, now.after(*wait), now) {
                    tracing::warn!(%error, "several conversations are told to wait, so all of the platform's do");
                    self.close_platform(taken.platform, until, true);
                }
                *wait
            }
            None => self.options.backoff(failed, self.clock.random()),
        };
        let conversation = &taken.pending.call.conversation;
        tracing::warn!(%conversation, %error, "a call is made again in {} ms", wait.as_millis());
        Stats::count(&self.outbox.stats.put_off);
        // At its deadline it is looked at, so that it is given up then and not later.
        let wait = wait.min(taken.pending.deadline.since(now));
        self.put_off_call(taken, wait, Back::Failed)
    }

    /// A call is over and only needs to be marked so. `message` is what it gave; `None` if it was not made.
    async fn call_over(self: &Arc<Self>, taken: Taken, message: Option<String>) -> Option<Taken> {
        let made = message.is_some();
        if let Some(message) = message {
            self.mark_made(&taken.pending, message);
        }
        self.next_call(&taken, made)
    }

    fn mark_made(&self, pending: &Pending, message: String) {
        let call = &pending.call;
        let ticket = match &call.refers {
            // What is as it was is in the log already: a message that is edited again and again takes no others' place.
            Some(referred) if referred.message == message => None,
            Some(referred) => Some(&referred.ticket),
            None => Some(&call.ticket),
        };
        let sent = ticket.map(|ticket| {
            (call.conversation.clone(), SentRecord { ticket: ticket.clone(), message }.encode())
        });
        let Pending { offset, born, revision, .. } = *pending;
        let over = Over { offset, born, revision, sent };
        self.riders.add(pending.shard, |marks| marks.calls.push(over));
    }

    /// A newer call makes this one needless: it leaves the outbox unsent.
    fn drop_joined(&self, pending: &Pending) {
        Stats::count(&self.outbox.stats.joined);
        self.forget(pending);
        let Pending { offset, born, revision, .. } = *pending;
        let over = Over { offset, born, revision, sent: None };
        self.riders.add(pending.shard, |marks| marks.calls.push(over));
    }

    /// Has the adapter forget a call that it may have tried.
    pub(super) fn forget(&self, pending: &Pending) {
        let Some(sender) = self.outbox.sender_of(&pending.call.conversation) else { return };
        if let Err(panic) = caught(ADAPTER, || sender.forget(&pending.call)) {
            tracing::error!(conversation = %pending.call.conversation, error = %panic, "a call was not forgotten");
        }
    }

    /// The call of a lane is over, whatever became of it.
    pub(super) fn next_call(self: &Arc<Self>, taken: &Taken, made: bool) -> Option<Taken> {
        let (next, follow) = self.outbox.done(taken.lane, taken.platform, &taken.pending, made);
        self.follow_calls(follow);
        next
    }

    /// Holds a conversation up; gives the next call to make.
    pub(super) fn put_off_call(self: &Arc<Self>, taken: Taken, wait: Duration, why: Back) -> Option<Taken> {
        let lane = taken.lane;
        let next = self.give_back_call(taken, why);
        let core = Arc::clone(self);
        self.tasks.spawn(async move {
            core.clock.sleep(wait).await;
            let follow = core.outbox.resume(lane);
            core.follow_calls(follow);
        });
        next
    }

    fn give_back_call(self: &Arc<Self>, taken: Taken, why: Back) -> Option<Taken> {
        let (needless, next, follow) = self.outbox.give_back(taken, why);
        if let Some(needless) = needless {
            self.drop_joined(&needless);
        }
        self.follow_calls(follow);
        next
    }

    /// Makes no calls of a platform until then.
    fn close_platform(self: &Arc<Self>, platform: usize, until: Timestamp, refused: bool) {
        if !self.outbox.close(platform, until, refused) {
            return;
        }
        let core = Arc::clone(self);
        let wait = until.since(self.clock.now());
        self.tasks.spawn(async move {
            core.clock.sleep(wait).await;
            let follow = core.outbox.open(platform, until);
            core.follow_calls(follow);
        });
    }
}

/// Timestamps are whole milliseconds.
fn rounded_up(wait: Duration) -> Duration {
    wait.saturating_add(Duration::from_micros(999))
}
