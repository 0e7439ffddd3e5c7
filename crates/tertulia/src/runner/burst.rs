//! Bursts: updates of one key that wait are joined into one turn, once none came for a while.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::index::Arrived;
use super::panics::caught;
use super::sequence::Place;
use super::taken::Taken;
use super::{About, Burst, Handler};
use crate::Result;

impl<H: Handler> Core<H> {
    /// How long until the turn of an update may begin, for the sake of those that may yet come to be joined; `None` if
    /// it may begin now.
    pub(super) async fn burst_ends_in(&self, place: Place, first: &Arrived) -> Option<Duration> {
        let Burst { quiet, longest, most } = self.burst(&first.about)?;
        // One that has asked before is joined with what it was joined with then.
        if first.released.is_some() {
            return None;
        }
        // Whoever cannot be read now is found when it is joined.
        let more = self.burst_behind(place, first, most).await.ok()?;
        if more.len() + 1 >= most {
            return None;
        }
        let last = more.last().map_or(first.about.arrived, |(_, last)| last.about.arrived);
        let ends = last.after(quiet).min(first.about.arrived.after(longest));
        Some(ends.since(self.clock.now())).filter(|wait| !wait.is_zero())
    }

    /// Takes in the updates that are to be run together with this one.
    pub(super) async fn join_burst(self: &Arc<Self>, place: Place, first: &Arrived) -> Result<Taken> {
        let mut joined = Taken::default();
        let Some(Burst { most, .. }) = self.burst(&first.about) else { return Ok(joined) };
        let before = first.released.as_ref().map(|released| usize::from(released.joined) + 1);
        let most = before.unwrap_or(most);
        for (place, arrived) in self.burst_behind(place, first, most).await? {
            let desk = Arc::clone(self) as Arc<dyn super::desk::Desk>;
            match Taken::one(&desk, place, arrived) {
                Some(one) => joined.add(one),
                None => break,
            }
        }
        Ok(joined)
    }

    /// The updates behind one that are of its burst, without a gap.
    async fn burst_behind(
        &self,
        place: Place,
        first: &Arrived,
        most: usize,
    ) -> Result<Vec<(Place, Arc<Arrived>)>> {
        let mut found = Vec::new();
        for (place, arrived) in self.index.behind(place) {
            if found.len() + 1 >= most || arrived.about.conversation != first.about.conversation {
                break;
            }
            let Some(whole) = self.with_body(&arrived).await? else { continue };
            if self.burst(&whole.about).is_none() {
                break;
            }
            found.push((place, whole));
        }
        Ok(found)
    }

    fn burst(&self, about: &About) -> Option<Burst> {
        caught("the function that joins bursts", || self.handler.burst(about)).unwrap_or_else(|error| {
            tracing::error!(update = ?about.update, %error, "it is run alone");
            None
        })
    }
}
