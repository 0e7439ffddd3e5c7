//! Bytes that differ from row to row: SQLite skips a page that did not change, so equal values would cheat.

/// Bytes of a session's value: its count, then filling.
pub(crate) const SESSION_BYTES: usize = 64;
/// Bytes of a step's checkpoint: its count, then filling.
pub(crate) const CHECKPOINT_BYTES: usize = 40;
/// Bytes of the pool that all values are cut from.
const POOL: usize = 1 << 20;

/// Cuts values out of one pool of random bytes, so that making them costs next to nothing.
pub(crate) struct Payload {
    pool: Vec<u8>,
}

impl Payload {
    pub(crate) fn new() -> Self {
        let mut pool = vec![0; POOL];
        fastrand::Rng::with_seed(7).fill(&mut pool);
        Self { pool }
    }

    /// An update's body of 468 to 532 bytes, 500 on average.
    pub(crate) fn update(&self, update: u64) -> &[u8] {
        self.cut(update, 468 + (update % 65) as usize)
    }

    /// A reply's body of 96 to 160 bytes, 128 on average.
    pub(crate) fn reply(&self, update: u64) -> &[u8] {
        self.cut(update + 1, 96 + (update % 65) as usize)
    }

    /// The id of the commit that applied an update.
    pub(crate) fn commit_id(&self, update: u64) -> &[u8] {
        self.cut(update + 2, 16)
    }

    /// A session's value with this count.
    pub(crate) fn session(&self, update: u64, count: u64) -> [u8; SESSION_BYTES] {
        let mut value = [0; SESSION_BYTES];
        value.copy_from_slice(self.cut(update + 3, SESSION_BYTES));
        value[..8].copy_from_slice(&count.to_le_bytes());
        value
    }

    /// A step's checkpoint with this count.
    pub(crate) fn checkpoint(&self, step: u64, count: u64) -> [u8; CHECKPOINT_BYTES] {
        let mut value = [0; CHECKPOINT_BYTES];
        value.copy_from_slice(self.cut(step, CHECKPOINT_BYTES));
        value[..8].copy_from_slice(&count.to_le_bytes());
        value
    }

    /// The count inside a session's value.
    pub(crate) fn count_in(value: &[u8; SESSION_BYTES]) -> u64 {
        let mut count = [0; 8];
        count.copy_from_slice(&value[..8]);
        u64::from_le_bytes(count)
    }

    /// Bytes from a place that an odd stride moves on for every `seed`.
    pub(crate) fn cut(&self, seed: u64, length: usize) -> &[u8] {
        let start = (seed.wrapping_mul(7919) % (POOL - length) as u64) as usize;
        &self.pool[start..start + length]
    }
}
