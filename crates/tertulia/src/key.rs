//! What names a log or a queue: conversations, the shards they are hashed to, and the keys made of them.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::{Error, Result};

/// The most bytes a conversation's source, its id or a name may have, before escaping.
pub const MAX_PART: usize = 256;

/// One of the 256 shards of a store: the unit of atomicity and of placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u8);

impl Shard {
    /// How many shards a store has.
    pub const COUNT: usize = 256;

    /// Every shard, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// The shard's number as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A conversation: where it takes place (`telegram`) and which one it is there (`42`).
///
/// Its text form is `telegram:42`. A source is escaped so that the first colon ends it; `%`, `/`, `?`, `#`, `{`,
/// `}` and spaces are written as `%XX` in both parts, so that no two conversations share a text form and no
/// input steers a path or a Redis hash tag. The shard is the low byte of the XXH3 64-bit hash of the text form.
///
/// Cloning copies one pointer.
#[derive(Clone)]
pub struct Conversation {
    text: Arc<str>,
    source_end: u16,
    shard: Shard,
}

impl Conversation {
    /// The conversation `id` at `source`.
    ///
    /// # Errors
    /// `Invalid` if a part is empty, longer than 256 bytes, or holds a control character.
    pub fn new(source: &str, id: &str) -> Result<Self> {
        check("conversation source", source)?;
        check("conversation id", id)?;
        let mut text = String::with_capacity(source.len() + id.len() + 1);
        escape(source, true, &mut text);
        let source_end = text.len();
        text.push(':');
        escape(id, false, &mut text);
        Ok(Self::assemble(text.into(), source_end))
    }

    /// Reads the text form, such as `telegram:42`.
    ///
    /// # Errors
    /// `Invalid` if it is not the text form of a conversation, exactly as [`new`](Self::new) would write it.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed =
            || Error::invalid(format!("conversation `{}` is not of the form source:id", shorten(text)));
        let (source, id) = text.split_once(':').ok_or_else(malformed)?;
        let (source, id) = (unescape(source).ok_or_else(malformed)?, unescape(id).ok_or_else(malformed)?);
        let conversation = Self::new(&source, &id)?;
        if conversation.as_str() == text { Ok(conversation) } else { Err(malformed()) }
    }

    fn assemble(text: Arc<str>, source_end: usize) -> Self {
        let shard = Shard(xxh3_64(text.as_bytes()).to_le_bytes()[0]);
        let source_end = u16::try_from(source_end).expect("256 bytes escape to at most 768");
        Self { text, source_end, shard }
    }

    /// Where the conversation takes place, as it was given.
    pub fn source(&self) -> Cow<'_, str> {
        unescape(&self.text[..usize::from(self.source_end)]).expect("escaped by new")
    }

    /// Which conversation it is there, as it was given.
    pub fn id(&self) -> Cow<'_, str> {
        unescape(&self.text[usize::from(self.source_end) + 1..]).expect("escaped by new")
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text form, shared.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The shard this conversation lives in.
    pub fn shard(&self) -> Shard {
        self.shard
    }
}

impl TryFrom<&str> for Conversation {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Conversation {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl TryFrom<&String> for Conversation {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self> {
        Self::parse(text)
    }
}

impl From<&Conversation> for Conversation {
    fn from(conversation: &Conversation) -> Self {
        conversation.clone()
    }
}

impl PartialEq for Conversation {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.text, &other.text) || self.text == other.text
    }
}

impl Eq for Conversation {}

impl Hash for Conversation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for Conversation {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Conversation {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversation({})", self.text)
    }
}

/// The name of a log or a queue within its conversation or shard, or of a space of item ids, such as
/// `session/chat`. At most 256 bytes, no control characters.
#[derive(Clone)]
pub struct Name(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// A name known when the program is written. Allocates nothing.
    ///
    /// # Panics
    /// If it is longer than 256 bytes; in a constant, this fails the build.
    pub const fn from_static(name: &'static str) -> Self {
        assert!(!name.is_empty() && name.len() <= MAX_PART, "a name has 1 to 256 bytes");
        Self(Repr::Static(name))
    }

    /// A name made at run time.
    ///
    /// # Errors
    /// `Invalid` if it is empty, longer than 256 bytes, or holds a control character.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self> {
        let name = name.into();
        check("name", &name)?;
        Ok(Self(Repr::Shared(name)))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(name) => name,
            Repr::Shared(name) => name,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// What a batch writes and a read reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A log of a conversation.
    Log(Conversation, Name),
    /// A log of a shard itself, such as `epoch`.
    ShardLog(Shard, Name),
    /// A queue of a shard, such as `inbox`.
    Queue(Shard, Name),
}

impl Key {
    /// The shard that holds it.
    pub fn shard(&self) -> Shard {
        match self {
            Self::Log(conversation, _) => conversation.shard(),
            Self::ShardLog(shard, _) | Self::Queue(shard, _) => *shard,
        }
    }

    /// Its name within the conversation or shard.
    pub fn name(&self) -> &Name {
        match self {
            Self::Log(_, name) | Self::ShardLog(_, name) | Self::Queue(_, name) => name,
        }
    }

    /// Whether it names a queue.
    pub fn is_queue(&self) -> bool {
        matches!(self, Self::Queue(..))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(conversation, name) => write!(f, "{conversation} {name}"),
            Self::ShardLog(shard, name) => write!(f, "shard {shard} {name}"),
            Self::Queue(shard, name) => write!(f, "shard {shard} queue {name}"),
        }
    }
}

fn check(what: &str, part: &str) -> Result<()> {
    if part.is_empty() {
        return Err(Error::invalid(format!("{what} is empty")));
    }
    if part.len() > MAX_PART {
        return Err(Error::invalid(format!(
            "{what} `{}` has {} bytes, at most {MAX_PART} are allowed",
            shorten(part),
            part.len()
        )));
    }
    if let Some(control) = part.chars().find(|c| c.is_control()) {
        return Err(Error::invalid(format!(
            "{what} `{}` holds the control character {control:?}",
            part.escape_debug()
        )));
    }
    Ok(())
}

fn shorten(text: &str) -> String {
    if text.len() <= 64 {
        text.escape_debug().to_string()
    } else {
        text.chars().take(48).chain("...".chars()).collect()
    }
}

fn is_escaped(byte: u8, colon: bool) -> bool {
    matches!(byte, b'%' | b'/' | b'?' | b'#' | b'{' | b'}' | b' ') || (colon && byte == b':')
}

fn escape(part: &str, colon: bool, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for c in part.chars() {
        match u8::try_from(c) {
            Ok(byte) if is_escaped(byte, colon) => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
            _ => out.push(c),
        }
    }
}

fn unescape(part: &str) -> Option<Cow<'_, str>> {
    if !part.contains('%') {
        return Some(Cow::Borrowed(part));
    }
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        out.push(digit()? << 4 | digit()?);
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}
