//! Whatever bytes are given to open: an error or a record, no panic, and no more memory than was allowed.

use tertulia::error::Kind;
use tertulia::session::Codec;
use tertulia_codec::Compression;

use crate::rig::{PLACE, encryption, seal, text};

const ROUNDS: usize = 100_000;
const MAX_BYTES: usize = 4_096;
/// Errors, their texts, and what is authenticated with a record.
const BESIDE: u64 = 512;

/// Random bytes; every other time behind a `header` that lets them come further.
fn garbage(random: &mut fastrand::Rng, header: impl Fn(&mut fastrand::Rng) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = if random.bool() { header(random) } else { Vec::new() };
    let most = if random.u8(..8) == 0 { 2 * MAX_BYTES } else { 64 };
    let length = random.usize(..most);
    bytes.extend(std::iter::repeat_with(|| random.u8(..)).take(length));
    bytes
}

/// Opens each of the `inputs` and says how many could be.
fn open_all(codec: &dyn Codec, inputs: impl Iterator<Item = Vec<u8>>) -> usize {
    let mut opened = 0;
    for input in inputs {
        let used = allocation_counter::measure(|| match codec.open(&input, PLACE, MAX_BYTES) {
            Ok(record) => {
                assert!(record.len() <= MAX_BYTES);
                opened += 1;
            }
            Err(error) => assert!(matches!(error.kind(), Kind::Corrupt | Kind::Invalid), "{error}"),
        });
        assert!(used.bytes_max <= MAX_BYTES as u64 + BESIDE, "{} bytes for {input:?}", used.bytes_max);
    }
    opened
}

#[test]
fn random_bytes_never_decrypt() {
    let random = &mut fastrand::Rng::with_seed(2);
    let inputs = (0..ROUNDS).map(|_| garbage(random, |_| vec![1, 0, 0, 0, 1]));
    assert_eq!(open_all(&encryption(1), inputs), 0);
}

#[test]
fn random_bytes_never_make_decompression_panic() {
    let random = &mut fastrand::Rng::with_seed(3);
    let header = |random: &mut fastrand::Rng| vec![1, 0, 0, random.u8(..32), random.u8(..)];
    let inputs = (0..ROUNDS).map(|_| garbage(random, header));
    open_all(&Compression::default(), inputs);
}

#[test]
fn damaged_blocks_never_make_decompression_panic() {
    let random = &mut fastrand::Rng::with_seed(4);
    let record: Vec<u8> = [text(700), (0..=255).collect(), text(700)].concat();
    let sealed = seal(&Compression::default(), &record);
    let inputs = (0..ROUNDS).map(|_| {
        let mut damaged = sealed.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(1..damaged.len());
            damaged[at] = random.u8(..);
        }
        damaged
    });
    let opened = open_all(&Compression::default(), inputs);
    assert!((1..ROUNDS).contains(&opened), "{opened} opened: the damage goes too deep, or not deep enough");
}
