//! Small programs drawn at random, in one process and in two, against a plain model: what was acknowledged is there
//! once, whole and in order, a later attempt supersedes, and who follows ends with exactly what is there.

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use tertulia::error::Kind;
use tertulia::stream::{
    Append, CreateOptions, End, Expiry, Followed, ForkFrom, From, Limit, Producer, Stream, Streams,
    StreamsOptions,
};

use super::setting::{id, read_all};
use super::{Mode, Setting};
use crate::{Faulty, Rates};

/// No faults, but calls that take their time, so that things happen at once.
const SLOW: Rates =
    Rates { refuse: 0, lose_request: 0, lose_answer: 0, delay: 300, max_delay: Duration::from_millis(2) };
/// Everything fails now and then.
const BAD: Rates = Rates { refuse: 40, lose_request: 40, lose_answer: 40, ..SLOW };

/// The processes of a round, and what their storage does to them.
struct World {
    processes: Vec<(Streams, Option<Faulty>)>,
    options: CreateOptions,
    rng: Rng,
    name: String,
}

impl World {
    fn new(setting: &Setting<'_>, round: u64, rates: Rates) -> Self {
        let mut rng = Rng::with_seed(round);
        let processes = (0..rng.u64(1..3)).map(|n| {
            let mut options = StreamsOptions::default();
            if setting.mode() == Mode::Alone {
                return (setting.streams().clone(), None);
            }
            // So little that streams leave memory all the time, or enough.
            if rng.bool() {
                (options.memory, options.stream_memory, options.unstored) = (4_000, 1_000, 100);
            }
            let (streams, faulty) = setting.faulty_at_random(options, round * 2 + n, rates);
            (streams, Some(faulty))
        });
        let processes = processes.collect();
        let expiry = if rng.bool() { Expiry::Never } else { Expiry::Sliding(Duration::from_secs(50)) };
        let options = CreateOptions { expiry, ..setting.options() };
        Self { processes, options, rng, name: format!("random{round}") }
    }

    fn heal(&self) {
        self.processes.iter().filter_map(|(_, faulty)| faulty.as_ref()).for_each(Faulty::heal);
    }

    fn any(&mut self) -> Streams {
        let n = self.rng.usize(..self.processes.len());
        self.processes[n].0.clone()
    }

    /// The stream, in any process, whatever fails meanwhile.
    async fn stream(&mut self) -> Stream {
        loop {
            let streams = self.any();
            match streams.create(&id(&self.name), self.options.clone()).await {
                Ok(created) => return created.stream(),
                Err(error) => assert!(passes(error.kind()), "{error}"),
            }
        }
    }

    /// Readers that follow from the beginning to the end.
    async fn follow(&mut self, readers: usize) -> Vec<tokio::task::JoinHandle<Vec<Bytes>>> {
        let mut following = Vec::new();
        for _ in 0..readers {
            let limit = Limit { entries: self.rng.usize(1..20), ..Limit::PAGE };
            following.push(tokio::spawn(follow(self.stream().await, limit)));
        }
        following
    }

    /// Does what must not matter to anybody, again and again.
    async fn disturb(mut self, times: usize) {
        for n in 0..times {
            let (streams, fork) = (self.any(), id(&format!("{}-{n}", self.name)));
            let stream = self.stream().await;
            match self.rng.u8(..6) {
                0 => drop(stream.read(From::Start, Limit { entries: 3, bytes: 50 }).await),
                1 => drop(stream.info().await),
                2 => drop(stream.cancel().await),
                3 => drop(stream.flush().await),
                4 => {
                    let source = Some(ForkFrom { source: stream.id().clone(), at: None, sub: 0 });
                    let options = CreateOptions { fork: source, ..self.options.clone() };
                    drop(streams.create(&fork, options).await);
                    drop(streams.delete(&fork).await);
                }
                _ => tokio::time::sleep(Duration::from_millis(self.rng.u64(..5))).await,
            }
        }
    }

    /// Deletes what there is: then nothing of it is in memory.
    async fn clear(self) {
        for (streams, _) in &self.processes {
            let listed = streams.list(id(&self.name).conversation(), None, usize::MAX).await.unwrap();
            for listed in listed.iter().filter(|listed| listed.name().starts_with(&self.name)).rev() {
                streams.delete(listed).await.unwrap();
            }
        }
        for (streams, _) in &self.processes {
            for listed in [self.name.clone()].into_iter().chain((0..9).map(|n| format!("{}-{n}", self.name)))
            {
                let _ = streams.delete(&id(&listed)).await;
            }
            assert_eq!(streams.memory_used(), 0, "{}: something stays in memory", self.name);
        }
    }
}

/// Whether something may go well when it is tried again.
fn passes(kind: Kind) -> bool {
    matches!(kind, Kind::Unavailable | Kind::Unknown)
}

async fn follow(stream: Stream, limit: Limit) -> Vec<Bytes> {
    let mut tail = stream.tail(From::Start).limit(limit);
    let mut all: Vec<(u64, Bytes)> = Vec::new();
    loop {
        match tail.next().await {
            Ok(None) => return all.into_iter().map(|(_, entry)| entry).collect(),
            Ok(Some(Followed::Page(page))) => {
                all.extend(page.iter().map(|(after, entry)| (after.offset, entry)));
            }
            Ok(Some(Followed::Reset(lost))) => all.retain(|(after, _)| *after <= lost.earliest.offset),
            Err(error) => assert!(passes(error.kind()), "a reader: {error}"),
        }
    }
}

/// What was appended as one, and whether it is there: perhaps, if nobody knows.
type Said = Vec<(Vec<Bytes>, Option<bool>)>;

/// Appends what is never appended anywhere else, some of it as a producer that asks twice.
async fn write(stream: Stream, name: String, mut rng: Rng) -> Said {
    let mut said = Said::new();
    let mut seq = 0;
    for n in 0..rng.usize(1..10) {
        let entries: Vec<Bytes> =
            (0..rng.usize(1..4)).map(|i| format!("{name}.{n}.{i},{:40}", "").into()).collect();
        let producer = rng.bool().then(|| Producer { id: name.clone(), epoch: 0, seq });
        let append = Append { entries: entries.clone(), producer, ..Append::default() };
        let mut written = stream.write(append.clone()).await;
        if append.producer.is_some() {
            while written.as_ref().is_err_and(|error| passes(error.kind())) || rng.u8(..4) == 0 {
                written = stream.write(append.clone()).await;
            }
            seq += 1;
        }
        let is_there = match written {
            Ok(_) => Some(true),
            Err(error) if error.kind() == Kind::Unknown => None,
            Err(error) if error.kind() == Kind::Unavailable => Some(false),
            Err(error) => panic!("{name}: {error}"),
        };
        said.push((entries, is_there));
    }
    said
}

/// Each that was acknowledged is there once, whole, and after what its writer said before.
fn check(all: &[Bytes], said: Vec<Said>, round: u64) {
    let mut left = all.len();
    for said in said {
        let mut last = None;
        for (entries, is_there) in said {
            let at = all.iter().position(|entry| *entry == entries[0]);
            assert!(
                is_there.is_none_or(|is_there| is_there == at.is_some()),
                "round {round}: {entries:?} were answered {is_there:?}"
            );
            let Some(at) = at else { continue };
            assert_eq!(all.get(at..at + entries.len()), Some(&entries[..]), "round {round}");
            assert!(last < Some(at), "round {round}: {entries:?} came before what was said first");
            (last, left) = (Some(at), left.wrapping_sub(entries.len()));
        }
    }
    assert_eq!(left, 0, "round {round}: something is there twice");
}

async fn writers(setting: &Setting<'_>, round: u64, rates: Rates) {
    let mut world = World::new(setting, round, rates);
    let readers = world.follow(2).await;
    let mut writers = Vec::new();
    for n in 0..world.rng.u64(1..5) {
        let rng = Rng::with_seed(round * 100 + n);
        writers.push(tokio::spawn(write(world.stream().await, format!("w{n}"), rng)));
    }
    let (processes, options) = (world.processes.clone(), world.options.clone());
    let other = World { processes, options, rng: world.rng.fork(), name: world.name.clone() };
    let disturbing = tokio::spawn(other.disturb(8));
    let mut said = Vec::new();
    for writer in writers {
        said.push(writer.await.unwrap());
    }
    disturbing.await.unwrap();
    world.heal();
    world.stream().await.close(End::Complete).await.unwrap();
    let all = read_all(&world.stream().await, From::Start).await.0;
    check(&all, said, round);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), all, "round {round}: a reader");
    }
    world.clear().await;
}

/// Writes an attempt to its end, unless it fails or is left.
async fn attempt(stream: &Stream, entries: &[Bytes], mut rng: Rng, closes: bool) -> tertulia::Result<()> {
    for entry in entries {
        stream.append(entry.clone()).await?;
        match rng.u8(..6) {
            0 => stream.flush().await?,
            1 => tokio::time::sleep(Duration::from_millis(rng.u64(..40))).await,
            _ => {}
        }
    }
    stream.flush().await?;
    if closes { stream.close(End::Complete).await.map(drop) } else { Ok(()) }
}

async fn attempts(setting: &Setting<'_>, round: u64, rates: Rates) {
    let mut world = World::new(setting, round, rates);
    let readers = world.follow(2).await;
    let (processes, options) = (world.processes.clone(), world.options.clone());
    let other = World { processes, options, rng: world.rng.fork(), name: world.name.clone() };
    let disturbing = tokio::spawn(other.disturb(6));
    let mut earlier = Vec::new();
    let mut tries = 0;
    let last = loop {
        tries += 1;
        if tries > 6 {
            world.heal();
        }
        assert!(tries < 30, "round {round}: the last attempt never comes to its end");
        let (streams, rng) = (world.any(), world.rng.fork());
        let entries: Vec<Bytes> =
            (0..world.rng.usize(..12)).map(|n| format!("{tries}.{n},{:40}", "").into()).collect();
        let stream = match streams.attempt(&id(&world.name), world.options.clone()).await {
            Ok(stream) => stream,
            Err(error) if passes(error.kind()) => continue,
            Err(error) => panic!("round {round}: {error}"),
        };
        if tries < 4 && world.rng.bool() {
            // It is still at it while the next one begins.
            earlier.push(tokio::spawn(async move { attempt(&stream, &entries, rng, false).await }));
            tokio::time::sleep(Duration::from_millis(world.rng.u64(..40))).await;
            continue;
        }
        match attempt(&stream, &entries, rng, true).await {
            Ok(()) => break entries,
            // What came of the end is not known.
            Err(error) => {
                assert!(passes(error.kind()) || error.kind() == Kind::Closed, "round {round}: {error}")
            }
        }
    };
    for earlier in earlier {
        if let Err(error) = earlier.await.unwrap() {
            assert!(passes(error.kind()) || matches!(error.kind(), Kind::Conflict | Kind::Closed), "{error}");
        }
    }
    disturbing.await.unwrap();
    world.heal();
    let all = read_all(&world.stream().await, From::Start).await.0;
    assert_eq!(all, last, "round {round}");
    for reader in readers {
        // What ended without an answer may have been read to that end.
        if rates == BAD {
            reader.abort();
        } else {
            assert_eq!(reader.await.unwrap(), all, "round {round}: a reader");
        }
    }
    world.clear().await;
}

/// Fewer rounds where time goes by as it does.
fn rounds(setting: &Setting<'_>, many: u64) -> std::ops::Range<u64> {
    0..if setting.subject().can_leap() { many } else { many / 40 }
}

/// Writers in one process and in two, whose calls overlap.
pub async fn what_writers_said_is_there(setting: &Setting<'_>) {
    for round in rounds(setting, 400) {
        writers(setting, round, SLOW).await;
    }
}

/// The same while every call may fail, or be done without an answer.
pub async fn what_writers_said_is_there_though_calls_fail(setting: &Setting<'_>) {
    for round in rounds(setting, 400) {
        writers(setting, 1_000 + round, BAD).await;
    }
}

/// Attempts in one process and in two, that begin while earlier ones are still at it.
pub async fn the_last_attempt_is_what_is_read(setting: &Setting<'_>) {
    for round in rounds(setting, 200) {
        attempts(setting, round, SLOW).await;
    }
}

/// The same while every call may fail, or be done without an answer.
pub async fn the_last_attempt_is_what_is_read_though_calls_fail(setting: &Setting<'_>) {
    for round in rounds(setting, 200) {
        attempts(setting, 1_000 + round, BAD).await;
    }
}
