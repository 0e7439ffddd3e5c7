//! What a case of the graphs' suite works on, and the short words the cases say to it.

use std::sync::Arc;
use std::time::Duration;

use tertulia::graph::{
    Awaited, Checkpoint, Graph, Inputs, Options, Run, RunId, Runs, Standing, StateSaver, Stepped,
};
use tertulia::session::{State, WriteMode};
use tertulia::storage::{Expire, LogWrite, Storage};
use tertulia::{Clock, Conversation, Key, Name};

use crate::{Faulty, FaultySaver, Subject};

/// Where runs are kept in a case, and in which write mode.
///
/// Its short words panic where the runs fail them: a case is a test.
#[derive(Debug)]
pub struct Setting<'a> {
    subject: &'a Subject,
    mode: WriteMode,
}

/// Where runs are kept: through a wrapper, perhaps.
#[derive(Clone, Debug)]
pub enum Flow {
    /// In a storage.
    Storage(Arc<dyn Storage>),
    /// By a persister.
    Saver(Arc<dyn StateSaver<Way = Awaited>>),
}

impl Flow {
    /// Runs of this graph there, as a process has them that has just begun.
    pub fn runs<S: State>(&self, graph: &Graph<S>, options: Options) -> Runs<S> {
        match self {
            Self::Storage(storage) => Runs::with(graph, Arc::clone(storage), Clock::system(), options),
            Self::Saver(saver) => Runs::custom_with(graph, Arc::clone(saver), Clock::system(), options),
        }
    }
}

impl<'a> Setting<'a> {
    /// Runs of this mode where the subject keeps them.
    pub fn new(subject: &'a Subject, mode: WriteMode) -> Self {
        Self { subject, mode }
    }

    /// What is under test.
    pub fn subject(&self) -> &Subject {
        self.subject
    }

    /// Whether steps return before they are stored.
    pub fn is_queued(&self) -> bool {
        self.mode != WriteMode::Transactional
    }

    /// Whether a persister keeps the runs, and not a storage.
    pub fn is_custom(&self) -> bool {
        self.subject.saver().is_some()
    }

    /// Where runs are kept.
    pub fn flow(&self) -> Flow {
        match self.subject.saver() {
            Some(saver) => Flow::Saver(saver),
            None => Flow::Storage(self.subject.storage()),
        }
    }

    /// The same, with faults to be planned.
    pub fn faulty(&self) -> (Faulty, Flow) {
        match self.flow() {
            Flow::Storage(storage) => {
                let faulty = Faulty::new(storage);
                (faulty.clone(), Flow::Storage(Arc::new(faulty)))
            }
            Flow::Saver(saver) => {
                let faulty = FaultySaver::new(saver);
                (faulty.plan().clone(), Flow::Saver(Arc::new(faulty)))
            }
        }
    }

    /// Runs as a process has them that has just begun.
    pub fn runs<S: State>(&self, graph: &Graph<S>) -> Runs<S> {
        self.flow().runs(graph, self.options())
    }

    /// The same, with options; their mode is the case's.
    pub fn with<S: State>(&self, graph: &Graph<S>, options: Options) -> Runs<S> {
        self.flow().runs(graph, Options { mode: self.mode, ..options })
    }

    /// Options in the case's mode, with which whole histories are loaded.
    pub fn options(&self) -> Options {
        Options { mode: self.mode, log_tail: 1 << 20, ..Options::default() }
    }

    /// A run that there never was, in a conversation of its own.
    pub fn id(&self) -> RunId {
        RunId::alone(self.subject.id().0.to_string()).expect("a number is a name")
    }

    /// A run is begun, and stepped so many times.
    pub async fn stepped<S: State + Default>(&self, runs: &Runs<S>, id: &RunId, steps: u64) -> Run<S> {
        let run = runs.create(id, S::default()).await.expect("a run can be made");
        self.step(&run, steps).await;
        run
    }

    /// So many steps more, which must go well.
    pub async fn step<S: State>(&self, run: &Run<S>, steps: u64) {
        for _ in 0..steps {
            self.one(run).await;
        }
    }

    /// One step more, which must go well.
    pub async fn one<S: State>(&self, run: &Run<S>) -> Stepped {
        let stepped = run.step(Inputs::new()).await.expect("the step goes well");
        stepped.expect("the run is not at its end")
    }

    /// Waits until all of a run is stored.
    pub async fn flush<S: State>(&self, run: &Run<S>) {
        run.flush().await.expect("all can be stored");
    }

    /// A run that is there, as another process opens it.
    pub async fn opened<S: State>(&self, graph: &Graph<S>, id: &RunId) -> Run<S> {
        let run = self.runs(graph).open(id).await.expect("the run can be opened");
        run.unwrap_or_else(|| panic!("{id} is there"))
    }

    /// How it stands there.
    pub async fn standing<S: State>(&self, graph: &Graph<S>, id: &RunId) -> Standing {
        self.opened(graph, id).await.standing().await.expect("it can be looked at")
    }

    /// What is stored of it, newest first, as another process sees it.
    pub async fn history<S: State>(&self, graph: &Graph<S>, id: &RunId) -> Vec<Checkpoint> {
        self.runs(graph).history(id, None, 100_000).await.expect("its history can be read")
    }

    /// Waits until so much time has passed. Nothing sleeps: where time cannot be moved, it waits for a log to expire.
    pub async fn pass(&self, duration: Duration) {
        if self.subject.leap(duration).await {
            return;
        }
        let conversation = Conversation::new("timer", &self.subject.id().0.to_string());
        let timer = Key::Log(conversation.expect("a number is an id"), Name::from_static("timer"));
        let write = LogWrite::new(timer.clone()).append("x").expire(Expire::After(duration));
        let head = self.subject.put_log(write).await;
        assert_eq!(self.subject.changed(&timer, Some(head.etag)).await, None);
    }
}
