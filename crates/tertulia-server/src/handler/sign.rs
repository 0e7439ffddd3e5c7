//! Signs what is posted, as the posts are signed that the server takes: see `docs/webhooks.md`.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Seconds since 1970.
pub(super) const TIMESTAMP: &str = "x-webhook-timestamp";
/// `v1=` and 64 hexadecimal digits.
pub(super) const SIGNATURE: &str = "x-webhook-signature";

/// The secret that the handler has too, ready to be used.
#[derive(Clone)]
pub(super) struct Signer(Hmac<Sha256>);

impl Signer {
    /// Signs with this secret.
    pub(super) fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("any length is a key"))
    }

    /// The signature of a body that is posted at `seconds` since 1970: the HMAC of `<seconds>.<body>`.
    pub(super) fn sign(&self, seconds: u64, body: &[u8]) -> String {
        let mac = self.0.clone().chain_update(seconds.to_string()).chain_update(b".").chain_update(body);
        let mut digits = [0; 64];
        let mac = mac.finalize().into_bytes();
        let digits = base16ct::lower::encode_str(&mac, &mut digits).expect("two digits for each of 32 bytes");
        format!("v1={digits}")
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}
