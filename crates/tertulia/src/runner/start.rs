//! Puts a runner together and starts it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::core::{Core, Hidden, Tasks};
use super::feed::feed;
use super::handle::{Feeds, Handle};
use super::inbox::Inbox;
use super::index::{Bounds, Crowd, Index};
use super::intake::{Intake, Request};
use super::isolate::Isolation;
use super::journal::Keeper;
use super::meter::Meter;
use super::outbox::{Load, Outbox};
use super::riders::Riders;
use super::{Handler, Journal, Options, Sender, Source};
use crate::storage::Storage;
use crate::{Clock, Error, Result};

/// How many updates may be ready while the workers compute, before the sources wait: what is ready stays within the
/// processor's caches, and what could not be taken at once is as well off at its source.
const READY: usize = 512;

/// A runner that is not running yet.
#[derive(Debug)]
pub struct Runner<H: Handler> {
    handler: Hidden<H>,
    storage: Arc<dyn Storage>,
    clock: Clock,
    options: Options,
    journal: Option<Journal>,
    sources: Vec<Box<dyn Source>>,
    senders: HashMap<String, Arc<dyn Sender>>,
    intake: Intake,
    requests: mpsc::Receiver<Request>,
}

impl<H: Handler> Runner<H> {
    /// A runner over `storage`.
    pub fn new(storage: Arc<dyn Storage>, clock: Clock, options: Options, handler: H) -> Self {
        let (intake, requests) = Intake::new(&*storage);
        Self {
            handler: Hidden(handler),
            storage,
            clock,
            options,
            journal: None,
            sources: Vec::new(),
            senders: HashMap::new(),
            intake,
            requests,
        }
    }

    /// Adds a source that is asked for updates.
    #[must_use]
    pub fn source(mut self, source: Box<dyn Source>) -> Self {
        self.sources.push(source);
        self
    }

    /// Keeps a [journal](super::journal) of each conversation.
    #[must_use]
    pub fn journal(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Has the calls of conversations of `source` made by `sender`.
    #[must_use]
    pub fn sender(mut self, source: &str, sender: Arc<dyn Sender>) -> Self {
        self.senders.insert(source.to_owned(), sender);
        self
    }

    /// The way in for sources that are not asked but push, such as an HTTP server. What is submitted before the
    /// runner is started waits.
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Finds what an earlier process left in the inbox and the outbox, starts running it, and only then opens the
    /// intake and asks the sources. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// What the storage gives when it is read; `Invalid` if an option makes no sense.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn start(self) -> Result<Handle<H>> {
        let Self { handler, storage, clock, options, journal, sources, senders, intake, requests } = self;
        check(&options)?;
        journal.iter().try_for_each(Journal::check)?;
        let runtime = tokio::runtime::Handle::current();
        let index = Index::new(Bounds {
            running: options.concurrency,
            computing: runtime.metrics().num_workers(),
            entries: options.index_entries,
            ready: READY,
            bytes: options.index_bytes,
            crowd: Crowd { entries: options.waiting, bytes: options.waiting_bytes },
        });
        let bounds = Load { calls: options.calls, bytes: options.call_bytes };
        let outbox = Outbox::new(senders, options.senders, bounds);
        let riders = Riders::new();
        let properties = storage.properties();
        let (failed, failure) = watch::channel(None);
        let core = Arc::new(Core {
            handler,
            storage,
            limits: properties.limits,
            scope: properties.scope,
            clock,
            options,
            journal: journal.map(Keeper::new),
            index,
            isolation: Isolation::default(),
            riders,
            outbox,
            meter: Meter::new(),
            requests: intake.requests(),
            tasks: Tasks::open(),
            failed: failed.clone(),
        });
        // Calls are made from here on; a start that is dropped or fails must end that.
        let guard = core.tasks.guard();
        let mut inbox = Inbox::new(Arc::clone(&core));
        core.note_start().await?;
        let calls = core.load_calls().await?;
        let updates = inbox.recover().await?;
        if updates + calls > 0 {
            tracing::info!(updates, calls, "found what an earlier process had left");
        }
        if core.isolation.row().is_some() {
            core.tasks.spawn(Arc::clone(&core).isolate());
            core.tasks.spawn(Arc::clone(&core).end_row());
        }
        let (stop, stopping) = watch::channel(false);
        let (close, closing) = watch::channel(false);
        let ingest = tokio::spawn(inbox.serve(requests, closing));
        core.tasks.spawn(Arc::clone(&core).keep_flushing());
        core.tasks.spawn(Arc::clone(&core).watch());
        let sources = sources
            .into_iter()
            .map(|source| {
                let feed = feed(source, intake.clone(), core.clock.clone(), stopping.clone(), failed.clone());
                tokio::spawn(feed)
            })
            .collect();
        guard.keep();
        Ok(Handle::new(core, intake, stop, failure, Feeds { sources, inbox: ingest, close }))
    }
}

fn check(options: &Options) -> Result<()> {
    let at_least_one = [
        ("concurrency", options.concurrency),
        ("index_entries", options.index_entries),
        ("waiting", options.waiting),
        ("senders", options.senders),
        ("calls", options.calls),
        ("call_bytes", options.call_bytes),
    ];
    if options.stalled.is_zero() {
        return Err(Error::invalid("runner option `stalled` is 0 s, at least 1 ms is needed"));
    }
    match at_least_one.iter().find(|(_, value)| *value == 0) {
        Some((name, _)) => Err(Error::invalid(format!("runner option `{name}` is 0, at least 1 is needed"))),
        None => Ok(()),
    }
}
