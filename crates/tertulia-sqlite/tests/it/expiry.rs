//! Deadlines by the handle's clock.

use std::time::Duration;

use tertulia::storage::{Expect, Expire, ListQuery, LogWrite, Storage};
use tertulia_sqlite::Sqlite;

use crate::rig::{commit, log, read_log, run_paused};

#[test]
fn an_expired_log_is_absent_to_every_method_at_once() {
    run_paused(|| async {
        let folder = tempfile::tempdir().unwrap();
        let storage = Sqlite::open(folder.path().join("a.db")).await.unwrap();
        let minute = Duration::from_secs(60);
        let write = LogWrite::new(log("1")).base("brief").expire(Expire::After(minute)).into();
        commit(&storage, 1, vec![write]).await.unwrap();
        tokio::time::advance(minute - Duration::from_millis(1)).await;
        let page = read_log(&storage, &log("1")).await.unwrap().unwrap();
        assert_eq!(page.head.expires_in, Some(Duration::from_millis(1)));
        assert_eq!(storage.list(&ListQuery::default()).await.unwrap().keys.len(), 1);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(read_log(&storage, &log("1")).await.unwrap(), None);
        assert_eq!(storage.list(&ListQuery::default()).await.unwrap().keys, []);
        let write = LogWrite::new(log("1")).expect(Expect::Absent).append("anew").into();
        commit(&storage, 2, vec![write]).await.unwrap();
        let page = read_log(&storage, &log("1")).await.unwrap().unwrap();
        assert_eq!((page.base, page.head.expires_in, page.entries.len()), (None, None, 1));
    });
}

#[test]
fn expiry_wakes_who_waits_for_a_change() {
    run_paused(|| async {
        let folder = tempfile::tempdir().unwrap();
        let storage = Sqlite::open(folder.path().join("a.db")).await.unwrap();
        let hour = Duration::from_secs(3_600);
        let write = LogWrite::new(log("1")).base("brief").expire(Expire::After(hour)).into();
        let head = commit(&storage, 1, vec![write]).await.unwrap().heads[0].unwrap();
        let begun = tokio::time::Instant::now();
        assert_eq!(storage.changed(&log("1"), Some(head.etag())).await.unwrap(), None);
        assert_eq!(begun.elapsed().as_secs(), 3_600);
    });
}
