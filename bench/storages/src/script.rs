//! The batches that every side commits: what turns write, made before the clock starts.
//!
//! Commit ids are numbered and every shard belongs to one caller, so that etags and offsets are known beforehand and
//! the same batches apply wherever they are given in this order.

use bytes::Bytes;
use measure::Run;
use tertulia::storage::{
    Batch, CommitId, Etag, Expect, ItemId, LogWrite, Offset, QueueWrite, Revision, Write,
};
use tertulia::{Conversation, Key, Name, Shard};

/// Bytes of a session's base, and of the patch that a turn appends to it.
pub(crate) const PATCH: usize = 300;
/// Bytes of an update in the inbox.
pub(crate) const UPDATE: usize = 500;
/// Bytes of a reply in the outbox.
pub(crate) const REPLY: usize = 128;
/// The most updates that arrive in one batch, as one request for updates brings them.
pub(crate) const ARRIVING: u64 = 100;

/// What the ids of updates and replies are of.
const SPACE: Name = Name::from_static("bench");
const SHARDS: u64 = Shard::COUNT as u64;

/// Where a turn happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) shard: u8,
    /// How many turns its shard had before.
    pub(crate) place: u64,
}

/// All batches of a run.
#[derive(Debug)]
pub(crate) struct Script {
    /// Sessions and waiting updates, in any order.
    pub(crate) before: Vec<Batch>,
    /// The turns of each caller, in its order.
    pub(crate) callers: Vec<Vec<Batch>>,
}

/// The turn of this index: the shards take turns, so that neighbours never share one.
pub(crate) fn turn(index: u64) -> Turn {
    Turn { shard: (index % SHARDS) as u8, place: index / SHARDS }
}

impl Script {
    /// The batches of a run. `chats` and `updates` are spread evenly over the shards.
    ///
    /// # Errors
    /// If callers cannot be dealt shards evenly.
    pub(crate) fn new(run: &Run) -> anyhow::Result<Self> {
        let callers = run.slots as u64;
        anyhow::ensure!(
            SHARDS.is_multiple_of(callers),
            "--slots is {callers}, allowed are divisors of {SHARDS}"
        );
        let mut chats = chats(run.chats.div_ceil(SHARDS) as usize)?;
        let mut ids = Ids(0);
        let mut before: Vec<Batch> = chats.iter_mut().flat_map(|chats| sessions(chats, &mut ids)).collect();
        // Per shard, the commit that appended each of its updates.
        let mut arrived: Vec<Vec<CommitId>> = vec![Vec::new(); Shard::COUNT];
        for (shard, arrived) in arrived.iter_mut().enumerate() {
            let waiting = run.updates.saturating_sub(shard as u64).div_ceil(SHARDS);
            for first in (0..waiting).step_by(ARRIVING as usize) {
                let id = ids.next();
                let places = first..waiting.min(first + ARRIVING);
                arrived.extend(places.clone().map(|_| id));
                before.push(Batch::new(id, vec![arrival(shard as u8, places).into()]));
            }
        }
        let mut shards: Vec<_> =
            chats.into_iter().zip(arrived).map(|(chats, arrived)| Of::new(chats, arrived)).collect();
        let mut turns: Vec<Vec<Batch>> = (0..callers).map(|_| Vec::new()).collect();
        for index in 0..run.updates {
            let turn = turn(index);
            let batch = shards[usize::from(turn.shard)].turn(turn, ids.next());
            turns[(index % callers) as usize].push(batch);
        }
        Ok(Self { before, callers: turns })
    }
}

/// Numbers commits, none of them 0.
struct Ids(u64);

impl Ids {
    fn next(&mut self) -> CommitId {
        self.0 += 1;
        // Scattered, as random ones are.
        CommitId(self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

/// A session: its log, and what is known of it.
struct Session {
    key: Key,
    etag: Etag,
}

/// What a shard's turns build on.
struct Of {
    sessions: Vec<Session>,
    arrived: Vec<CommitId>,
    /// The commit that appended the last reply.
    replied: Option<CommitId>,
}

impl Of {
    fn new(sessions: Vec<Session>, arrived: Vec<CommitId>) -> Self {
        Self { sessions, arrived, replied: None }
    }

    /// A session's patch, a reply, the update's removal, and the mark that the reply before was sent.
    fn turn(&mut self, Turn { shard, place }: Turn, id: CommitId) -> Batch {
        let count = self.sessions.len() as u64;
        let session = &mut self.sessions[(place % count) as usize];
        let patch =
            LogWrite::new(session.key.clone()).expect(Expect::Etag(session.etag)).append(bytes(PATCH));
        session.etag = Etag { version: session.etag.version + 1, commit: id };
        let inbox = QueueWrite::new(queue(shard, "inbox"));
        let inbox = inbox.remove(Offset(place), Revision(self.arrived[place as usize]));
        let outbox = QueueWrite::new(queue(shard, "outbox"));
        let mut outbox = outbox.append(Some(item(shard, place)), bytes(REPLY));
        if let Some(before) = self.replied.replace(id) {
            outbox = outbox.discard(Offset(place - 1), before);
        }
        Batch::new(id, vec![patch.into(), inbox.into(), outbox.into()])
    }
}

/// Makes the sessions of a shard.
fn sessions(chats: &mut [Session], ids: &mut Ids) -> Vec<Batch> {
    let make = |some: &mut [Session]| {
        let id = ids.next();
        let write = |session: &mut Session| -> Write {
            session.etag = Etag { version: 1, commit: id };
            LogWrite::new(session.key.clone()).base(bytes(PATCH)).into()
        };
        Batch::new(id, some.iter_mut().map(write).collect())
    };
    chats.chunks_mut(ARRIVING as usize).map(make).collect()
}

fn arrival(shard: u8, places: std::ops::Range<u64>) -> QueueWrite {
    let inbox = QueueWrite::new(queue(shard, "inbox"));
    places.fold(inbox, |inbox, place| inbox.append(Some(item(shard, place)), bytes(UPDATE)))
}

fn item(shard: u8, place: u64) -> ItemId {
    ItemId::Number(SPACE, (place * SHARDS + u64::from(shard)) as i64)
}

fn queue(shard: u8, name: &'static str) -> Key {
    Key::Queue(Shard(shard), Name::from_static(name))
}

/// As many conversations in each shard.
fn chats(each: usize) -> anyhow::Result<Vec<Vec<Session>>> {
    let mut shards: Vec<Vec<Session>> = (0..SHARDS).map(|_| Vec::new()).collect();
    let mut missing = shards.len();
    for number in 0_u64.. {
        if missing == 0 {
            break;
        }
        let conversation = Conversation::new("bench", &number.to_string())?;
        let shard = &mut shards[conversation.shard().index()];
        if shard.len() < each {
            let key = Key::Log(conversation, Name::from_static("session"));
            shard.push(Session { key, etag: Etag { version: 0, commit: CommitId(0) } });
            missing -= usize::from(shard.len() == each);
        }
    }
    Ok(shards)
}

fn bytes(length: usize) -> Bytes {
    Bytes::from_static(filling(length))
}

/// What is written, and never looked at.
pub(crate) fn filling(length: usize) -> &'static [u8] {
    const FILLING: [u8; UPDATE] = [b'x'; UPDATE];
    &FILLING[..length]
}
