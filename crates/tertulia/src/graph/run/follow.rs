//! A call, with all that its actions say.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;

use tokio::sync::mpsc;

use super::Run;
use super::says::Out;
use crate::Result;
use crate::graph::{Halted, Inputs, Item, Until};
use crate::session::State;

/// How many items an action may be ahead of who follows it.
const AHEAD: usize = 16;

/// What the actions of a call say, as they say it.
#[must_use = "nothing runs unless the next item is asked for"]
pub struct Items<'a, S: State> {
    /// `None` when it is over.
    call: Option<Pin<Box<dyn Future<Output = Result<Halted>> + Send + 'a>>>,
    items: mpsc::Receiver<Item>,
    left: VecDeque<Item>,
    halted: Option<Result<Halted>>,
    of: std::marker::PhantomData<fn() -> S>,
}

impl<'a, S: State> Items<'a, S> {
    pub(super) fn new(run: &'a Run<S>, until: Until, inputs: Inputs) -> Self {
        let (sender, items) = mpsc::channel(AHEAD);
        let call = async move {
            let mut core = run.lock().await;
            core.out = Out::new(core.graph(), core.sink.clone(), Some(sender));
            let halted = core.run_as("stream_result", &until, &inputs).await;
            core.out = Out::new(core.graph(), core.sink.clone(), None);
            halted
        };
        let (call, left): (Pin<Box<dyn Future<Output = _> + Send + 'a>>, _) =
            (Box::pin(call), VecDeque::new());
        Self { call: Some(call), items, left, halted: None, of: std::marker::PhantomData }
    }

    /// The next thing that is said; `None` when the call is over.
    ///
    /// # Errors
    /// What the call fails with, after all that was said before.
    ///
    /// # Cancel safety
    /// Dropping this future loses nothing; the call goes on when it is asked again.
    pub async fn next(&mut self) -> Result<Option<Item>> {
        loop {
            if let Some(item) = self.left.pop_front() {
                return Ok(Some(item));
            }
            let Some(call) = &mut self.call else {
                return match self.halted.take() {
                    Some(Err(error)) => Err(error),
                    halted => {
                        self.halted = halted;
                        Ok(None)
                    }
                };
            };
            tokio::select! {
                biased;
                Some(item) = self.items.recv() => return Ok(Some(item)),
                halted = call => {
                    self.halted = Some(halted);
                    self.call = None;
                    while let Ok(item) = self.items.try_recv() {
                        self.left.push_back(item);
                    }
                }
            }
        }
    }

    /// Where the call has come to; `None` before [`next`](Self::next) has given `None`.
    pub fn halted(&self) -> Option<&Halted> {
        self.halted.as_ref()?.as_ref().ok()
    }
}

impl<S: State> fmt::Debug for Items<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("over", &self.call.is_none()).finish_non_exhaustive()
    }
}
