//! Keys and ids of items as columns, and as the numbers that processes tell each other.

use tertulia::storage::ItemId;
use tertulia::{Conversation, Key, Name, Result, Shard};
use xxhash_rust::xxh3::Xxh3Default;

use crate::error::corrupt;

/// The shard, the conversation's text (empty for what is the shard's own) and the name.
pub(crate) fn parts(key: &Key) -> (i16, &str, &str) {
    let conversation = match key {
        Key::Log(conversation, _) => conversation.as_str(),
        Key::ShardLog(..) | Key::Queue(..) => "",
    };
    (i16::from(key.shard().0), conversation, key.name().as_str())
}

/// The log of these columns.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn log(shard: i16, conversation: &str, name: &str) -> Result<Key> {
    let name = Name::new(name).map_err(corrupt)?;
    Ok(match conversation {
        "" => Key::ShardLog(self::shard(shard)?, name),
        text => Key::Log(Conversation::parse(text).map_err(corrupt)?, name),
    })
}

/// The queue of these columns.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn queue(shard: i16, name: &str) -> Result<Key> {
    Ok(Key::Queue(self::shard(shard)?, Name::new(name).map_err(corrupt)?))
}

fn shard(number: i16) -> Result<Shard> {
    u8::try_from(number).map(Shard).map_err(|_| corrupt(format_args!("there is no shard {number}")))
}

/// What stands for a key between processes. Two keys may share one: who hears it looks for itself.
pub(crate) fn hash(key: &Key) -> u64 {
    let (shard, conversation, name) = parts(key);
    let mut hash = Xxh3Default::new();
    hash.update(&shard.to_le_bytes());
    hash.update(conversation.as_bytes());
    hash.update(&[u8::from(key.is_queue())]);
    hash.update(name.as_bytes());
    hash.digest()
}

/// The space of an id, and the id as bytes: 8 for a number, in the numbers' order, or 16.
pub(crate) fn id_bytes(id: &ItemId) -> (&Name, Vec<u8>) {
    match id {
        ItemId::Number(space, number) => (space, (number.cast_unsigned() ^ (1 << 63)).to_be_bytes().to_vec()),
        ItemId::Bytes(space, bytes) => (space, bytes.to_vec()),
    }
}

/// The id of these columns.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn item_id(space: &str, bytes: &[u8]) -> Result<ItemId> {
    let space = Name::new(space).map_err(corrupt)?;
    if let Ok(number) = bytes.try_into() {
        return Ok(ItemId::Number(space, (u64::from_be_bytes(number) ^ (1 << 63)).cast_signed()));
    }
    match bytes.try_into() {
        Ok(bytes) => Ok(ItemId::Bytes(space, bytes)),
        Err(_) => Err(corrupt(format_args!("an id has {} bytes, neither 8 nor 16", bytes.len()))),
    }
}
