//! The stored shapes of runs.
//!
//! Each begins with a byte that says which version of the shape it is, and ends with the XXH3 64-bit hash of all that is
//! before, little-endian. Numbers are varints, texts and bytes have their length before them. Between the two:
//! - Base of `run/<name>`: the graph's name; a stamp; 0, or 1 and the run that it was forked from (conversation,
//!   name, checkpoint + 1 or 0), or 2 and the run whose child it is (the same, with the step + 1; the action, the
//!   number that the parent was begun with); where its state stands: checkpoint + 1 or 0, position; the whole state.
//! - Entry of `run/<name>`, a checkpoint: flags (status, position, whether it is a snapshot), the action, a stamp; of a
//!   snapshot, its parent + 1 or 0, else how many entries back its snapshot lies (to before the first entry for the
//!   base); cause, error, and the events that the step said, a JSON array or nothing; then the whole state of a snapshot, or what changed.
//!
//! What the state and its changes look like is said in `session/track`.

use xxhash_rust::xxh3::xxh3_64;

use super::checkpoint::{Parent, Position, Status};
use crate::session::{put_varint, take_varint, varint_len};
use crate::{Error, Result};

const VERSION: u8 = 1;
const CHECKSUM: usize = 8;

/// The lowest bits of a stamp tell checkpoints of one millisecond apart.
pub(super) const STAMP_BITS: u32 = 12;

/// The beginning of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base<'a> {
    pub(super) graph: &'a str,
    /// When this state came about: milliseconds since 1970, and [`STAMP_BITS`] more.
    pub(super) stamp: u64,
    pub(super) parent: Option<Origin<'a>>,
    /// The checkpoint whose state this is; `None` for the initial one.
    pub(super) seq: Option<u64>,
    pub(super) position: At<'a>,
    pub(super) state: &'a [u8],
}

/// What a run comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin<'a> {
    pub(super) conversation: &'a str,
    pub(super) name: &'a str,
    pub(super) seq: Option<u64>,
    /// Of a child: the action that runs it, and the number that the parent was begun with.
    pub(super) child: Option<(&'a str, u64)>,
}

impl Parent {
    /// As a base has it, with the text of its conversation.
    pub(super) fn in_base<'a>(&'a self, conversation: &'a str) -> Origin<'a> {
        let child = self.action.as_deref().map(|action| (action, self.birth));
        Origin { conversation, name: self.run.name(), seq: self.seq, child }
    }
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) status: Status,
    pub(super) position: At<'a>,
    /// Milliseconds since 1970, and [`STAMP_BITS`] more.
    pub(super) stamp: u64,
    pub(super) cause: &'a str,
    pub(super) error: &'a str,
    /// A JSON array; empty if it said nothing.
    pub(super) said: &'a str,
    pub(super) state: State<'a>,
}

/// A [`Position`] that borrows the action's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At<'a> {
    Entrypoint,
    After(&'a str),
    Again(&'a str),
}

impl<'a> At<'a> {
    fn action(self) -> &'a str {
        match self {
            Self::Entrypoint => "",
            Self::After(action) | Self::Again(action) => action,
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Entrypoint => 0,
            Self::After(_) => 1,
            Self::Again(_) => 2,
        }
    }

    fn of(bits: u8, action: &'a str) -> Result<Self> {
        match bits {
            0 => Ok(Self::Entrypoint),
            1 => Ok(Self::After(action)),
            2 => Ok(Self::Again(action)),
            other => Err(malformed(format!("{other} is no position"))),
        }
    }
}

impl<'a> From<&'a Position> for At<'a> {
    fn from(position: &'a Position) -> Self {
        match position {
            Position::Entrypoint => Self::Entrypoint,
            Position::After(action) => Self::After(action),
            Position::Again(action) => Self::Again(action),
        }
    }
}

impl From<At<'_>> for Position {
    fn from(at: At<'_>) -> Self {
        match at {
            At::Entrypoint => Self::Entrypoint,
            At::After(action) => Self::After(action.to_owned()),
            At::Again(action) => Self::Again(action.to_owned()),
        }
    }
}

/// What a checkpoint has of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State<'a> {
    /// All of it; it goes on from this checkpoint, or from the run's beginning.
    Snapshot { parent: Option<u64>, whole: &'a [u8] },
    /// What changed since the checkpoint before it, and how far back the snapshot lies that it builds on. Empty if nothing
    /// changed.
    Change { back: u64, change: &'a [u8] },
}

impl<'a> Base<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(self.graph.len() + self.state.len() + 64);
        out.text(self.graph);
        out.number(self.stamp);
        match &self.parent {
            None => out.0.push(0),
            Some(parent) => {
                out.0.push(if parent.child.is_some() { 2 } else { 1 });
                out.text(parent.conversation);
                out.text(parent.name);
                out.number(plus_one(parent.seq));
                if let Some((action, incarnation)) = parent.child {
                    out.text(action);
                    out.number(incarnation);
                }
            }
        }
        out.number(plus_one(self.seq));
        out.0.push(self.position.bits());
        out.text(self.position.action());
        out.0.extend_from_slice(self.state);
        out.seal()
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let mut rest = open(bytes)?;
        let (graph, stamp) = (rest.text()?, rest.number()?);
        let parent = match rest.byte()? {
            0 => None,
            kind @ (1 | 2) => {
                let (conversation, name, seq) = (rest.text()?, rest.text()?, minus_one(rest.number()?));
                let child = if kind == 2 { Some((rest.text()?, rest.number()?)) } else { None };
                Some(Origin { conversation, name, seq, child })
            }
            other => return Err(malformed(format!("{other} does not say what the run comes from"))),
        };
        let seq = minus_one(rest.number()?);
        let bits = rest.byte()?;
        let position = At::of(bits, rest.text()?)?;
        Ok(Self { graph, stamp, parent, seq, position, state: rest.0 })
    }
}

impl<'a> Record<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (number, state) = match self.state {
            State::Snapshot { parent, whole } => (plus_one(parent), whole),
            State::Change { back, change } => (back, change),
        };
        let action = self.position.action();
        let texts = [action, self.cause, self.error, self.said];
        let texts: usize = texts.iter().map(|text| varint_len(text.len() as u64) + text.len()).sum();
        // As much room as it takes: who keeps it keeps all of that.
        let mut out = Writer::new(2 + texts + varint_len(self.stamp) + varint_len(number) + state.len());
        let is_snapshot = matches!(self.state, State::Snapshot { .. });
        let status = Status::ALL.iter().position(|status| *status == self.status).unwrap_or_default();
        let status = u8::try_from(status).unwrap_or_default();
        out.0.push(status | self.position.bits() << 4 | u8::from(is_snapshot) << 7);
        out.text(action);
        out.number(self.stamp);
        out.number(number);
        out.text(self.cause);
        out.text(self.error);
        out.text(self.said);
        out.0.extend_from_slice(state);
        out.seal()
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let mut rest = open(bytes)?;
        let flags = rest.byte()?;
        let status = Status::ALL.get(usize::from(flags & 0xf)).copied();
        let status = status.ok_or_else(|| malformed(format!("{} is no status", flags & 0xf)))?;
        let position = At::of(flags >> 4 & 0x7, rest.text()?)?;
        let stamp = rest.number()?;
        let number = rest.number()?;
        let (cause, error, said) = (rest.text()?, rest.text()?, rest.text()?);
        let state = if flags & 0x80 == 0 {
            State::Change { back: number, change: rest.0 }
        } else {
            State::Snapshot { parent: minus_one(number), whole: rest.0 }
        };
        Ok(Self { status, position, stamp, cause, error, said, state })
    }
}

fn plus_one(seq: Option<u64>) -> u64 {
    seq.map_or(0, |seq| seq + 1)
}

fn minus_one(number: u64) -> Option<u64> {
    number.checked_sub(1)
}

fn malformed(what: impl std::fmt::Display) -> Error {
    Error::corrupt(format!("a record of a run: {what}"))
}

struct Writer(Vec<u8>);

impl Writer {
    fn new(len: usize) -> Self {
        let mut out = Vec::with_capacity(len + CHECKSUM);
        out.push(VERSION);
        Self(out)
    }

    fn number(&mut self, number: u64) {
        put_varint(&mut self.0, number);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn seal(mut self) -> Vec<u8> {
        let checksum = xxh3_64(&self.0);
        self.0.extend_from_slice(&checksum.to_le_bytes());
        self.0
    }
}

struct Reader<'a>(&'a [u8]);

fn open(bytes: &[u8]) -> Result<Reader<'_>> {
    match bytes.first() {
        Some(&VERSION) => {}
        Some(found) => {
            return Err(malformed(format!(
                "it has format version {found}, this program knows up to {VERSION}"
            )));
        }
        None => return Err(malformed("it is empty")),
    }
    let (sealed, checksum) =
        bytes.split_last_chunk::<CHECKSUM>().ok_or_else(|| malformed("it ends too early"))?;
    if xxh3_64(sealed) != u64::from_le_bytes(*checksum) {
        return Err(malformed("its checksum is wrong"));
    }
    Ok(Reader(sealed.get(1..).unwrap_or_default()))
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8> {
        let (byte, rest) = self.0.split_first().ok_or_else(|| malformed("it ends too early"))?;
        self.0 = rest;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<u64> {
        take_varint(&mut self.0).map_err(malformed)
    }

    fn text(&mut self) -> Result<&'a str> {
        let len = self.number()?;
        let len = usize::try_from(len).ok().filter(|len| *len <= self.0.len());
        let (text, rest) = self.0.split_at(len.ok_or_else(|| malformed("it ends too early"))?);
        self.0 = rest;
        std::str::from_utf8(text).map_err(|e| malformed("a text is no UTF-8").with_source(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_base_is_stored_as_it_was() {
        let parent = Some(Origin { conversation: "telegram:42", name: "old", seq: Some(3), child: None });
        let position = At::After("ask");
        let base = Base { graph: "agent", stamp: 1_000, parent, seq: None, position, state: b"state" };
        let bytes = base.encode();
        assert_eq!(
            hex(&bytes),
            "01056167656e74e807010b74656c656772616d3a3432036f6c640400010361736b7374617465187b0a7b2919adf1"
        );
        assert_eq!(Base::decode(&bytes).unwrap(), base);
    }

    #[test]
    fn a_base_of_a_child_is_stored_as_it_was() {
        let child = Some(("fan", 300));
        let parent = Some(Origin { conversation: "telegram:42", name: "mine", seq: Some(3), child });
        let position = At::Entrypoint;
        let base = Base { graph: "square", stamp: 1_000, parent, seq: None, position, state: b"state" };
        let bytes = base.encode();
        assert_eq!(
            hex(&bytes),
            "0106737175617265e807020b74656c656772616d3a3432046d696e65040366616eac020000007374617465fa4c99391d2dcfbf"
        );
        assert_eq!(Base::decode(&bytes).unwrap(), base);
    }

    #[test]
    fn a_checkpoint_is_stored_as_it_was() {
        let record = Record {
            status: Status::Failed,
            position: At::Again("think"),
            stamp: 300,
            cause: "telegram/7",
            error: "no",
            said: "[]",
            state: State::Change { back: 5, change: b"delta" },
        };
        let bytes = record.encode();
        assert_eq!(
            hex(&bytes),
            "0121057468696e6bac02050a74656c656772616d2f37026e6f025b5d64656c74610fc4a04eaeb61264"
        );
        assert_eq!(Record::decode(&bytes).unwrap(), record);
        let state = State::Snapshot { parent: Some(9), whole: b"whole" };
        let snapshot = Record { status: Status::Reset, position: At::Entrypoint, state, ..record };
        let bytes = snapshot.encode();
        assert_eq!(bytes.capacity(), bytes.len());
        assert_eq!(hex(&bytes), "018400ac020a0a74656c656772616d2f37026e6f025b5d77686f6c65d925613f2605f055");
        assert_eq!(Record::decode(&bytes).unwrap(), snapshot);
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let state = State::Snapshot { parent: None, whole: b"whole" };
        let position = At::After("a");
        let record =
            Record { status: Status::Completed, position, stamp: 1, cause: "", error: "", said: "", state };
        let good = record.encode();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(Record::decode(&bad).is_err(), "byte {at} changed");
            assert!(Record::decode(&good[..at]).is_err(), "cut at {at}");
        }
    }
}
