//! Every released form of a record is a fixture: it is read as it was meant, and this version writes its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::{
    Begun, CallState, DeadKind, DeadRecord, InboxRecord, Mark, OnceRecord, OutboxRecord, Released,
    SentRecord, Ticket,
};
use crate::error::Kind;
use crate::runner::{Call, CallOptions, Delivery};
use crate::storage::ItemId;
use crate::{Conversation, Name, Timestamp};

/// The bytes of a fixture: hexadecimal digits, with spaces and line ends between them.
pub(super) fn fixture(name: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runner").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn conversation() -> Conversation {
    Conversation::new("telegram", "42").unwrap()
}

fn inbox() -> InboxRecord {
    InboxRecord {
        conversation: conversation(),
        arrived: Timestamp(1_790_000_000_123),
        attempts: 2,
        not_before: Timestamp(1_790_000_004_000),
        mark: Mark::None,
        released: Released::NOTHING,
        body: Bytes::from_static("{\"text\":\"señal 🚦\"}".as_bytes()),
    }
}

fn number() -> Ticket {
    Ticket { update: ItemId::Number(Name::from_static("telegram"), -7), ordinal: 3 }
}

fn bytes() -> Ticket {
    Ticket { update: ItemId::Bytes(Name::from_static("http"), *b"0123456789abcdef"), ordinal: 0 }
}

fn outbox() -> OutboxRecord {
    let call = Call::new(conversation(), number(), Bytes::from_static(b"call"));
    OutboxRecord::new(Timestamp(1_790_000_000_456), None, call)
}

fn sending() -> OutboxRecord {
    let options = CallOptions {
        delivery: Delivery::AtMostOnce,
        within: Some(Duration::from_secs(300)),
        ..CallOptions::default()
    };
    let record = OutboxRecord::new(outbox().made, Some(options), outbox().call);
    OutboxRecord { state: CallState::Sending(0x0807_0605_0403_0201), ..record }
}

fn joined() -> OutboxRecord {
    OutboxRecord { join: Some("edit of message 17".to_owned()), ..outbox() }
}

fn refers() -> OutboxRecord {
    OutboxRecord { refers: Some(bytes()), ..joined() }
}

fn dead() -> DeadRecord {
    DeadRecord {
        conversation: conversation(),
        died: Timestamp(1_790_000_000_789),
        attempts: 4,
        what: DeadKind::Update,
        options: CallOptions::default(),
        error: "the handler panicked: no".to_owned(),
        body: Bytes::from_static(b"body"),
    }
}

fn begun() -> InboxRecord {
    InboxRecord { mark: Mark::Begun(Begun { row: 0x0102_0304_0506_0708, times: 3, alone: 1 }), ..inbox() }
}

fn released() -> InboxRecord {
    let waits = vec![Timestamp(1_790_000_001_000), Timestamp(1_790_000_002_000)];
    InboxRecord { released: Released { calls: 3, waits, joined: 5, early: Vec::new() }, ..inbox() }
}

fn early() -> InboxRecord {
    let released = Released { early: vec![0, 3], ..released().released };
    InboxRecord { released, ..inbox() }
}

fn steps() -> OutboxRecord {
    OutboxRecord { steps: Some("1001,1002".to_owned()), ..outbox() }
}

fn released_and_begun() -> InboxRecord {
    InboxRecord { mark: begun().mark, ..released() }
}

fn once() -> OnceRecord {
    OnceRecord { name: "answer".to_owned(), result: Bytes::from_static(b"\xa3hola") }
}

fn parked() -> InboxRecord {
    InboxRecord { mark: Mark::Parked("session \"chat\" cannot be read".to_owned()), ..inbox() }
}

fn dead_call() -> DeadRecord {
    DeadRecord { what: DeadKind::Call(Some(number())), ..dead() }
}

fn dead_special() -> DeadRecord {
    let options = CallOptions {
        delivery: Delivery::AtMostOnce,
        within: Some(Duration::from_secs(300)),
        join: Some("edit of message 17".to_owned()),
        refers: None,
        steps: false,
    };
    DeadRecord { options, ..dead_call() }
}

fn sent() -> SentRecord {
    SentRecord { ticket: bytes(), message: "1001".to_owned() }
}

#[test]
fn records_of_version_1_are_read() {
    assert_eq!(InboxRecord::decode(&fixture("inbox-v1.hex")).unwrap(), inbox());
    assert_eq!(OutboxRecord::decode(&fixture("outbox-v1.hex")).unwrap(), outbox());
    assert_eq!(DeadRecord::decode(&fixture("dead-v1.hex")).unwrap(), dead());
    assert_eq!(SentRecord::decode(&fixture("sent-v1.hex")).unwrap(), sent());
}

#[test]
fn records_of_version_2_are_read() {
    assert_eq!(InboxRecord::decode(&fixture("inbox-v2-begun.hex")).unwrap(), begun());
    assert_eq!(InboxRecord::decode(&fixture("inbox-v2-parked.hex")).unwrap(), parked());
    assert_eq!(DeadRecord::decode(&fixture("dead-v2.hex")).unwrap(), dead_call());
    assert_eq!(OutboxRecord::decode(&fixture("outbox-v2-sending.hex")).unwrap(), sending());
    assert_eq!(OutboxRecord::decode(&fixture("outbox-v2-joined.hex")).unwrap(), joined());
    assert_eq!(OutboxRecord::decode(&fixture("outbox-v2-refers.hex")).unwrap(), refers());
}

#[test]
fn what_was_released_and_what_is_had_once_is_read_and_written() {
    assert_eq!(InboxRecord::decode(&fixture("inbox-v3-released.hex")).unwrap(), released());
    assert_eq!(InboxRecord::decode(&fixture("inbox-v3-begun.hex")).unwrap(), released_and_begun());
    assert_eq!(OnceRecord::decode(&fixture("once-v1.hex")).unwrap(), once());
    assert_eq!(released().encode(), fixture("inbox-v3-released.hex"));
    assert_eq!(released_and_begun().encode(), fixture("inbox-v3-begun.hex"));
    assert_eq!(once().encode(), fixture("once-v1.hex"));
}

#[test]
fn calls_made_early_and_in_steps_are_read_and_written() {
    assert_eq!(InboxRecord::decode(&fixture("inbox-v4-early.hex")).unwrap(), early());
    assert_eq!(early().encode(), fixture("inbox-v4-early.hex"));
    assert_eq!(OutboxRecord::decode(&fixture("outbox-v2-steps.hex")).unwrap(), steps());
    assert_eq!(steps().encode(), fixture("outbox-v2-steps.hex"));
    let options = CallOptions { steps: true, ..dead_special().options };
    let dead = DeadRecord { options, ..dead_special() };
    assert_eq!(DeadRecord::decode(&dead.encode()).unwrap(), dead);
}

#[test]
fn options_of_dead_calls_are_read_and_written_as_version_3() {
    assert_eq!(DeadRecord::decode(&fixture("dead-v3.hex")).unwrap(), dead_special());
    assert_eq!(dead_special().encode(), fixture("dead-v3.hex"));
    let options = CallOptions { refers: Some(bytes()), ..dead_special().options };
    let refers = DeadRecord { options, ..dead_special() };
    assert_eq!(DeadRecord::decode(&fixture("dead-v3-refers.hex")).unwrap(), refers);
    assert_eq!(refers.encode(), fixture("dead-v3-refers.hex"));
}

#[test]
fn marks_tickets_of_dead_calls_and_options_of_calls_are_written_as_version_2() {
    assert_eq!(begun().encode(), fixture("inbox-v2-begun.hex"));
    assert_eq!(parked().encode(), fixture("inbox-v2-parked.hex"));
    assert_eq!(dead_call().encode(), fixture("dead-v2.hex"));
    assert_eq!(sending().encode(), fixture("outbox-v2-sending.hex"));
    assert_eq!(joined().encode(), fixture("outbox-v2-joined.hex"));
    assert_eq!(refers().encode(), fixture("outbox-v2-refers.hex"));
}

#[test]
fn what_needs_no_more_is_written_as_version_1() {
    assert_eq!(inbox().encode(), fixture("inbox-v1.hex"));
    assert_eq!(outbox().encode(), fixture("outbox-v1.hex"));
    assert_eq!(dead().encode(), fixture("dead-v1.hex"));
    assert_eq!(sent().encode(), fixture("sent-v1.hex"));
}

#[test]
fn a_record_of_a_later_version_or_cut_short_is_corrupt_and_never_panics() {
    let mut later = inbox().encode().to_vec();
    later[0] = 5;
    let error = InboxRecord::decode(&later.into()).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert_eq!(error.to_string(), "inbox entry has format version 5, this program reads up to 4");
    let mut unversioned = sent().encode().to_vec();
    unversioned[0] = 0;
    assert_eq!(SentRecord::decode(&unversioned.into()).unwrap_err().kind(), Kind::Corrupt);
    // The body is whatever is left, so only what stands before it can be cut.
    let whole = dead().encode();
    for length in 0..whole.len() - dead().body.len() {
        assert_eq!(
            DeadRecord::decode(&whole.slice(..length)).unwrap_err().kind(),
            Kind::Corrupt,
            "{length} bytes"
        );
    }
    for record in [sending(), joined(), refers(), steps()] {
        let whole = record.encode();
        for length in 0..whole.len() - record.call.body.len() {
            let read = OutboxRecord::decode(&whole.slice(..length));
            assert_eq!(read.unwrap_err().kind(), Kind::Corrupt, "{length} bytes");
        }
    }
    let whole = dead_special().encode();
    for length in 0..whole.len() - dead().body.len() {
        let read = DeadRecord::decode(&whole.slice(..length));
        assert_eq!(read.unwrap_err().kind(), Kind::Corrupt, "{length} bytes");
    }
    for record in [parked(), begun(), released(), released_and_begun(), early()] {
        let whole = record.encode();
        for length in 0..whole.len() - record.body.len() {
            let read = InboxRecord::decode(&whole.slice(..length));
            assert_eq!(read.unwrap_err().kind(), Kind::Corrupt, "{length} bytes");
        }
    }
}

#[test]
fn an_error_text_that_is_too_long_is_cut_at_a_character() {
    let record = DeadRecord { error: "é".repeat(1_500), ..dead() };
    let read = DeadRecord::decode(&record.encode()).unwrap();
    assert_eq!(read.error, "é".repeat(1_000));
    assert_eq!(read.body, record.body);
}

#[test]
fn a_ticket_is_kept_as_a_text_that_stays_the_same() {
    for (ticket, text) in [(number(), "telegram/-7.3"), (bytes(), "http/30313233343536373839616263646566.0")]
    {
        assert_eq!(ticket.to_string(), text);
        assert_eq!(serde_json::to_string(&ticket).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Ticket>(&format!("\"{text}\"")).unwrap(), ticket);
        let packed = rmp_serde::to_vec(&ticket).unwrap();
        assert_eq!(packed.len(), text.len() + if text.len() < 32 { 1 } else { 2 });
        assert_eq!(rmp_serde::from_slice::<Ticket>(&packed).unwrap(), ticket);
    }
    let space = Name::new("a/b.c").unwrap();
    let odd = Ticket { update: ItemId::Number(space, i64::MIN), ordinal: u32::MAX };
    assert_eq!(odd.to_string().parse::<Ticket>().unwrap(), odd);
}

#[test]
fn a_text_that_is_no_ticket_is_refused_and_says_so() {
    let hex = "0".repeat(31);
    for text in [
        "",
        "telegram",
        "telegram/7",
        "telegram/7.",
        "/7.0",
        "telegram/+7.0",
        "telegram/07.0",
        "telegram/7.00",
        "telegram/7.-1",
        "telegram/7.4294967296",
        "telegram/9223372036854775808.0",
        &format!("http/{hex}.0"),
        &format!("http/{hex}A.0"),
    ] {
        let error = text.parse::<Ticket>().unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert_eq!(
            error.to_string(),
            format!("{text:?} is no ticket: one looks like `telegram/7000001/4711.0`")
        );
        assert!(serde_json::from_value::<Ticket>(text.into()).is_err());
    }
}

#[test]
fn edits_of_a_ticket_are_joined_however_long_its_space_is() {
    let long = |ordinal| Ticket { update: ItemId::Number(Name::new("s".repeat(256)).unwrap(), 1), ordinal };
    assert_eq!(number().edits(), "edit of telegram/-7.3");
    assert_eq!(long(0).edits().len(), 40);
    assert_ne!(long(0).edits(), long(1).edits());
}
