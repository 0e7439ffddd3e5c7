//! The bytes of versions, as they were first written.

use super::{Agent, begin, home, step, storage};
use crate::session::track::Track;

const WHOLE: &str = "01 02 01 01 00 02 01 00 00 84 a5 636f756e74 01 a6 616e73776572 c0 \
     a8 6d65737361676573 d7 4c 0000000000000001 a5 63616c6c73 d7 4c 0000000000000000";

/// The count goes to 2, the last message is another one, and there is a first call.
const CHANGE: &str = "01 03 02 01 00 01 02 02 02 00 00 01 00 33 \
     02 04 a5 636f756e74 01 02 a5 63616c6c73 01 d7 4c 0000000000000002 c1";

fn bytes(fixture: &str) -> Vec<u8> {
    let digits: Vec<u8> = fixture.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn versions_are_written_as_they_always_were_and_can_be_read() {
    let storage = storage();
    let mut agent = Agent { count: 1, ..Agent::default() };
    agent.messages.extend(["a".to_owned(), "b".to_owned()]);
    let (mut track, whole) = begin(&storage, home(&storage, 4), &agent).await;
    assert_eq!(hex(&whole), hex(&bytes(WHOLE)));
    agent.count = 2;
    agent.calls.push(7);
    *agent.messages.back_mut().unwrap() = "c".to_owned();
    agent.messages.push("d".to_owned());
    let change = step(&storage, &mut track, &agent).await;
    assert_eq!(hex(&change), hex(&bytes(CHANGE)));

    let changes = [bytes(CHANGE).into()];
    let track = Track::load(home(&storage, 4), &bytes(WHOLE), &changes).await.unwrap();
    let agent: Agent = track.value().unwrap();
    assert_eq!((agent.count, agent.calls.tail()), (2, &[7][..]));
    assert_eq!(agent.messages.tail(), ["a", "c", "d"]);
    assert_eq!((Track::next_log_of(&whole).unwrap(), Track::next_log_of(&change).unwrap()), (2, 3));
}
