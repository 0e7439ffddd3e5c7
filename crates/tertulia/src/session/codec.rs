//! What may stand between sessions and the storage: encryption, compression.

use std::fmt;

use crate::Result;

/// Turns the stored records of sessions into other bytes and back. Given to a store by
/// [`Options::codec`](super::Options); `tertulia-codec` has encryption and compression.
///
/// A record is what is written at once: a session's base, one of its patches, or an item of a
/// [`Log`](super::Log). Both functions are called on the way of a turn, so they must be quick and must not block.
pub trait Codec: fmt::Debug + Send + Sync + 'static {
    /// What marks a record of this codec, so that it is never given to another one. 0 to 127 are for this project
    /// (1: LZ4, 2: XChaCha20-Poly1305), the others are free.
    fn tag(&self) -> u8;

    /// Other bytes for `record`, or `None` to leave it as it is, which only a codec that
    /// [takes plain records](Self::takes_plain) may do. `place` says where the record will lie: no two records that
    /// are there at the same time have the same place. It is never empty, and is not stored.
    ///
    /// # Errors
    /// `Invalid`, `Internal`; they fail the write.
    fn seal(&self, record: &[u8], place: &[u8]) -> Result<Option<Vec<u8>>>;

    /// The record again, from what [`seal`](Self::seal) gave for the same `place`.
    ///
    /// # Errors
    /// `Corrupt` if the bytes are not what was sealed, if they were sealed for another place, or if the record has
    /// more than `max_bytes` bytes; `Invalid` if the program lacks what it takes to open them, such as a key.
    fn open(&self, sealed: &[u8], place: &[u8], max_bytes: usize) -> Result<Vec<u8>>;

    /// Whether a record that does not bear the mark is taken as it is: what was written before there was this
    /// codec, or what it left alone. A codec that authenticates must say no, or anybody who can write to the
    /// storage can leave the mark away.
    fn takes_plain(&self) -> bool;
}
