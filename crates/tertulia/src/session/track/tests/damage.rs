//! Damaged bytes: refused, never a panic.

use bytes::Bytes;
use fastrand::Rng;

use super::{Agent, begin, home, key, step, storage};
use crate::error::Kind;
use crate::session::format::{Malformed, put_varint};
use crate::session::log::Runs;
use crate::session::msgpack::patch::SET;
use crate::session::track::version::{Version, View, begin_change};
use crate::session::track::{Track, TrackHome};
use crate::storage::{Batch, CommitId, LogWrite, Memory, Offset, Storage, Write};
use crate::{Key, Log, Name};

/// A version and three changes after it, in which logs came, moved and went.
async fn written() -> (std::sync::Arc<dyn Storage>, Vec<u8>, Vec<Bytes>) {
    let storage = storage();
    let mut agent = Agent { messages: Log::from(vec!["a".to_owned(), "b".to_owned()]), ..Agent::default() };
    let (mut track, whole) = begin(&storage, home(&storage, 4), &agent).await;
    let mut changes = Vec::new();
    agent.messages.back_mut().unwrap().push('!');
    agent.calls.extend(0..5);
    changes.push(step(&storage, &mut track, &agent).await);
    agent.messages.push("c".to_owned());
    agent.calls.keep_last(2);
    changes.push(step(&storage, &mut track, &agent).await);
    agent.calls.pop();
    agent.count += 1;
    changes.push(step(&storage, &mut track, &agent).await);
    (storage, whole, changes)
}

#[tokio::test]
async fn bytes_that_end_too_early_are_refused() {
    let (storage, whole, changes) = written().await;
    assert!(Version::read(&whole, &changes).is_ok());
    for len in 0..whole.len() {
        assert!(Version::read(&whole[..len], &[]).is_err(), "{len} bytes of the whole");
    }
    for len in 0..changes[0].len() {
        assert!(Version::read(&whole, &[changes[0].slice(..len)]).is_err(), "{len} bytes of the change");
    }
    let error = Track::load(home(&storage, 4), &whole[..9], &[]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
}

#[tokio::test]
async fn changes_that_do_not_belong_to_what_is_before_them_are_refused() {
    let (_, whole, changes) = written().await;
    let skipped = [changes[1].clone()];
    assert_eq!(Version::read(&whole, &skipped), Err(Malformed::Patch));
    let swapped = [changes[1].clone(), changes[0].clone()];
    assert_eq!(Version::read(&whole, &swapped), Err(Malformed::Patch));
    let other = Version::encode(1, &[], &[0x80]);
    assert_eq!(Version::read(&other, &changes[2..]), Err(Malformed::Patch));
    let newer = [&[2], &whole[1..]].concat();
    let error = Version::read(&newer, &[]).unwrap_err();
    assert_eq!(error.to_string(), "a run's state has format version 2, this program knows 1");
}

#[test]
fn a_change_that_leads_to_another_state_than_it_says_is_refused() {
    let whole = Version::encode(1, &[], &[0xc0]);
    let read = |patch: Option<(&[u8], u64)>| {
        let (patch, state_len) = patch.unwrap_or_default();
        let mut change = Vec::new();
        begin_change(&mut change, 1, &[]);
        put_varint(&mut change, state_len);
        change.extend_from_slice(patch);
        Version::read(&whole, &[change.into()])
    };
    let to_text = [SET, 0xa1, b'a'];
    assert_eq!(read(Some((&to_text, 2))).unwrap().state, b"\xa1a");
    assert_eq!(read(Some((&to_text, 3))), Err(Malformed::Patch));
    // Without a length there is no patch.
    assert_eq!(read(None).unwrap().state, [0xc0]);
    assert_eq!(read(Some((&to_text, 0))), Err(Malformed::Patch));
}

#[tokio::test]
async fn a_version_that_does_not_know_where_its_items_lie_is_refused() {
    let (storage, whole, _) = written().await;
    let Version { next_log, views, state } = Version::read(&whole, &[]).unwrap();
    assert_eq!(views.len(), 1);
    let load = |views: Vec<View>| {
        let (whole, home) = (Version::encode(next_log, &views, &state), home(&storage, 4));
        async move { Track::load(home, &whole, &[]).await.map_err(|error| error.kind()) }
    };
    assert!(load(views.clone()).await.is_ok());
    assert_eq!(load(Vec::new()).await.unwrap_err(), Kind::Corrupt);
    assert_eq!(load(vec![views[0].clone(), views[0].clone()]).await.unwrap_err(), Kind::Corrupt);
    // The first item is said to lie where the second one does, then where none does.
    for offset in [1, 9] {
        let mut runs = Runs::default();
        runs.push(0, offset);
        let view = View { end: 1, runs, ..views[0].clone() };
        assert_eq!(load(vec![view]).await.unwrap_err(), Kind::Corrupt, "offset {offset}");
    }
}

#[tokio::test]
async fn bytes_with_other_bits_never_panic() {
    let (storage, whole, changes) = written().await;
    let mut rng = Rng::with_seed(7);
    let (mut refused, mut loaded) = (0, 0);
    for _ in 0..20_000 {
        let mut pieces: Vec<Vec<u8>> = vec![whole.clone()];
        pieces.extend(changes.iter().map(|change| change.to_vec()));
        for _ in 0..rng.usize(1..4) {
            let piece = rng.usize(..pieces.len());
            let at = rng.usize(..pieces[piece].len());
            pieces[piece][at] = if rng.bool() { rng.u8(..) } else { 0xff };
        }
        let changes: Vec<Bytes> = pieces[1..].iter().map(|change| change.clone().into()).collect();
        match Track::load(home(&storage, rng.usize(1..9)).with_all_items(), &pieces[0], &changes).await {
            Err(error) => {
                assert_eq!(error.kind(), Kind::Corrupt, "{error}");
                refused += 1;
            }
            Ok(track) => {
                loaded += 1;
                let _ = (track.value::<Agent>(), track.whole());
            }
        }
    }
    assert!(refused > 5_000 && loaded > 100, "{refused} refused, {loaded} loaded");
}

#[tokio::test]
async fn random_bytes_never_panic() {
    let mut rng = Rng::with_seed(8);
    for _ in 0..50_000 {
        let mut bytes = |first: u8| -> Vec<u8> {
            std::iter::once(first).chain((0..rng.usize(0..40)).map(|_| rng.u8(..) & 0x8f)).collect()
        };
        let (whole, change) = (bytes(1), bytes(1));
        let _ = (Version::read(&whole, &[]), Version::read(&whole, &[change.into()]));
    }
}

#[tokio::test]
async fn records_that_are_not_there_are_refused() {
    let (storage, whole, changes) = written().await;
    let Key::Log(conversation, _) = key("1") else { unreachable!() };
    let log = Key::Log(conversation, Name::new("run/1/log/1").unwrap());
    let load = || Track::load(home(&storage, 4), &whole, &changes);
    assert!(load().await.is_ok());
    let write = |write: LogWrite| Batch::new(CommitId(fastrand::u64(..)), vec![Write::Log(write)]);
    storage.commit(write(LogWrite::new(log.clone()).trim(Offset(1)))).await.unwrap();
    let error = load().await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("log/1")), (Kind::Gone, true), "{error}");
    storage.commit(write(LogWrite::new(log).delete())).await.unwrap();
    let error = load().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains("its log 1 is not there"), "{error}");
    // A state that lies nowhere has no logs at all.
    let error = Track::load(TrackHome::plain(), &whole, &[]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    assert!(Track::load(home(&(std::sync::Arc::new(Memory::new()) as _), 4), &whole, &[]).await.is_err());
}
