//! Random batches, reads and listings, played to a storage and to a plain map side by side.

mod generate;
mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use tertulia::error::Kind;
use tertulia::storage::{Conflict, Gone, Head, ListQuery, Mismatch, Names, Page, Read, SeenId};
use tertulia::{Error, Key};

use self::generate::Generator;
use self::reference::{NoPage, Reference, Refusal};
use crate::Subject;
use crate::conformance::list::list;
use crate::conformance::seen::seen;
use crate::conformance::step;
use crate::played::variable;

/// Rounds played unless `TERTULIA_MODEL_ROUNDS` says otherwise.
const ROUNDS: u64 = 20;

/// Steps of a round.
const STEPS: u64 = 120;

/// Every answer of the storage is the plain map's, whatever is asked of both.
///
/// `TERTULIA_MODEL_ROUNDS` is how many rounds to play, `TERTULIA_MODEL_SEED` the seed of the first. A round that
/// fails prints its seed and what was done in it.
pub async fn random_work_agrees_with_a_plain_map(subject: &Subject) {
    let rounds = variable("TERTULIA_MODEL_ROUNDS").unwrap_or(ROUNDS);
    let seed = variable("TERTULIA_MODEL_SEED").unwrap_or_else(|| fastrand::u64(..));
    for round in 0..rounds {
        Round::new(subject, seed.wrapping_add(round), &format!("{round}/")).play().await;
    }
}

struct Round<'a> {
    subject: &'a Subject,
    generator: Generator,
    reference: Reference,
    prefix: &'a str,
    trace: Trace,
}

/// What a round did, told if it fails.
struct Trace {
    seed: u64,
    text: String,
}

impl Trace {
    fn note(&mut self, line: std::fmt::Arguments<'_>) {
        self.text.push_str(&compact(&line.to_string()));
        self.text.push('\n');
    }
}

/// Long entries are all `x`; their length is enough to know of them.
fn compact(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("xxxxxxxx") {
        let long = rest[at..].len() - rest[at..].trim_start_matches('x').len();
        write!(out, "{}{long} x", &rest[..at]).expect("a string takes all");
        rest = &rest[at + long..];
    }
    out + rest
}

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("a round of the model failed; what it did:\n{}", self.text);
            eprintln!("again: TERTULIA_MODEL_ROUNDS=1 TERTULIA_MODEL_SEED={}", self.seed);
        }
    }
}

impl<'a> Round<'a> {
    fn new(subject: &'a Subject, seed: u64, prefix: &'a str) -> Self {
        let generator = Generator::new(seed, prefix, subject.spans_shards(), subject.can_leap());
        let trace = Trace { seed, text: String::new() };
        Self { subject, generator, reference: Reference::default(), prefix, trace }
    }

    async fn play(mut self) {
        for _ in 0..STEPS {
            step(self.subject, self.step()).await;
        }
        self.list().await;
        self.seen().await;
        for key in self.generator.keys().to_vec() {
            self.compare_read(&[Read::new(key).limit(usize::MAX, usize::MAX)]).await;
        }
    }

    async fn step(&mut self) {
        match self.generator.below(100) {
            0..60 => self.commit().await,
            60..80 => self.read().await,
            80..88 => self.changed().await,
            88..91 => self.list().await,
            91..92 => self.seen().await,
            92..99 => self.leap().await,
            _ => self.reopen().await,
        }
    }

    async fn commit(&mut self) {
        let batch = self.generator.batch(&self.reference);
        self.trace.note(format_args!("{batch:?}"));
        let keys: Vec<Key> = batch.writes.iter().map(|write| write.key().clone()).collect();
        let expected = self.reference.commit(&batch);
        let found = self.subject.storage().commit(batch).await;
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                assert_eq!(found.appended, expected.appended);
                assert_eq!(found.heads.len(), expected.heads.len());
                for (found, expected) in found.heads.into_iter().zip(expected.heads) {
                    self.same(found, expected);
                }
            }
            (Err(error), Err(Refusal::Conflict(expected))) => self.same_conflict(&error, expected),
            (Err(error), Err(Refusal::Invalid)) => assert_eq!(error.kind(), Kind::Invalid, "{error}"),
            (found, expected) => panic!("the storage answered {found:?}, the map {expected:?}"),
        }
        let reads: Vec<Read> =
            keys.into_iter().map(|key| Read::new(key).limit(usize::MAX, usize::MAX)).collect();
        self.compare_read(&reads).await;
    }

    fn same_conflict(&self, error: &Error, mut expected: Vec<Mismatch>) {
        assert_eq!(error.kind(), Kind::Conflict, "{error}");
        let conflict = error.detail::<Conflict>().expect("a conflict carries its particulars");
        let mut found = conflict.failed.clone();
        let order = |a: &Mismatch, b: &Mismatch| (&a.key, a.offset).cmp(&(&b.key, b.offset));
        found.sort_by(order);
        expected.sort_by(order);
        let places =
            |failed: &[Mismatch]| failed.iter().map(|m| (m.key.clone(), m.offset)).collect::<Vec<_>>();
        assert_eq!(places(&found), places(&expected));
        for (found, expected) in found.into_iter().zip(expected) {
            self.same(found.head, expected.head);
        }
    }

    async fn read(&mut self) {
        let reads = self.generator.reads(&self.reference);
        self.trace.note(format_args!("{reads:?}"));
        self.compare_read(&reads).await;
    }

    async fn compare_read(&self, reads: &[Read]) {
        let results = self.subject.storage().read(reads).await.expect("the storage can be read");
        assert_eq!(results.len(), reads.len());
        for (read, found) in reads.iter().zip(results) {
            match (found, self.reference.read(read)) {
                (Ok(found), Ok(expected)) => {
                    self.same(found.as_ref().map(Page::head), expected.as_ref().map(Page::head));
                    let (found, expected) = (found.map(timeless), expected.map(timeless));
                    let told = || compact(&format!("{read:?}:\nfound {found:?}\nnot {expected:?}"));
                    assert!(found == expected, "{}", told());
                }
                (Err(error), Err(NoPage::Gone(expected))) => {
                    assert_eq!(error.kind(), Kind::Gone, "{error}");
                    assert_eq!(error.detail::<Gone>(), Some(&expected), "{read:?}");
                }
                (Err(error), Err(NoPage::Invalid)) => assert_eq!(error.kind(), Kind::Invalid, "{error}"),
                (found, expected) => panic!("{read:?}: the storage gave {found:?}, the map {expected:?}"),
            }
        }
    }

    /// Asks with an etag that is another already, so that the answer is there at once.
    async fn changed(&mut self) {
        let key = self.generator.key();
        let expected = self.reference.head(&key);
        let seen = match expected {
            Some(_) => None,
            None => Some(tertulia::storage::Etag { version: 1, commit: self.subject.id() }),
        };
        self.trace.note(format_args!("changed({key}, {seen:?})"));
        let found = self.subject.changed(&key, seen).await;
        self.same(found, expected);
    }

    async fn list(&mut self) {
        let limit = [1, 2, 5, 100][usize::try_from(self.generator.below(4)).expect("below four")];
        let not_empty = self.generator.below(2) == 0;
        self.trace.note(format_args!("list(limit {limit}, not_empty {not_empty})"));
        let names = Names::Prefix(self.prefix.into());
        let query = ListQuery { names, not_empty, limit, ..ListQuery::default() };
        let found = list(self.subject, &query).await;
        let expected: BTreeMap<Key, Head> = self.reference.listing();
        let expected: BTreeMap<Key, Head> =
            expected.into_iter().filter(|(_, head)| !not_empty || !head.is_empty()).collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (found, expected) in found.into_values().zip(expected.into_values()) {
            self.same(Some(found), Some(expected));
        }
    }

    async fn seen(&mut self) {
        // Those of all rounds are given.
        let limit = [50, 500, 10_000][usize::try_from(self.generator.below(3)).expect("below three")];
        self.trace.note(format_args!("seen(limit {limit})"));
        let mut found: BTreeSet<SeenId> = seen(self.subject, limit).await.into_iter().collect();
        found.retain(|seen| seen.queue.name().as_str().starts_with(self.prefix));
        let expected = self.reference.seen();
        if self.subject.can_leap() {
            assert_eq!(found, expected);
            return;
        }
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((&found.queue, &found.id), (&expected.queue, &expected.id));
            assert!(found.left.abs_diff(expected.left) < Duration::from_mins(1), "{found:?} {expected:?}");
        }
    }

    async fn leap(&mut self) {
        let millis = match self.generator.below(10) {
            0 => 1_000 * 60 * 60 * (1 + self.generator.below(48)),
            _ => self.generator.below(1_500),
        };
        if self.subject.leap(Duration::from_millis(millis)).await {
            self.trace.note(format_args!("{millis} ms pass"));
            self.reference.now += millis;
        }
    }

    async fn reopen(&mut self) {
        if self.subject.close_and_open().await {
            self.trace.note(format_args!("the store is opened again"));
        }
    }

    /// The same head; to the millisecond, where time goes by as the model says.
    fn same(&self, found: Option<Head>, expected: Option<Head>) {
        let left = |head: Option<Head>| head.and_then(|head| head.log()).and_then(|head| head.expires_in);
        let (found_left, expected_left) = (left(found), left(expected));
        if self.subject.can_leap() {
            assert_eq!(found_left, expected_left);
        } else {
            let near = |(a, b): (Duration, Duration)| a.abs_diff(b) < Duration::from_mins(1);
            assert_eq!(found_left.is_some(), expected_left.is_some());
            assert!(found_left.zip(expected_left).is_none_or(near), "{found_left:?} {expected_left:?}");
        }
        assert_eq!(found.map(timeless_head), expected.map(timeless_head));
    }
}

fn timeless(page: Page) -> Page {
    match page {
        Page::Log(mut page) => {
            page.head.expires_in = None;
            Page::Log(page)
        }
        queue => queue,
    }
}

fn timeless_head(head: Head) -> Head {
    match head {
        Head::Log(mut head) => {
            head.expires_in = None;
            Head::Log(head)
        }
        queue => queue,
    }
}
