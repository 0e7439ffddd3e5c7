//! Encryption at rest and compression for Tertulia's sessions.
//!
//! ```
//! use tertulia::session::Options;
//! use tertulia_codec::{Compression, Encryption, Key};
//!
//! # fn main() -> tertulia::Result<()> {
//! # let secret = Key::generate()?.to_base64();
//! let key = Key::from_base64(&secret)?;
//! let options = Options::default().codec(Compression::default()).codec(Encryption::new(1, key));
//! # Ok(())
//! # }
//! ```
//!
//! - [`Encryption`] keeps what is stored from being read or changed by those who have the storage and not the [`Key`].
//! - [`Compression`] makes records smaller.
//!
//! They see what a [`Sessions`](tertulia::Sessions) stores: states and the items of their logs. Everything else that a
//! bot keeps does not go through codecs: updates that wait or have failed, calls that are to be made, answers over
//! HTTP, and the keys of conversations. Encrypt the disk where these are secret too.
//!
//! Compress first: what is encrypted has nothing left to compress. Then the size of a record tells a little of what is
//! in it, and somebody who can both write into a session and see the sizes stored may guess at the rest, a piece at a
//! time (the attack known as CRIME). Leave the compression away where that is to be feared.
//!
//! Both read for ever what they ever wrote: each sealed record starts with a format version.

mod compression;
mod encryption;
mod key;

pub use compression::Compression;
pub use encryption::Encryption;
pub use key::Key;
