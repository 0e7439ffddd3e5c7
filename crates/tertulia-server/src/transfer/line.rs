//! The lines of an export. Each is a JSON object with one member, which says what it is.

use base64ct::{Base64, Encoding};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tertulia::runner::PROCESS;
use tertulia::storage::{CommitId, ItemId};
use tertulia::{Conversation, Error, Key, Name, Result, Shard, Timestamp};

/// The version of what follows: ids, in the second.
pub(super) const VERSION: u32 = 2;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    /// The first.
    Tertulia(Header),
    /// A log; its entries follow.
    Log(LogLine),
    /// More entries of the log before.
    Entries(Vec<Blob>),
    /// A queue; its entries follow.
    Queue(QueueLine),
    /// More entries of the queue before, oldest first.
    Items(Vec<ItemLine>),
    /// Ids that a queue remembers, behind all logs and queues.
    Seen(SeenLine),
    /// The last: what there was, so that a file that ends early is told.
    End(Totals),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) version: u32,
    /// What was exported, for people.
    pub(super) from: String,
    /// When, in milliseconds since 1970.
    pub(super) at: u64,
    /// The commit that made the log in which servers say that they run, if one was ever started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<Hex>,
}

/// The log in which servers say that they run.
pub(super) fn process() -> Key {
    Key::ShardLog(Shard(0), PROCESS)
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogLine {
    /// None for a log of the shard itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) conversation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shard: Option<u8>,
    pub(super) name: String,
    /// The commit that made it, in hexadecimal digits.
    pub(super) incarnation: Hex,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<Blob>,
    /// The offset of its first entry.
    pub(super) first: u64,
    /// The offset after its last one.
    pub(super) end: u64,
    /// When it expires, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueLine {
    pub(super) shard: u8,
    pub(super) name: String,
    pub(super) incarnation: Hex,
    /// How many entries it has.
    pub(super) count: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) space: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<i64>,
    /// In hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<String>,
    pub(super) bytes: Blob,
}

/// Ids of one space, each with the time at which it is forgotten, in milliseconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeenLine {
    pub(super) shard: u8,
    /// The name of the queue.
    pub(super) queue: String,
    pub(super) space: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) numbers: Vec<(i64, u64)>,
    /// In hexadecimal digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<(String, u64)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Totals {
    pub(super) logs: u64,
    pub(super) queues: u64,
    /// Of logs and queues.
    pub(super) entries: u64,
    /// Of bases and entries.
    pub(super) bytes: u64,
    /// That queues remember; none in a file of version 1.
    #[serde(default)]
    pub(super) ids: u64,
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { logs, queues, entries, bytes, ids } = self;
        write!(f, "{logs} logs, {queues} queues, {entries} entries, {bytes} bytes and {ids} ids")
    }
}

/// Bytes, in base64.
#[derive(Debug)]
pub(super) struct Blob(pub(super) Bytes);

/// A commit id, in hexadecimal digits: a JSON number of 64 bits is not read alike everywhere.
#[derive(Debug)]
pub(super) struct Hex(pub(super) CommitId);

impl LogLine {
    /// # Errors
    /// `Invalid` if it names no log.
    pub(super) fn key(&self) -> Result<Key> {
        let name = Name::new(self.name.as_str())?;
        match (&self.conversation, self.shard) {
            (Some(conversation), None) => Ok(Key::Log(Conversation::parse(conversation)?, name)),
            (None, Some(shard)) => Ok(Key::ShardLog(Shard(shard), name)),
            _ => Err(Error::invalid("a log is of a conversation or of a shard")),
        }
    }
}

impl QueueLine {
    /// # Errors
    /// `Invalid` if it names no queue.
    pub(super) fn key(&self) -> Result<Key> {
        Ok(Key::Queue(Shard(self.shard), Name::new(self.name.as_str())?))
    }
}

impl ItemLine {
    pub(super) fn new(id: Option<ItemId>, bytes: Bytes) -> Self {
        let bytes = Blob(bytes);
        match id {
            None => Self { space: None, number: None, hash: None, bytes },
            Some(ItemId::Number(space, number)) => {
                Self { space: Some(space.to_string()), number: Some(number), hash: None, bytes }
            }
            Some(ItemId::Bytes(space, hash)) => {
                Self { space: Some(space.to_string()), number: None, hash: Some(hex(hash)), bytes }
            }
        }
    }

    /// # Errors
    /// `Invalid` if it is no id.
    pub(super) fn id(&self) -> Result<Option<ItemId>> {
        match (&self.space, self.number, &self.hash) {
            (None, None, None) => Ok(None),
            (Some(space), Some(number), None) => Ok(Some(ItemId::Number(Name::new(space.as_str())?, number))),
            (Some(space), None, Some(hash)) => {
                Ok(Some(ItemId::Bytes(Name::new(space.as_str())?, unhex(hash)?)))
            }
            _ => Err(Error::invalid("an id has a space, and a number or a hash of 32 hexadecimal digits")),
        }
    }
}

impl SeenLine {
    /// A line of ids of this queue and this space, of which there are none yet.
    pub(super) fn new(queue: &Key, space: &Name) -> Self {
        let (shard, queue, space) = (queue.shard().0, queue.name().to_string(), space.to_string());
        Self { shard, queue, space, numbers: Vec::new(), hashes: Vec::new() }
    }

    /// Adds an id of that space.
    pub(super) fn push(&mut self, id: &ItemId, until: Timestamp) {
        match id {
            ItemId::Number(_, number) => self.numbers.push((*number, until.0)),
            ItemId::Bytes(_, hash) => self.hashes.push((hex(*hash), until.0)),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        (self.numbers.len() + self.hashes.len()) as u64
    }

    /// # Errors
    /// `Invalid` if it names no queue.
    pub(super) fn key(&self) -> Result<Key> {
        Ok(Key::Queue(Shard(self.shard), Name::new(self.queue.as_str())?))
    }

    /// The ids, and when each is forgotten.
    ///
    /// # Errors
    /// `Invalid` if one is no id.
    pub(super) fn ids(&self) -> Result<Vec<(ItemId, Timestamp)>> {
        let space = Name::new(self.space.as_str())?;
        let numbers = self.numbers.iter();
        let numbers = numbers.map(|(id, until)| Ok((ItemId::Number(space.clone(), *id), Timestamp(*until))));
        let hashes = self.hashes.iter();
        let hashes =
            hashes.map(|(id, until)| Ok((ItemId::Bytes(space.clone(), unhex(id)?), Timestamp(*until))));
        numbers.chain(hashes).collect()
    }
}

fn hex(hash: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(hash))
}

fn unhex(text: &str) -> Result<[u8; 16]> {
    // A sign would be taken for a digit.
    let is_hex = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex);
    let number = number.ok_or_else(|| Error::invalid(format!("`{text}` is not 32 hexadecimal digits")))?;
    Ok(number.to_be_bytes())
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64::encode_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = Base64::decode_vec(&text);
        bytes.map(|bytes| Self(bytes.into())).map_err(|_| de::Error::custom("bytes are not in base64"))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        match u64::from_str_radix(&text, 16) {
            Ok(id) if text.len() == 16 => Ok(Self(CommitId(id))),
            _ => Err(de::Error::custom(format!("`{text}` is not 16 hexadecimal digits"))),
        }
    }
}
