//! Encryption of records with keys that can be changed: XChaCha20-Poly1305.

use std::collections::BTreeMap;
use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use tertulia::session::Codec;
use tertulia::{Error, Result};

use crate::Key;
use crate::key::fill_random;

/// A sealed record is: the format version (1 byte), the key's id (4 bytes, the highest first), the nonce, the
/// record encrypted, the tag. Version, id and place are authenticated with it.
const FORMAT: u8 = 1;
const ID_END: usize = 1 + 4;
const NONCE_END: usize = ID_END + 24;
const TAG_BYTES: usize = 16;

/// Encrypts and authenticates records with XChaCha20-Poly1305; 45 bytes are added to each.
///
/// A record opens only unchanged, with its key, and at the place it was sealed for. What stays visible is how many
/// records there are, their sizes, and where they lie. What is not prevented is that somebody who can write to the
/// storage deletes a record, or puts back an older one of the same place.
///
/// # Nonces
/// Each record gets a random nonce of 192 bits; there is no counter to keep. That is what the long nonce of XChaCha20
/// is for: it "enables XChaCha constructions to be stateless" (draft-irtf-cfrg-xchacha-03, abstract). By the birthday
/// bound two of 2^80 records under one key share a nonce with a probability of 2^-33, so no count of records makes a
/// key worn out.
///
/// # Changing the key
/// 1. The new key is given to every process for opening: [`and_opens_with`](Self::and_opens_with).
/// 2. The new key becomes the one that seals, the old one stays for opening.
/// 3. Every session is written anew: [`Sessions::rewrite`](tertulia::Sessions::rewrite). Without it a record keeps its
///    key until it is next written, and an item of a log may never be.
/// 4. The old key is left away. A record that still needs it is then `Invalid`, with the id in the error, and is not
///    lost: bring the key back.
///
/// An id belongs to one key for ever: never use it again for another one.
///
/// ```
/// use tertulia_codec::{Encryption, Key};
///
/// # fn main() -> tertulia::Result<()> {
/// # let (new, old) = (Key::generate()?.to_base64(), Key::generate()?.to_base64());
/// let encryption = Encryption::new(2, Key::from_base64(&new)?).and_opens_with(1, Key::from_base64(&old)?)?;
/// # Ok(())
/// # }
/// ```
pub struct Encryption {
    /// The id of the key that seals; it is among `keys`.
    seals_with: u32,
    keys: BTreeMap<u32, Key>,
    takes_plain: bool,
}

impl Encryption {
    /// Seals with `key`, and opens what was sealed with it. `id` says in each record which key it needs.
    pub fn new(id: u32, key: Key) -> Self {
        Self { seals_with: id, keys: BTreeMap::from([(id, key)]), takes_plain: false }
    }

    /// Opens what was sealed with `key` too, but never seals with it.
    ///
    /// # Errors
    /// `Invalid` if there is a key with this id.
    pub fn and_opens_with(mut self, id: u32, key: Key) -> Result<Self> {
        if self.keys.contains_key(&id) {
            return Err(Error::invalid(format!("there are two encryption keys with the id {id}")));
        }
        self.keys.insert(id, key);
        Ok(self)
    }

    /// Takes records that are not encrypted as they are: for the time in which sessions from before there was
    /// encryption are [rewritten](tertulia::Sessions::rewrite), and no longer. As long as it is given, anybody who can write to the storage can put
    /// a record of their own in the place of an encrypted one.
    #[must_use]
    pub fn taking_plain(mut self) -> Self {
        self.takes_plain = true;
        self
    }

    /// The cipher is made for each record, which costs a copy of 32 bytes, so that the key lies in one place only;
    /// its copy is wiped when it is dropped.
    fn cipher(&self, id: u32) -> Option<XChaCha20Poly1305> {
        let key = self.keys.get(&id)?;
        Some(XChaCha20Poly1305::new(key.bytes().into()))
    }
}

impl Codec for Encryption {
    fn tag(&self) -> u8 {
        2
    }

    fn seal(&self, record: &[u8], place: &[u8]) -> Result<Option<Vec<u8>>> {
        let cipher = self.cipher(self.seals_with).expect("`new` put the key that seals among the keys");
        let mut nonce = XNonce::default();
        fill_random(&mut nonce)?;
        let mut sealed = Vec::with_capacity(NONCE_END + record.len() + TAG_BYTES);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.seals_with.to_be_bytes());
        let authenticated = [&sealed[..ID_END], place].concat();
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(record);
        let tag = cipher
            .encrypt_inout_detached(&nonce, &authenticated, (&mut sealed[NONCE_END..]).into())
            .map_err(|_| {
                let bytes = record.len();
                Error::invalid(format!("a record of {bytes} bytes cannot be encrypted, the limit is 256 GiB"))
            })?;
        sealed.extend_from_slice(&tag);
        Ok(Some(sealed))
    }

    fn open(&self, sealed: &[u8], place: &[u8], max_bytes: usize) -> Result<Vec<u8>> {
        let parts = Parts::of(sealed)?;
        let bytes = parts.encrypted.len();
        if bytes > max_bytes {
            return Err(Error::corrupt(format!(
                "the encrypted record has {bytes} bytes, the limit is {max_bytes}"
            )));
        }
        let id = parts.id;
        let cipher = self.cipher(id).ok_or_else(|| {
            Error::invalid(format!("the record needs the encryption key {id}, which was not given"))
        })?;
        let authenticated = [&sealed[..ID_END], place].concat();
        let mut record = parts.encrypted.to_vec();
        // The tag is checked before anything is decrypted.
        cipher
            .decrypt_inout_detached(
                &parts.nonce.into(),
                &authenticated,
                record.as_mut_slice().into(),
                &parts.tag.into(),
            )
            .map_err(|_| {
                Error::corrupt(format!(
                    "the encrypted record is not authentic: it was changed, or is of another place or another key {id}"
                ))
            })?;
        Ok(record)
    }

    fn takes_plain(&self) -> bool {
        self.takes_plain
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryption")
            .field("seals_with", &self.seals_with)
            .field("opens_with", &self.keys.keys().collect::<Vec<_>>())
            .field("takes_plain", &self.takes_plain)
            .finish()
    }
}

/// What a sealed record is made of.
struct Parts<'a> {
    id: u32,
    nonce: [u8; 24],
    encrypted: &'a [u8],
    tag: [u8; TAG_BYTES],
}

impl<'a> Parts<'a> {
    fn of(sealed: &'a [u8]) -> Result<Self> {
        match sealed.first() {
            None | Some(&FORMAT) => {}
            Some(other) => {
                return Err(Error::corrupt(format!(
                    "the record is encrypted in format version {other}, known is {FORMAT}"
                )));
            }
        }
        Self::split(sealed).ok_or_else(|| {
            let (bytes, least) = (sealed.len(), NONCE_END + TAG_BYTES);
            Error::corrupt(format!(
                "the encrypted record is cut off: it has {bytes} bytes, the least is {least}"
            ))
        })
    }

    fn split(sealed: &'a [u8]) -> Option<Self> {
        let (id, rest) = sealed.get(1..)?.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (encrypted, tag) = rest.split_last_chunk()?;
        Some(Self { id: u32::from_be_bytes(*id), nonce: *nonce, encrypted, tag: *tag })
    }
}
