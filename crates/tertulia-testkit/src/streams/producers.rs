//! Producers whose requests may be given again.

use tertulia::error::Kind;
use tertulia::stream::{Append, Appended, From, Producer, Refused, Stream};

use super::Setting;
use super::setting::{append, id, numbers, read_all};

fn request(epoch: u64, seq: u64, n: usize) -> Append {
    let producer = Some(Producer { id: "writer".into(), epoch, seq });
    Append { producer, ..append(numbers(n..n + 1)) }
}

async fn refused(stream: &Stream, append: Append) -> (Kind, Refused) {
    let error = stream.write(append).await.unwrap_err();
    (error.kind(), error.detail::<Refused>().expect("it says why").clone())
}

/// G.6: each request given twice, out of order and by another process: the log holds each once.
pub async fn g6_a_request_given_again_is_taken_once(setting: &Setting<'_>) {
    let stream = setting.make("producer").await;
    for n in 0..5 {
        assert!(matches!(stream.write(request(0, n, n as usize)).await.unwrap(), Appended::New(_)));
        assert!(
            matches!(stream.write(request(0, n, n as usize)).await.unwrap(), Appended::Duplicate { last, .. } if last == Some(n))
        );
    }
    stream.flush().await.unwrap();
    let stream = setting.others().get(&id("producer")).await.unwrap().unwrap();
    assert!(stream.write(request(0, 2, 2)).await.unwrap().is_duplicate());
    let gap = refused(&stream, request(0, 6, 6)).await;
    assert_eq!(gap, (Kind::Conflict, Refused::Gap { expected: 5, received: 6 }));
    let begin = refused(&stream, request(1, 1, 6)).await;
    assert_eq!(begin, (Kind::Invalid, Refused::EpochBegin { received: 1 }));
    assert!(!stream.write(request(1, 0, 5)).await.unwrap().is_duplicate());
    let stale = refused(&stream, request(0, 5, 6)).await;
    assert_eq!(stale, (Kind::Conflict, Refused::StaleEpoch { current: 1 }));
    assert_eq!(read_all(&stream, From::Start).await.0, numbers(0..6));
}

/// The same request from many tasks at once is taken once.
pub async fn a_request_given_by_many_at_once_is_taken_once(setting: &Setting<'_>) {
    let stream = setting.make("storm").await;
    for n in 0..20 {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let stream = stream.clone();
                tokio::spawn(async move { stream.write(request(0, n, n as usize)).await })
            })
            .collect();
        let mut new = 0;
        for task in tasks {
            new += usize::from(!task.await.unwrap().unwrap().is_duplicate());
        }
        assert_eq!(new, 1);
    }
    assert_eq!(read_all(&stream, From::Start).await.0, numbers(0..20));
}

/// A sequence has to grow, whoever gives it.
pub async fn a_sequence_has_to_grow(setting: &Setting<'_>) {
    let stream = setting.make("sequence").await;
    let with = |seq: &str| Append { seq: Some(seq.into()), ..append(numbers(0..1)) };
    stream.write(with("b")).await.unwrap();
    stream.flush().await.unwrap();
    let stream = setting.others().get(&id("sequence")).await.unwrap().unwrap();
    for seq in ["b", "a", ""] {
        let refused = refused(&stream, with(seq)).await;
        assert_eq!(refused, (Kind::Conflict, Refused::Sequence { last: "b".into() }));
    }
    stream.write(with("ba")).await.unwrap();
    assert_eq!(read_all(&stream, From::Start).await.0.len(), 2);
}
