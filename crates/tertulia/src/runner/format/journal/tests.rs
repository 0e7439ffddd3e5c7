//! Every released form of a journal's records is a fixture: it is read as it was meant, and this version writes its own.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Found, FoundState, How, JournalCall, JournalRecord, JournalUpdate, Saved, Segment, Taken,
    decode_segments, encode_segments,
};
use crate::error::Kind;
use crate::runner::format::tests::fixture;
use crate::runner::format::{OnceRecord, Ticket};
use crate::runner::{CallOptions, Delivery};
use crate::storage::{ItemId, LogWrite, Offset};
use crate::{Conversation, Key, Name, Timestamp};

fn here() -> Conversation {
    Conversation::new("telegram", "42").unwrap()
}

fn key(conversation: &str, name: &'static str) -> Key {
    Key::Log(conversation.try_into().unwrap(), Name::from_static(name))
}

fn update(number: i64, body: &'static str) -> JournalUpdate {
    let id = ItemId::Number(Name::from_static("telegram"), number);
    JournalUpdate { id, arrived: Timestamp(1_790_000_000_000 + 1), body: Bytes::from_static(body.as_bytes()) }
}

fn record() -> JournalRecord {
    let plain = JournalCall { body: Bytes::from_static(b"call"), options: CallOptions::default() };
    let within = Some(Duration::from_secs(300));
    let ticket = Ticket { update: update(3, "").id, ordinal: 1 };
    let options = CallOptions {
        delivery: Delivery::AtMostOnce,
        within,
        join: Some("edit".to_owned()),
        refers: Some(ticket),
        steps: false,
    };

    let entry = |bytes: &'static [u8]| Bytes::from_static(bytes);
    let stored =
        |base| FoundState::Stored { base, first: Offset(7), entries: vec![entry(b"e7"), entry(b"e8")] };
    let found = |name, saved, state| Found { key: key("telegram:42", name), saved, state };
    let mut person = found("session/person", None, stored(Some(entry(b"base"))));
    person.key = key("telegram:user", "session/person");
    JournalRecord {
        segment: 0x0102_0304_0506_0708,
        begins: true,
        at: Timestamp(1_790_000_000_500),
        attempt: 2,
        update: update(-7, "{\"text\":\"se\u{f1}al\"}"),
        taken: vec![
            Taken { how: How::Joined, update: update(8, "joined") },
            Taken { how: How::Asked(3), update: update(9, "asked") },
            Taken { how: How::Steered(70_000), update: update(10, "steered") },
        ],
        waits: 4,
        cancelled: vec![JournalUpdate {
            id: ItemId::Bytes(Name::from_static("http"), *b"0123456789abcdef"),
            ..update(0, "cancelled")
        }],
        once: vec![OnceRecord { name: "model".to_owned(), result: entry(b"\xa3yes") }],
        calls: vec![plain.clone(), JournalCall { options, ..plain }],
        found: vec![
            person,
            found("session/chat", Some(Saved::Known), FoundState::Absent),
            found("session/chat/log/1", Some(Saved::Absent), stored(None)),
            found("session/large", Some(Saved::Unknown), FoundState::TooLarge(5 << 20)),
        ],
        writes: vec![
            LogWrite::new(key("telegram:42", "session/chat")).base(entry(b"base")).trim(Offset(3)),
            LogWrite { first: Some(Offset(5)), ..LogWrite::new(key("other:1", "log")).append(entry(b"a")) },
            LogWrite::new(key("telegram:42", "session/old")).delete(),
        ],
        too_large: None,
    }
}

fn cut() -> JournalRecord {
    let whole = record();
    let (found, writes) = (Vec::new(), Vec::new());
    JournalRecord { begins: false, too_large: Some(9 << 20), found, writes, ..whole }
}

fn segments() -> [Segment; 2] {
    let segment = |first, bytes| Segment { first: Offset(first), begun: Timestamp(1_790_000_000_000), bytes };
    [segment(250, 70_000), segment(500, 0)]
}

/// As text, since writes are not compared.
fn same(one: &JournalRecord, other: &JournalRecord) {
    assert_eq!(format!("{one:#?}"), format!("{other:#?}"));
}

#[test]
fn a_journal_of_version_1_is_read_and_written() {
    same(&JournalRecord::decode(&fixture("journal-v1.hex"), &here()).unwrap(), &record());
    same(&JournalRecord::decode(&fixture("journal-v1-cut.hex"), &here()).unwrap(), &cut());
    assert_eq!(decode_segments(&fixture("journal-base-v1.hex")).unwrap(), segments());
    assert_eq!(record().encode(&here()), fixture("journal-v1.hex"));
    assert_eq!(cut().encode(&here()), fixture("journal-v1-cut.hex"));
    assert_eq!(encode_segments(&segments()), fixture("journal-base-v1.hex"));
}

#[test]
fn a_journal_that_is_cut_short_or_of_a_later_version_is_corrupt_and_never_panics() {
    let whole = record().encode(&here());
    for length in 0..whole.len() {
        let error = JournalRecord::decode(&whole.slice(..length), &here()).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{length} bytes");
    }
    let base = encode_segments(&segments());
    for length in 0..base.len() {
        assert_eq!(decode_segments(&base.slice(..length)).unwrap_err().kind(), Kind::Corrupt);
    }
    let mut later = whole.to_vec();
    later[0] = 2;
    let error = JournalRecord::decode(&later.into(), &here()).unwrap_err();
    assert_eq!(error.to_string(), "journal entry has format version 2, this program reads up to 1");
}

#[test]
fn any_byte_may_be_another_one() {
    let whole = record().encode(&here());
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = whole.to_vec();
            bytes[at] ^= flip;
            // It says something else or is corrupt, but it ends.
            let _ = JournalRecord::decode(&bytes.into(), &here());
        }
    }
}
