//! What things are called in Redis: a tag of the store's prefix and the shard, a letter, and the key's id.
//!
//! All names of a shard begin with the same tag in braces, so that a cluster keeps them in one slot. Names that
//! users give come after it and can neither end it nor begin another that counts.

use tertulia::{Conversation, Error, Key, Name, Result, Shard};

use crate::nodes::slot_of_tag;

/// The most bytes of a prefix.
const MAX_PREFIX: usize = 64;

/// What each kind of thing is called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string: a log's head and base.
    Log,
    /// A list: its entries.
    Entries,
    /// A string: a queue's head.
    Queue,
    /// A sorted set by offset: its entries.
    Items,
    /// A sorted set by time: the ids it has seen.
    Seen,
    /// A sorted set: the ids of a shard's keys.
    Index,
    /// A sorted set by deadline: the ids of a shard's logs that have one.
    Deadlines,
    /// A channel: the ids of a shard's keys that changed.
    Changes,
    /// A string that is written only to be waited for.
    Barrier,
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Self::Log => 'l',
            Self::Entries => 'e',
            Self::Queue => 'q',
            Self::Items => 'z',
            Self::Seen => 's',
            Self::Index => 'i',
            Self::Deadlines => 'd',
            Self::Changes => 'c',
            Self::Barrier => 'w',
        }
    }
}

/// The names of one store.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    /// # Errors
    /// `Invalid` for a prefix that is empty, too long, or holds what a tag cannot.
    pub(crate) fn new(prefix: &str) -> Result<Self> {
        let is_fine = |c: char| c.is_ascii_graphic() && !matches!(c, '{' | '}');
        if prefix.is_empty() || prefix.len() > MAX_PREFIX || !prefix.chars().all(is_fine) {
            return Err(Error::invalid(format!(
                "prefix `{}` is not 1 to {MAX_PREFIX} visible ASCII characters without braces",
                prefix.escape_debug()
            )));
        }
        Ok(Self { prefix: prefix.to_owned() })
    }

    /// Where the store says what it is.
    pub(crate) fn store(&self) -> String {
        format!("{{{}}}", self.prefix)
    }

    /// A thing that a shard has once.
    pub(crate) fn of_shard(&self, shard: Shard, kind: Kind) -> String {
        format!("{{{}:{shard}}}{}", self.prefix, kind.letter())
    }

    /// A thing of a log or queue.
    pub(crate) fn of_id(&self, shard: Shard, kind: Kind, id: &str) -> String {
        format!("{{{}:{shard}}}{}{id}", self.prefix, kind.letter())
    }

    /// The slot of a cluster that has a shard.
    pub(crate) fn slot(&self, shard: Shard) -> u16 {
        slot_of_tag(format!("{}:{shard}", self.prefix).as_bytes())
    }

    /// The shard whose channel this is.
    pub(crate) fn shard_of_channel(&self, channel: &[u8]) -> Option<Shard> {
        let rest =
            std::str::from_utf8(channel).ok()?.strip_prefix('{')?.strip_prefix(self.prefix.as_str())?;
        rest.strip_prefix(':')?.strip_suffix("}c")?.parse().ok().map(Shard)
    }
}

/// A key within its shard: queues sort before logs of conversations, and those before the shard's own.
pub(crate) fn id(key: &Key) -> String {
    match key {
        Key::Queue(_, name) => format!("Q{name}"),
        Key::Log(conversation, name) => format!("c{conversation}\0{name}"),
        Key::ShardLog(_, name) => format!("s{name}"),
    }
}

/// What all ids of logs of conversations of a source begin with; `None` where no conversation can have it.
pub(crate) fn ids_of_source(source: &str) -> Option<String> {
    let some = Conversation::new(source, "x").ok()?;
    Some(format!("c{}", some.as_str().strip_suffix('x')?))
}

/// The key of an id.
pub(crate) fn key(shard: Shard, id: &str) -> Option<Key> {
    let name = |name: &str| Name::new(name).ok();
    if let Some(rest) = id.strip_prefix('Q') {
        return Some(Key::Queue(shard, name(rest)?));
    }
    if let Some(rest) = id.strip_prefix('s') {
        return Some(Key::ShardLog(shard, name(rest)?));
    }
    let (conversation, rest) = id.strip_prefix('c')?.split_once('\0')?;
    let conversation = Conversation::parse(conversation).ok()?;
    (conversation.shard() == shard).then_some(Key::Log(conversation, name(rest)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_an_id_of_its_own_that_tells_it() {
        let conversation = Conversation::new("tele{gram", "{4}2").expect("valid");
        let (shard, name) = (conversation.shard(), || Name::from_static("}a:{b"));
        for given in
            [Key::Queue(shard, name()), Key::ShardLog(shard, name()), Key::Log(conversation.clone(), name())]
        {
            assert_eq!(key(shard, &id(&given)), Some(given));
        }
        assert_eq!(
            key(Shard(shard.0.wrapping_add(1)), &format!("c{conversation}\0a")),
            None,
            "of another shard"
        );
        for bad in ["", "Q", "x", "c", "ca:b", "cab\0a", "ca:b\0"] {
            assert_eq!(key(shard, bad), None, "{bad}");
        }
    }

    #[test]
    fn the_first_braces_of_a_name_are_the_shards() {
        let names = Names::new("bots:a").expect("valid");
        let name = names.of_id(Shard(7), Kind::Log, "c{x}\0{y}");
        assert_eq!(name, "{bots:a:7}lc{x}\0{y}");
        let channel = names.of_shard(Shard(7), Kind::Changes);
        assert_eq!(names.shard_of_channel(channel.as_bytes()), Some(Shard(7)));
        assert_eq!(Names::new("bots").expect("valid").shard_of_channel(channel.as_bytes()), None);
        for bad in ["", "a b", "{a", "a}", "é", &"a".repeat(65)] {
            assert!(Names::new(bad).is_err(), "{bad}");
        }
    }
}
