//! What is said to the scripts: descriptions of writes and reads, as `struct.unpack` takes them there.

use std::time::Duration;

use bytes::Bytes;
use tertulia::Shard;
use tertulia::storage::{
    Base, Batch, Expect, Expire, From, Limits, LogWrite, QueueWrite, Read, Removal, Revision, SEEN_FOR, See,
    Which, Write,
};

use crate::names::{self, Kind, Names};
use crate::records::write_item_id;

/// The scripts count in doubles. What is at or above this is not in any store and not in any batch's reach.
const MAX_NUMBER: u64 = 1 << 53;

/// Keys and arguments of a script.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) keys: Vec<String>,
    pub(crate) arguments: Vec<Bytes>,
}

/// The call that commits a batch.
pub(crate) fn commit(batch: &Batch, limits: &Limits, names: &Names) -> Call {
    let mut call = Call::default();
    let count = u32::try_from(batch.writes.len()).unwrap_or(u32::MAX);
    let mut first = Packed::new();
    first.put(&count.to_be_bytes()).put(&batch.id.0.to_be_bytes());
    first.number(limits.queue_entries).number(limits.queue_bytes).number(milliseconds(SEEN_FOR));
    call.arguments.push(first.0.into());
    for write in &batch.writes {
        let (key, shard) = (write.key(), write.key().shard());
        let id = names::id(key);
        let kinds = match write {
            Write::Log(_) => [Kind::Log, Kind::Entries],
            Write::Queue(_) => [Kind::Queue, Kind::Items],
        };
        call.keys.extend(kinds.map(|kind| names.of_id(shard, kind, &id)));
        if let Write::Queue(_) = write {
            call.keys.push(names.of_id(shard, Kind::Seen, &id));
        }
        call.keys.push(names.of_shard(shard, Kind::Index));
        if let Write::Log(_) = write {
            call.keys.push(names.of_shard(shard, Kind::Deadlines));
        }
        match write {
            Write::Log(write) => log(write, id, &mut call.arguments),
            Write::Queue(write) => queue(write, id, &mut call.arguments),
        }
    }
    call
}

fn log(write: &LogWrite, id: String, arguments: &mut Vec<Bytes>) {
    let mut packed = Packed::new();
    let (kind, expected, number) = match write.expect {
        Expect::Any => (0, 0, 0),
        Expect::Absent => (1, 0, 0),
        Expect::Incarnation(id) => (2, id.0, 0),
        Expect::Etag(etag) => (3, etag.commit.0, etag.version),
        Expect::End(id, end) => (4, id.0, end.0),
    };
    packed.put(&[1, kind]).put(&expected.to_be_bytes()).number(number);
    let (expire, lifetime) = match write.expire {
        Expire::Keep => (0, 0),
        Expire::Never => (1, 0),
        Expire::After(duration) => (2, milliseconds(duration)),
    };
    let flag = u8::from;
    packed.put(&[flag(write.base.is_some()), flag(write.delete), flag(write.first.is_some())]);
    packed.put(&[flag(write.trim.is_some()), expire]);
    packed
        .number(write.first.unwrap_or_default().0)
        .number(write.trim.unwrap_or_default().0)
        .number(lifetime);
    packed.count(write.append.len()).number(write.append.iter().map(|entry| entry.len() as u64).sum());
    arguments.push(packed.0.into());
    arguments.push(id.into());
    arguments.extend(write.base.iter().chain(&write.append).cloned());
}

fn queue(write: &QueueWrite, id: String, arguments: &mut Vec<Bytes>) {
    let mut packed = Packed::new();
    let see: Vec<&See> = write.see.iter().filter(|see| !see.left.is_zero()).collect();
    packed.put(&[2]).count(write.append.len()).count(write.replace.len()).count(write.remove.len());
    packed.count(see.len());
    arguments.push(packed.0.into());
    arguments.push(id.into());
    for append in &write.append {
        let mut id = Vec::new();
        if let Some(item) = &append.id {
            write_item_id(item, &mut id);
        }
        let mut tail = Vec::with_capacity(2 + id.len() + append.bytes.len());
        tail.extend(u16::try_from(id.len()).expect("a space has at most 256 bytes").to_be_bytes());
        tail.extend(&id);
        tail.extend(&append.bytes);
        arguments.extend([Bytes::from(id), Bytes::from(tail)]);
    }
    for (offset, revision, bytes) in &write.replace {
        let mut packed = Packed::new();
        packed.number(offset.0).put(&revision.0.0.to_be_bytes());
        arguments.extend([packed.0.into(), bytes.clone()]);
    }
    let mut packed = Packed::new();
    for Removal { offset, which } in &write.remove {
        let (expected, commit) = match which {
            Which::Expected(Revision(commit)) => (1, commit),
            Which::Born(commit) => (0, commit),
        };
        packed.number(offset.0).put(&[expected]).put(&commit.0.to_be_bytes());
    }
    arguments.push(packed.0.into());
    for See { id, left } in see {
        let mut handed = milliseconds((*left).min(SEEN_FOR)).to_be_bytes().to_vec();
        write_item_id(id, &mut handed);
        arguments.push(handed.into());
    }
}

/// The call that gives the ids of a queue, at most so many, behind this one of this time.
pub(crate) fn seen(
    shard: Shard,
    queue: &str,
    most: usize,
    after: Option<(u64, &Bytes)>,
    names: &Names,
) -> Call {
    let mut packed = Packed::new();
    packed.number(milliseconds(SEEN_FOR)).number(most as u64);
    let mut arguments = vec![packed.0.into()];
    if let Some((at, id)) = after {
        arguments.extend([Bytes::copy_from_slice(&at.to_be_bytes()), id.clone()]);
    }
    Call { keys: vec![names.of_id(shard, Kind::Seen, queue)], arguments }
}

/// Adds a read to a call of the script that reads.
pub(crate) fn read(read: &Read, names: &Names, call: &mut Call) {
    let (shard, id) = (read.key.shard(), names::id(&read.key));
    let is_queue = read.key.is_queue();
    let kinds = if is_queue { [Kind::Queue, Kind::Items] } else { [Kind::Log, Kind::Entries] };
    call.keys.extend(kinds.map(|kind| names.of_id(shard, kind, &id)));
    let (from, incarnation, place) = match read.from {
        From::Start => (0, 0, 0),
        From::At(incarnation, offset) => (1, incarnation.0, offset.0),
        From::Last(n) => (2, 0, n as u64),
    };
    let (base, base_id, base_version) = match read.base {
        Base::Always => (0, 0, 0),
        Base::Never => (1, 0, 0),
        Base::Unless(id, version) => (2, id.0, version),
    };
    let mut packed = Packed::new();
    packed.put(&[u8::from(is_queue), from]).put(&incarnation.to_be_bytes()).number(place);
    packed.number(read.max_entries as u64).number(read.max_bytes as u64);
    packed.put(&[base]).put(&base_id.to_be_bytes()).number(base_version);
    call.arguments.push(packed.0.into());
}

/// Rounded up, so that nothing expires early.
fn milliseconds(duration: Duration) -> u64 {
    let milliseconds = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(milliseconds).unwrap_or(u64::MAX)
}

struct Packed(Vec<u8>);

impl Packed {
    fn new() -> Self {
        Self(Vec::with_capacity(80))
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    /// A number of the script's; larger ones are all the same to it.
    fn number(&mut self, number: u64) -> &mut Self {
        self.put(&number.min(MAX_NUMBER).to_be_bytes())
    }

    fn count(&mut self, count: usize) -> &mut Self {
        self.put(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes())
    }
}
