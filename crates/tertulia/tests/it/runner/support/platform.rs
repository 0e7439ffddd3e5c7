//! A platform that takes calls as a closure says, and a source of batches that notes what it is asked.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tertulia::Result;
use tertulia::runner::{Call, Incoming, Sender, Source, Wait};
use tertulia::storage::BoxFuture;
use tokio::sync::Notify;

type Answer = Box<dyn Fn(&Call) -> BoxFuture<'static, Result<String>> + Send + Sync>;

type Asked = Box<dyn Fn(&Call) -> Wait + Send + Sync>;

/// Makes calls.
pub(crate) struct Platform {
    answer: Answer,
    wait: Asked,
    /// The calls that it was told to forget.
    pub(crate) forgotten: Mutex<Vec<String>>,
}

impl Platform {
    pub(crate) fn new<R>(answer: impl Fn(&Call) -> R + Send + Sync + 'static) -> Arc<Self>
    where
        R: Future<Output = Result<String>> + Send + 'static,
    {
        Self::pacing(|_| Wait::None, answer)
    }

    /// One that is asked whether a call may be made.
    pub(crate) fn pacing<R>(
        wait: impl Fn(&Call) -> Wait + Send + Sync + 'static,
        answer: impl Fn(&Call) -> R + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        R: Future<Output = Result<String>> + Send + 'static,
    {
        let answer: Answer = Box::new(move |call| Box::pin(answer(call)));
        Arc::new(Self { answer, wait: Box::new(wait), forgotten: Mutex::default() })
    }
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Platform")
    }
}

impl Sender for Platform {
    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        (self.answer)(call)
    }

    fn wait(&self, call: &Call) -> Wait {
        (self.wait)(call)
    }

    fn forget(&self, call: &Call) {
        self.forgotten.lock().push(String::from_utf8_lossy(&call.body).into_owned());
    }
}

/// A source that gives batches one by one and then waits for more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batches(Arc<State>);

#[derive(Debug, Default)]
struct State {
    batches: Mutex<VecDeque<Result<Vec<Incoming>>>>,
    more: Notify,
    asked: Mutex<Vec<&'static str>>,
}

impl Batches {
    pub(crate) fn new(batches: impl IntoIterator<Item = Vec<Incoming>>) -> Self {
        let source = Self::default();
        source.0.batches.lock().extend(batches.into_iter().map(Ok));
        source
    }

    pub(crate) fn give(&self, batch: Result<Vec<Incoming>>) {
        self.0.batches.lock().push_back(batch);
        self.0.more.notify_one();
    }

    /// What it was asked, in order: `fetch` and `confirm`.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        self.0.asked.lock().clone()
    }

    fn note(&self, what: &'static str) {
        self.0.asked.lock().push(what);
    }
}

impl Source for Batches {
    fn fetch(&mut self, limit: usize) -> BoxFuture<'_, Result<Vec<Incoming>>> {
        assert!(limit > 0);
        self.note("fetch");
        Box::pin(async move {
            loop {
                if let Some(batch) = self.0.batches.lock().pop_front() {
                    return batch;
                }
                self.0.more.notified().await;
            }
        })
    }

    fn confirm(&mut self) -> BoxFuture<'_, Result<()>> {
        self.note("confirm");
        Box::pin(async { Ok(()) })
    }
}
