//! Answers of every released form are read as they were meant, and this version writes its own.

use bytes::Bytes;

use super::{Answer, read, write};
use crate::error::Kind;
use crate::runner::About;
use crate::storage::{Batch, CommitId, Expire, ItemId, LogWrite, Memory, Storage};
use crate::{Conversation, Name, Timestamp};

/// The forms of version 1: the base is version and state, an entry is version and text.
const APPLIED_V1: &[u8] = &[1, 0];
const GIVEN_UP_V1: &[u8] = &[1, 1];
const REPLY_V1: &[u8] = b"\x01hola \xf0\x9f\x91\x8b";

fn about() -> About {
    let (conversation, update) = names();
    About { update, conversation, arrived: Timestamp(1_000), attempt: 1, body: Bytes::new() }
}

fn names() -> (Conversation, ItemId) {
    let id = ItemId::Bytes(Name::from_static("http"), *b"0123456789abcdef");
    (Conversation::new("http", "ana").unwrap(), id)
}

async fn stored(write: LogWrite) -> crate::Result<Option<Answer>> {
    let (conversation, update) = names();
    let storage = Memory::new();
    storage.commit(Batch::new(CommitId(1), vec![write.into()])).await.unwrap();
    read(&storage, &conversation, &update).await
}

#[tokio::test]
async fn answers_of_version_1_are_read_and_written() {
    let replies = Answer::Replies(vec!["hola 👋".to_owned()]);
    let written = write(&about(), Timestamp(3_601_000), &replies).unwrap();
    assert_eq!(written.key.name().as_str(), "answer/http/30313233343536373839616263646566");
    assert_eq!(written.base.as_deref(), Some(APPLIED_V1));
    assert_eq!(written.append, [Bytes::from_static(REPLY_V1)]);
    assert!(matches!(written.expire, Expire::After(kept) if kept.as_secs() == 47 * 3600));
    let fixture = LogWrite::new(written.key.clone()).base(APPLIED_V1).append(REPLY_V1);
    assert_eq!(stored(fixture).await.unwrap(), Some(replies));
    let fixture = LogWrite::new(written.key).base(GIVEN_UP_V1);
    assert_eq!(stored(fixture).await.unwrap(), Some(Answer::GivenUp));
    assert_eq!(
        write(&about(), Timestamp(1_000), &Answer::GivenUp).unwrap().base.as_deref(),
        Some(GIVEN_UP_V1)
    );
}

#[tokio::test]
async fn an_answer_of_a_later_version_is_corrupt() {
    let key = write(&about(), Timestamp(1_000), &Answer::GivenUp).unwrap().key;
    let later = LogWrite::new(key).base(&[2_u8, 0][..]);
    assert_eq!(stored(later).await.unwrap_err().kind(), Kind::Corrupt);
}
