//! Compression of records: LZ4.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};
use tertulia::session::Codec;
use tertulia::{Error, Result};

/// A sealed record is: the format version (1 byte), the record's length (4 bytes, the highest first), one LZ4 block.
const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 1 + 4;

/// What one byte of an LZ4 block stands for at most: each byte that prolongs a match adds 255
/// (the LZ4 block format: <https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>).
const MOST_FROM_A_BYTE: usize = 255;

/// Compresses records with LZ4; 5 bytes are added to what is left of them.
///
/// Records that are small or do not get smaller are left as they are, so it takes plain records. It does not find out
/// whether a record was changed: what opens need not be what was sealed. Give an
/// [`Encryption`](crate::Encryption) after it where that matters.
///
/// LZ4 because a turn waits for it: it is quicker than the storage by far, and `lz4_flex` is Rust without `unsafe`.
#[derive(Clone, Debug)]
pub struct Compression {
    min_bytes: usize,
}

impl Compression {
    /// Leaves records under `bytes` bytes as they are: 256 unless told otherwise, for little is won below.
    #[must_use]
    pub fn min_bytes(mut self, bytes: usize) -> Self {
        self.min_bytes = bytes;
        self
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self { min_bytes: 256 }
    }
}

impl Codec for Compression {
    fn tag(&self) -> u8 {
        1
    }

    fn seal(&self, record: &[u8], _place: &[u8]) -> Result<Option<Vec<u8>>> {
        if record.len() < self.min_bytes {
            return Ok(None);
        }
        // What is longer than the header can say is left alone; no storage takes so long a record.
        let Ok(length) = u32::try_from(record.len()) else { return Ok(None) };
        let mut sealed = vec![0; HEADER_BYTES + get_maximum_output_size(record.len())];
        sealed[0] = FORMAT;
        sealed[1..HEADER_BYTES].copy_from_slice(&length.to_be_bytes());
        let block = compress_into(record, &mut sealed[HEADER_BYTES..])
            .map_err(|error| Error::internal("a record cannot be compressed").with_source(error))?;
        sealed.truncate(HEADER_BYTES + block);
        if sealed.len() >= record.len() {
            return Ok(None);
        }
        sealed.shrink_to_fit();
        Ok(Some(sealed))
    }

    fn open(&self, sealed: &[u8], _place: &[u8], max_bytes: usize) -> Result<Vec<u8>> {
        let (length, block) = split(sealed)?;
        if length > max_bytes {
            return Err(Error::corrupt(format!(
                "the compressed record says it has {length} bytes, the limit is {max_bytes}"
            )));
        }
        if length > block.len().saturating_mul(MOST_FROM_A_BYTE) {
            let block = block.len();
            return Err(Error::corrupt(format!(
                "the compressed record says it has {length} bytes, which {block} bytes cannot hold"
            )));
        }
        let mut record = vec![0; length];
        let found = decompress_into(block, &mut record)
            .map_err(|error| Error::corrupt("the compressed record is damaged").with_source(error))?;
        if found != length {
            return Err(Error::corrupt(format!(
                "the compressed record says it has {length} bytes, and has {found}"
            )));
        }
        Ok(record)
    }

    fn takes_plain(&self) -> bool {
        true
    }
}

/// The length that the header names, and the block.
fn split(sealed: &[u8]) -> Result<(usize, &[u8])> {
    match sealed.first() {
        None | Some(&FORMAT) => {}
        Some(other) => {
            return Err(Error::corrupt(format!(
                "the record is compressed in format version {other}, known is {FORMAT}"
            )));
        }
    }
    let Some((header, block)) = sealed.get(1..).and_then(<[u8]>::split_first_chunk) else {
        let bytes = sealed.len();
        return Err(Error::corrupt(format!(
            "the compressed record is cut off: it has {bytes} bytes, the header alone has {HEADER_BYTES}"
        )));
    };
    let length = usize::try_from(u32::from_be_bytes(*header))
        .map_err(|_| Error::corrupt("the compressed record says it is longer than memory"))?;
    Ok((length, block))
}
