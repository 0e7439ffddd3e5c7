//! What a handler says as it says it: a stream that readers follow while the handler runs, and that ends in its turn's
//! batch.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::OnceCell;

use super::Context;
use crate::error::Kind;
use crate::runner::{About, Contribute, Ending, Turn};
use crate::storage::{BoxFuture, Head, ItemId, LogWrite};
use crate::stream::{Append, CreateOptions, Cursor, End, Event, Expiry, StreamId, Streams, Visible};
use crate::{Error, Result, Timestamp, stream};

/// How long a stream is kept after it was last written or read: as long as the answer to its update.
pub(super) const KEPT: Duration = Duration::from_hours(48);
/// A stream of another store than the turn's ends as aborted if nothing was said for so long: its process may have died
/// between the turn's batch and the end of the stream.
const ABANDONED: Duration = Duration::from_mins(10);

/// A stream that a handler writes. Cheap to clone; usable until the handler returns.
///
/// What it says is seen at once. If the handler runs again, readers are told that what they have seen is said anew. It
/// ends with the turn, in the same batch: as [`End::Complete`] unless [`end`](Self::end) says otherwise. If the update
/// is given up it ends as [`End::Aborted`], if it is cancelled as [`End::Stopped`].
#[derive(Clone)]
pub struct Stream {
    part: Arc<Part>,
    turn: Turn,
}

/// The stream as a part of its turn.
struct Part {
    id: StreamId,
    /// Empty until its attempt has begun: asked for twice at once, it begins once. Written anew by each
    /// [`restart`](Stream::restart).
    stream: OnceCell<RwLock<stream::Stream>>,
    options: CreateOptions,
    streams: Streams,
    /// Whether it is in the storage that the turn's batch goes to.
    in_batch: bool,
    end: Mutex<End>,
    over: AtomicBool,
    /// It has come to its end before the turn.
    closed: AtomicBool,
    /// When that was, and what expects it to have been its end.
    stands: Mutex<Option<(Timestamp, LogWrite)>>,
    /// Another run of the handler writes it now.
    superseded: AtomicBool,
    sealed: AtomicBool,
    update: ItemId,
    speaking: Speaking,
    clock: crate::Clock,
}

/// Of how many streams that end before their turn, at most, the turn's batch expects that they stand: it has room for
/// 256 writes.
const CHECKED: usize = 64;

/// Updates whose handlers have begun a stream and that are not known to be over.
type Speaking = Arc<Mutex<HashSet<ItemId>>>;

impl Context {
    /// Begins a stream of this update: `name` tells it from others of the same update, and
    /// [`Stream::id`] is where readers find it. Asked again, the same stream is given.
    ///
    /// Entries are JSON, such as [events](Event); other ones are given with [`stream_with`](Self::stream_with).
    ///
    /// ```
    /// # use tertulia::bot::Context;
    /// # use tertulia::stream::Event;
    /// # fn model(_: &str) -> Vec<String> { vec![] }
    /// async fn answer(ctx: Context) -> tertulia::bot::Result {
    ///     let answer = ctx.stream("answer").await?;
    ///     for token in model(ctx.text()) {
    ///         answer.event(Event::content(token)).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// `Invalid` if the name, with the update's id before it, is over 249 bytes; `Closed` if the handler has returned;
    /// what the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, the stream may have begun or not; it ends with the turn.
    pub async fn stream(&self, name: &str) -> Result<Stream> {
        let content_type = "application/json".to_owned();
        self.stream_with(name, CreateOptions { content_type, ..CreateOptions::default() }).await
    }

    /// The same with a content type or an expiry of its own; unless given it expires 48 hours after its last use.
    ///
    /// # Errors
    /// As [`stream`](Self::stream).
    ///
    /// # Cancel safety
    /// As [`stream`](Self::stream).
    pub async fn stream_with(&self, name: &str, mut options: CreateOptions) -> Result<Stream> {
        let turn = self.turn();
        let about = turn.about();
        let spoken = &self.shared().spoken;
        let id = self.stream_id(name)?;
        let in_batch = spoken.streams.storage().is_some_and(|storage| Arc::ptr_eq(storage, turn.storage()));
        options.visible = Visible::Live;
        if options.expiry == Expiry::Never {
            options.expiry = Expiry::Sliding(KEPT);
        }
        if !in_batch {
            options.abandoned_after.get_or_insert(ABANDONED);
        }
        let (end, clock) = (Mutex::new(End::Complete), turn.clock().clone());
        let (update, speaking) = (about.update.clone(), Arc::clone(&spoken.speaking));
        let part = Arc::new(Part {
            id: id.clone(),
            stream: OnceCell::new(),
            options,
            streams: spoken.streams.clone(),
            in_batch,
            end,
            over: AtomicBool::default(),
            closed: AtomicBool::default(),
            stands: Mutex::default(),
            superseded: AtomicBool::default(),
            sealed: AtomicBool::default(),
            update,
            speaking,
            clock,
        });
        let known = turn.enlist_once(Arc::clone(&part), |known: &Part| known.id == id)?;
        let part = known.unwrap_or(part);
        let begin = async {
            spoken.speaking.lock().insert(about.update.clone());
            part.attempt(turn).await.map(RwLock::new)
        };
        part.stream.get_or_try_init(|| begin).await?;
        Ok(Stream { part, turn: turn.clone() })
    }

    /// The id of a stream of this update.
    pub(super) fn stream_id(&self, name: &str) -> Result<StreamId> {
        let about = self.turn().about();
        StreamId::new(about.conversation.clone(), &format!("{}{name}", prefix(&about.update)))
    }
}

impl Part {
    /// Supersedes what an earlier run has said, unless the turn's update has ended: then that stands.
    async fn attempt(&self, turn: &Turn) -> Result<stream::Stream> {
        self.streams.attempt_while(&self.id, self.options.clone(), || turn.still_stands()).await
    }

    /// Notes what a write came to.
    fn met<T>(&self, written: Result<T>) -> Result<T> {
        if written.as_ref().is_err_and(|error| error.kind() == Kind::Conflict) {
            self.superseded.store(true, Ordering::Release);
        }
        written
    }

    fn writer(&self) -> Option<stream::Stream> {
        self.stream.get().map(|stream| stream.read().clone())
    }

    /// What is to end with the turn.
    fn open(&self) -> Option<stream::Stream> {
        self.writer().filter(|_| !self.closed.load(Ordering::Acquire))
    }
}

impl Stream {
    /// Where readers find it.
    pub fn id(&self) -> &StreamId {
        &self.part.id
    }

    fn writer(&self) -> Result<stream::Stream> {
        match self.part.over.load(Ordering::Acquire) {
            false => Ok(self.begun()),
            true => Err(Error::new(Kind::Closed, format!("the turn that writes {} is over", self.id()))),
        }
    }

    fn begun(&self) -> stream::Stream {
        self.part.writer().expect("it is given out once it has begun")
    }

    /// Says something: one entry, which has to be of the stream's content type. Gives the cursor after it.
    ///
    /// # Errors
    /// `Conflict` if the handler runs again elsewhere; `Closed` if it has returned; as
    /// [`Stream::write`](stream::Stream::write).
    ///
    /// # Cancel safety
    /// If dropped, it may be said or not.
    pub async fn append(&self, entry: impl Into<Bytes>) -> Result<Cursor> {
        self.part.met(self.writer()?.append(entry).await)
    }

    /// Says several things as one.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    ///
    /// # Cancel safety
    /// If dropped, all of it may be said or nothing.
    pub async fn append_all(&self, entries: Vec<Bytes>) -> Result<Cursor> {
        let append = Append { entries, ..Append::default() };
        self.part.met(self.writer()?.write(append).await).map(stream::Appended::end)
    }

    /// Says an event; its time is set unless it is given.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    ///
    /// # Cancel safety
    /// If dropped, it may be said or not.
    pub async fn event(&self, mut event: Event) -> Result<Cursor> {
        event.at.get_or_insert_with(|| self.part.clock.now());
        self.append(event.encode()).await
    }

    /// Resolves when somebody has asked for this stream to be stopped. The handler then says what it has to and
    /// [ends](Self::end) it as stopped, or goes on.
    ///
    /// # Errors
    /// `Gone` if it was deleted; what the storage gives.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn cancelled(&self) -> Result<()> {
        self.begun().cancelled().await
    }

    /// How the stream ends, with the turn's batch.
    pub fn end(&self, how: End) {
        *self.part.end.lock() = how;
    }

    /// Says everything anew: readers are told that what this run has said so far is superseded, as if the handler ran
    /// again. For an answer that has to begin again, such as a model's whose connection was lost.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    ///
    /// # Cancel safety
    /// If dropped, it may have begun again; what is said next may then be refused with `Conflict`.
    pub async fn restart(&self) -> Result<()> {
        self.writer()?;
        let again = self.part.met(self.part.attempt(&self.turn).await)?;
        if let Some(stream) = self.part.stream.get() {
            *stream.write() = again;
        }
        Ok(())
    }

    /// Ends it now, before the turn's end.
    pub(super) async fn close_now(&self) -> Result<()> {
        if self.part.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let how = *self.part.end.lock();
        let writer = self.writer()?;
        self.part.met(writer.close(how).await)?;
        if self.turn.enlisted_so_far() <= CHECKED {
            let stands = self.part.met(writer.stands_closed())?;
            *self.part.stands.lock() = stands.map(|write| (self.part.clock.now(), write));
        }
        self.part.over.store(true, Ordering::Release);
        self.part.closed.store(true, Ordering::Release);
        Ok(())
    }
}

impl Contribute for Part {
    fn ready(&self) -> Option<BoxFuture<'_, Result<()>>> {
        self.over.store(true, Ordering::Release);
        self.open().map(|stream| Box::pin(async move { stream.flush().await }) as BoxFuture<'_, _>)
    }

    fn prepare(&self) -> Result<Vec<LogWrite>> {
        self.over.store(true, Ordering::Release);
        let Some(stream) = self.open().filter(|_| self.in_batch) else { return Ok(Vec::new()) };
        let write = stream.seal(*self.end.lock())?;
        self.sealed.store(write.is_some(), Ordering::Release);
        Ok(write.into_iter().collect())
    }

    /// Another process that runs the same update may have begun to say anew what has ended here. One that ended long ago is
    /// not asked for: it may be gone for its age.
    fn checks(&self) -> Vec<LogWrite> {
        let stands = self.stands.lock().clone().filter(|_| self.in_batch);
        let young = stands.filter(|(ended, _)| self.clock.now().since(*ended) < KEPT / 2);
        young.map(|(_, write)| write).into_iter().collect()
    }

    fn committed(&self, heads: &[Option<Head>]) {
        self.over.store(true, Ordering::Release);
        self.speaking.lock().remove(&self.update);
        let how = *self.end.lock();
        let Some(stream) = self.open() else { return };
        if self.in_batch {
            if self.sealed.swap(false, Ordering::AcqRel) {
                let head = heads.first().copied().flatten().and_then(|head| head.log());
                stream.end_committed(how, head);
            }
            return;
        }
        // Ends by itself: readers are told at once, and the end is stored soon, or the stream is found abandoned.
        tokio::spawn(async move {
            if let Err(error) = stream.close(how).await {
                tracing::warn!(stream = %stream.id(), %error, "a stream could not be ended");
            }
        });
    }

    fn released(&self) {
        self.committed(&[]);
    }

    fn superseded(&self) -> bool {
        self.superseded.load(Ordering::Acquire)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(stream) = self.writer()
            && self.sealed.load(Ordering::Acquire)
        {
            stream.unseal();
        }
    }
}

/// The streams of a bot's handlers.
pub(super) struct Spoken {
    streams: Streams,
    started: Timestamp,
    speaking: Speaking,
}

impl Spoken {
    pub(super) fn new(streams: Streams, started: Timestamp) -> Self {
        Self { streams, started, speaking: Speaking::default() }
    }

    pub(super) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Whether an earlier run of the handler may have begun a stream.
    fn may_have_spoken(&self, turn: &Turn) -> bool {
        let about = turn.about();
        // The clock of the process that took the update in may have been ahead: what was called early is certain.
        about.arrived < self.started
            || about.attempt > 1
            || turn.has_called_early()
            || self.speaking.lock().contains(&about.update)
    }

    /// Whether a stream was ended by an earlier run of the handler, which waited for an answer then.
    pub(super) async fn has_ended(&self, turn: &Turn, id: &StreamId) -> Result<bool> {
        if !self.may_have_spoken(turn) {
            return Ok(false);
        }
        let Some(stream) = self.streams.get(id).await? else { return Ok(false) };
        let info = match stream.info().await {
            Err(error) if error.kind() == Kind::Gone => return Ok(false),
            info => info?,
        };
        Ok(match info.closed {
            Some(End::Complete) => true,
            // By whoever cancelled the turn, if no question came after it: nothing came of that, or it would not run.
            Some(End::Stopped) => turn.has_waited_further(),
            _ => false,
        })
    }

    /// The handler has returned: streams that an earlier run of it began and this one did not come to an end.
    pub(super) async fn left(&self, ctx: &Context) -> Result<()> {
        let about = ctx.turn().about();
        if !self.may_have_spoken(ctx.turn()) {
            return Ok(());
        }
        let written = |id: &StreamId| ctx.turn().enlisted::<Part>(|part| part.id == *id).is_some();
        self.close(about, End::Aborted, written).await
    }

    /// The update leaves without having been applied: its streams come to an end.
    pub(super) async fn ending(&self, about: &About, how: Ending) {
        let end = match how {
            Ending::Cancelled => End::Stopped,
            Ending::Buried => End::Aborted,
        };
        match self.close(about, end, |_| false).await {
            Ok(()) => drop(self.speaking.lock().remove(&about.update)),
            Err(error) => {
                let conversation = &about.conversation;
                tracing::error!(%conversation, %error, "the streams of an update that ends could not be ended");
            }
        }
    }

    async fn close(&self, about: &About, how: End, but: impl Fn(&StreamId) -> bool) -> Result<()> {
        let prefix = prefix(&about.update);
        let listed = self.streams.list_named(&about.conversation, &prefix, None, usize::MAX).await?;
        for id in listed.into_iter().filter(|id| !but(id)) {
            let Some(stream) = self.streams.get(&id).await? else { continue };
            match stream.close(how).await {
                Err(error) if !matches!(error.kind(), Kind::Closed | Kind::Gone) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// What the names of an update's streams begin with.
fn prefix(update: &ItemId) -> String {
    format!("{update}/")
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(self.id()).finish()
    }
}
