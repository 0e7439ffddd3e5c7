//! Keys are read from text, refused without showing them, and never shown.

use tertulia::error::Kind;
use tertulia_codec::{Encryption, Key};

use crate::rig::{expect_error, key, open, seal};

const HEX: &str = "0102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F20";
const BASE64: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

#[test]
fn hex_base64_and_bytes_give_the_same_key() {
    let bytes = Key::from_bytes(std::array::from_fn(|i| i as u8 + 1));
    let sealed = seal(&Encryption::new(1, bytes), b"record");
    for key in [Key::from_hex(HEX), Key::from_base64(BASE64), Key::from_base64(&format!(" {BASE64}\r\n"))] {
        assert_eq!(open(&Encryption::new(1, key.unwrap()), &sealed).unwrap(), b"record");
    }
    assert_eq!(Key::from_hex(HEX).unwrap().to_base64(), BASE64);
}

#[test]
fn a_text_that_is_no_key_is_refused_with_the_length_wanted_and_not_shown() {
    let short = "c2VjcmV0c2VjcmV0";
    let cases = [
        (Key::from_base64(short), "12 bytes, 32 are wanted"),
        (Key::from_base64(&short.repeat(4)), "48 bytes, 32 are wanted"),
        (Key::from_base64(""), "0 bytes, 32 are wanted"),
        (Key::from_base64(&BASE64[..43]), "not base64: 44 characters are wanted"),
        (Key::from_base64(&BASE64.replace('A', "!")), "not base64: 44 characters are wanted"),
        (Key::from_base64("ключ"), "not base64: 44 characters are wanted"),
        (Key::from_hex(&HEX[..62]), "31 bytes, 32 are wanted"),
        (Key::from_hex(&HEX[..63]), "not hexadecimal: 64 digits are wanted"),
        (Key::from_hex(&HEX.replace('0', "g")), "not hexadecimal: 64 digits are wanted"),
    ];
    for (result, words) in cases {
        let shown = format!("{result:?}");
        for secret in [short, &BASE64[..8], &HEX[2..8]] {
            assert!(!shown.contains(secret), "{shown}");
        }
        expect_error(result, Kind::Invalid, &[words]);
    }
}

#[test]
fn generated_keys_differ() {
    let (one, two) = (Key::generate().unwrap().to_base64(), Key::generate().unwrap().to_base64());
    assert_ne!(one, two);
    assert_ne!(one, Key::from_bytes([0; 32]).to_base64());
}

#[test]
fn debug_shows_no_byte() {
    assert_eq!(format!("{:?}", key(1)), "Key(..)");
}
