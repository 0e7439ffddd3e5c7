//! The bugs that the simulator must find: each is built into a part around the library.

/// A bug that is built in on purpose, so that it is known that the judge would see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// None: the library as it is.
    #[default]
    Nothing,
    /// A client's update is acknowledged when it comes, and put into the inbox afterwards.
    AckBeforeCommit,
    /// An update given again has another id, so that nobody recognises it.
    DedupeOff,
    /// Nothing is expected of the logs that a batch writes.
    CasOff,
    /// An update is removed from the inbox whether it is still there or not.
    FenceOff,
    /// The platform takes what was fetched for kept, before anybody kept it.
    ConfirmedAtFetch,
    /// A reply is sent while the handler runs, not when its turn is committed.
    GateOff,
    /// A batch is acknowledged before it is synced, which the next power loss undoes.
    SyncOff,
    /// An entry may be seen only after later ones, so that who reads on from the last one never sees it.
    SkippingReader,
    /// How far a live reply was shown is not kept, so that another process shows it from its beginning.
    StepsForgotten,
    /// It is not kept which calls a turn made early, so that a run that follows makes them again.
    EarlyForgotten,
    /// What a process has read of a session it keeps for the truth until it has written it itself.
    CacheKept,
    /// The storage fails over to a copy that lacks the last batches. This is no bug of the library, but all that
    /// was acknowledged is not kept, so that only what is there then is judged.
    Failover,
    /// The same, and etags are compared by their version alone.
    IntegerEtag,
}

impl Sabotage {
    /// Whether the storage loses what it has acknowledged.
    pub(super) fn loses(self) -> bool {
        matches!(self, Self::SyncOff | Self::Failover | Self::IntegerEtag)
    }

    /// Whether what is lost is expected to be.
    pub(super) fn fails_over(self) -> bool {
        matches!(self, Self::Failover | Self::IntegerEtag)
    }
}
