//! The key of an encryption: where it comes from, and that nothing shows it.

use std::fmt;

use base64ct::{Base64, Encoding};
use tertulia::{Error, Result};
use zeroize::{Zeroize, Zeroizing};

/// The bytes of a key.
const KEY_BYTES: usize = 32;

/// A secret key of 32 bytes for [`Encryption`](crate::Encryption).
///
/// It is wiped from memory when dropped, and its `Debug` shows none of it. It lies in a box, so that moving it leaves
/// no copy behind.
///
/// Make one with [`generate`](Self::generate) and [`to_base64`](Self::to_base64), or with `openssl rand -base64 32`.
/// A password is not a key: derive one from it with a function made for that, such as Argon2.
pub struct Key(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl Key {
    /// A new key from the operating system's random numbers.
    ///
    /// # Errors
    /// `Internal` if the operating system gives none.
    pub fn generate() -> Result<Self> {
        let mut key = Self::zero();
        fill_random(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// The key with these bytes, which should come from a generator for cryptography. The caller's copy stays as it
    /// is.
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        let mut key = Self::zero();
        key.0.copy_from_slice(&bytes);
        bytes.zeroize();
        key
    }

    /// The key from 44 characters of Base64 (the standard alphabet, with padding). Whitespace around them is left
    /// out, so that a file's last line break does no harm.
    ///
    /// # Errors
    /// `Invalid` if the text is not Base64 or not of 32 bytes. The error shows none of the text.
    pub fn from_base64(text: &str) -> Result<Self> {
        Self::decode(text, |text, bytes| Base64::decode(text, bytes).ok().map(<[u8]>::len)).unwrap_or_else(
            || Err(Error::invalid("the key is not base64: 44 characters are wanted, for 32 bytes")),
        )
    }

    /// The key from 64 hexadecimal digits, small or capital. Whitespace around them is left out.
    ///
    /// # Errors
    /// `Invalid` if the text is not hexadecimal or not of 32 bytes. The error shows none of the text.
    pub fn from_hex(text: &str) -> Result<Self> {
        Self::decode(text, |text, bytes| base16ct::mixed::decode(text, bytes).ok().map(<[u8]>::len))
            .unwrap_or_else(|| {
                Err(Error::invalid("the key is not hexadecimal: 64 digits are wanted, for 32 bytes"))
            })
    }

    /// The key as Base64, to be kept where secrets are kept. Nothing wipes this text from memory.
    pub fn to_base64(&self) -> String {
        Base64::encode_string(self.0.as_slice())
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// What `decode` makes of `text` is wiped, also if it stops half way. `None` if it can make nothing of it.
    fn decode(text: &str, decode: impl FnOnce(&str, &mut [u8]) -> Option<usize>) -> Option<Result<Self>> {
        let text = text.trim();
        let mut bytes = Zeroizing::new(vec![0; text.len()]);
        let length = decode(text, &mut bytes)?;
        if length != KEY_BYTES {
            return Some(Err(Error::invalid(format!("the key has {length} bytes, {KEY_BYTES} are wanted"))));
        }
        let mut key = Self::zero();
        key.0.copy_from_slice(&bytes[..KEY_BYTES]);
        Some(Ok(key))
    }

    /// To be filled where it lies, so that no copy is left on the stack.
    fn zero() -> Self {
        Self(Box::new(Zeroizing::new([0; KEY_BYTES])))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Fills `bytes` from the operating system's generator, which is made for cryptography.
///
/// The library's own random numbers come from its clock, so that a test can repeat them, and who knows their seed
/// can foretell them. A key that can be foretold protects nothing, and a nonce that comes twice under one key shows
/// what two records differ in and lets others be forged (RFC 8439, section 4).
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|error| Error::internal("the operating system gives no random numbers").with_source(error))
}
