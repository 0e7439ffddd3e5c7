//! Codecs: what is stored is what they made of it, bound to its place.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::{Codec, Options};
use tertulia::storage::{Batch, CommitId, LogWrite, Read, Storage, Write};
use tertulia::{Clock, Conversation, Error, Key, Log, Name, Result, Sessions};

use super::Watched;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chat {
    name: String,
    log: Log<String>,
}

/// Hides bytes and binds them to their place, as encryption does; short records can be left alone, as compression does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Toy {
    pub(super) tag: u8,
    pub(super) takes_plain: bool,
    pub(super) shortest: usize,
}

const SECRET: Toy = Toy { tag: 200, takes_plain: false, shortest: 0 };

fn sum(record: &[u8], place: &[u8]) -> u8 {
    record.iter().chain(place).fold(7, |sum, byte| sum.rotate_left(1) ^ byte)
}

impl Codec for Toy {
    fn tag(&self) -> u8 {
        self.tag
    }

    fn seal(&self, record: &[u8], place: &[u8]) -> Result<Option<Vec<u8>>> {
        let hidden = record.iter().map(|byte| byte ^ self.tag);
        Ok((record.len() >= self.shortest).then(|| hidden.chain([sum(record, place)]).collect()))
    }

    fn open(&self, sealed: &[u8], place: &[u8], max_bytes: usize) -> Result<Vec<u8>> {
        let (check, hidden) = sealed.split_last().ok_or_else(|| Error::corrupt("nothing was sealed"))?;
        let record: Vec<u8> = hidden.iter().map(|byte| byte ^ self.tag).collect();
        match sum(&record, place) == *check && record.len() <= max_bytes {
            true => Ok(record),
            false => Err(Error::corrupt("it was sealed for another place")),
        }
    }

    fn takes_plain(&self) -> bool {
        self.takes_plain
    }
}

fn chats(storage: &Watched, codecs: &[Toy]) -> Sessions<Chat> {
    let options =
        codecs.iter().fold(Options { log_tail: 2, ..Options::default() }, |o, codec| o.codec(*codec));
    Sessions::with(storage.clone(), Clock::system(), "chat", options).unwrap()
}

fn key(id: &str, name: &'static str) -> Key {
    Key::Log(Conversation::new("web", id).unwrap(), Name::from_static(name))
}

/// A base, patches, and a log with more items than are loaded.
async fn fill(chats: &Sessions<Chat>, id: &str) {
    for n in 0..5 {
        let change = |chat: &mut Chat| {
            chat.name = format!("{} {n}", "secret ".repeat(400));
            chat.log.push(format!("secret {n}"));
        };
        chats.update(format!("web:{id}"), change).await.unwrap();
    }
}

async fn records(storage: &Watched) -> Vec<(Key, Option<Bytes>, Vec<Bytes>)> {
    let mut records = Vec::new();
    for key in storage.keys().await {
        let page = storage.read(&[Read::new(key.clone())]).await.unwrap().remove(0).unwrap().unwrap();
        let page = page.into_log().unwrap();
        records.push((key, page.base, page.entries));
    }
    records
}

#[tokio::test]
async fn what_is_stored_went_through_every_codec_and_comes_back() {
    let storage = Watched::new();
    let codecs = [Toy { tag: 150, takes_plain: true, shortest: 100 }, SECRET];
    fill(&chats(&storage, &codecs), "1").await;
    let mut seen = chats(&storage, &codecs).get("web:1").await.unwrap().into_inner();
    assert!(seen.name.ends_with(" 4"));
    assert_eq!(seen.log.load_before(10).await.unwrap(), 3);
    assert_eq!(seen.log.tail()[0], "secret 0");
    let records = records(&storage).await;
    let all: Vec<&Bytes> = records.iter().flat_map(|(_, base, entries)| base.iter().chain(entries)).collect();
    assert!(all.len() > 8);
    for record in all {
        assert_eq!(record[..2], [3, 200]);
        assert!(!record.windows(6).any(|window| window == b"secret"));
    }
}

#[tokio::test]
async fn a_record_in_the_place_of_another_is_refused() {
    let storage = Watched::new();
    let secret = || chats(&storage, &[SECRET]);
    fill(&secret(), "1").await;
    fill(&secret(), "2").await;
    let page = |name| {
        let key = key("2", name);
        let storage = &storage;
        async move {
            let page = storage.read(&[Read::new(key)]).await.unwrap().remove(0).unwrap().unwrap();
            page.into_log().unwrap()
        }
    };
    let session = page("session/chat").await;
    let log = page("session/chat/log/1").await;
    assert!(session.entries.len() >= 2 && log.entries.len() == 5);
    let own = key("2", "session/chat");
    let theirs =
        storage.read(&[Read::new(key("1", "session/chat"))]).await.unwrap().remove(0).unwrap().unwrap();
    let theirs = theirs.into_log().unwrap();
    let mut swapped = session.entries.clone();
    swapped.swap(0, 1);
    let base = session.base.clone().unwrap();
    let attacks = [
        // Another conversation's base.
        (theirs.base.unwrap(), session.entries.clone()),
        // A patch as the base.
        (session.entries[0].clone(), session.entries.clone()),
        // Patches in another order.
        (base.clone(), swapped),
        // An item of a log as a patch.
        (base.clone(), vec![log.entries[0].clone()]),
        // A record from which the mark was taken away.
        (base.slice(2..), session.entries.clone()),
    ];
    for (n, (base, entries)) in attacks.into_iter().enumerate() {
        let write = entries.into_iter().fold(LogWrite::new(own.clone()).base(base), LogWrite::append);
        let delete = Write::Log(LogWrite::new(own.clone()).delete());
        storage.commit(Batch::new(CommitId(n as u64), vec![delete])).await.unwrap();
        storage.commit(Batch::new(CommitId(100 + n as u64), vec![Write::Log(write)])).await.unwrap();
        let error = secret().get("web:2").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "attack {n}");
    }
}

#[tokio::test]
async fn a_codec_that_takes_no_plain_records_refuses_what_was_there_before_it() {
    let storage = Watched::new();
    fill(&chats(&storage, &[]), "1").await;
    let error = chats(&storage, &[SECRET]).update("web:1", |chat| chat.name.clear()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert_eq!(error.to_string(), "web:1 session/chat: a record does not bear the mark of codec 200");
    let lenient = Toy { takes_plain: true, ..SECRET };
    chats(&storage, &[lenient]).update("web:1", |chat| chat.name.push('!')).await.unwrap();
    assert!(chats(&storage, &[lenient]).get("web:1").await.unwrap().name.ends_with('!'));
}

#[tokio::test]
async fn a_record_of_a_codec_that_was_not_given_is_refused() {
    let storage = Watched::new();
    fill(&chats(&storage, &[SECRET]), "1").await;
    let error = chats(&storage, &[]).get("web:1").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert_eq!(
        error.to_string(),
        "web:1 session/chat: a record is sealed with codec 200, which was not given"
    );
    assert!(chats(&storage, &[]).delete("web:1").await.unwrap(), "it can be removed without");
    assert_eq!(storage.keys().await, []);
}

#[tokio::test]
async fn a_rewritten_session_has_been_through_the_codecs_of_today() {
    let storage = Watched::new();
    fill(&chats(&storage, &[]), "1").await;
    let lenient = chats(&storage, &[Toy { takes_plain: true, ..SECRET }]);
    assert!(lenient.rewrite("web:1").await.unwrap());
    assert!(!lenient.rewrite("web:2").await.unwrap());
    // Nothing of before is left: the strict one reads all of it.
    let mut seen = chats(&storage, &[SECRET]).get("web:1").await.unwrap().into_inner();
    assert_eq!(seen.log.load_before(10).await.unwrap(), 3);
    assert_eq!((seen.log.tail()[0].as_str(), seen.log.len()), ("secret 0", 5));
    assert!(records(&storage).await.iter().all(|(_, base, all)| base.iter().chain(all).all(|it| it[0] == 3)));
    assert_eq!(storage.keys().await.len(), 2, "the log it had before is gone");
}

#[tokio::test]
async fn a_state_over_its_limit_is_refused_with_the_key_and_the_limit() {
    let storage = Watched::new();
    let options = Options { max_bytes: 1_000, ..Options::default() };
    let chats = Sessions::<Chat>::with(storage.clone(), Clock::system(), "chat", options).unwrap();
    chats.update("web:1", |chat| chat.name = "x".repeat(900)).await.unwrap();
    storage.counts();
    let error = chats.update("web:1", |chat| chat.name = "x".repeat(1_000)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(error.to_string(), "web:1 session/chat: it has 1023 bytes, at most 1000 are allowed");
    assert_eq!((storage.counts().writes, chats.get("web:1").await.unwrap().name.len()), (0, 900));
    chats.update("web:1", |chat| chat.log.push("y".repeat(100_000))).await.unwrap();
}
