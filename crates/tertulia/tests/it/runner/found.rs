//! Calls of a turn whose answer was lost are looked for in the outbox, and made once.

use std::sync::Arc;
use std::time::Duration;

use tertulia::Key;
use tertulia::error::Kind;
use tertulia::runner::{OUTBOX, Options, Turn};
use tertulia::storage::{Batch, CommitId, Memory, Offset, QueueWrite, Revision, Storage};
use tertulia_testkit::{Call, Fault, Faulty};

use super::support::{Diary, Platform, assert_all_done, conversation, pass, runner, update};

#[tokio::test(start_paused = true)]
async fn calls_that_are_looked_for_are_made_once_though_the_look_fails_half_way() {
    let memory = Memory::new();
    let faulty = Faulty::new(Arc::new(memory.clone()));
    let storage: Arc<dyn Storage> = Arc::new(faulty.clone());
    let sent = Diary::default();
    let note = sent.clone();
    let platform = Platform::new(move |call| {
        note.note(&call.conversation, String::from_utf8_lossy(&call.body));
        async { Ok(String::new()) }
    });
    let run = |turn: Turn, text: String| async move {
        turn.call(text.into())?;
        Ok(())
    };
    let handle = runner(&storage, Options::default(), run).sender("test", platform).start().await.unwrap();
    // The first commit is the inbox's, the second the turn's.
    faulty.at(Call::Commit, faulty.calls(Call::Commit) + 2, Fault::LoseAnswer);
    handle.intake().submit(update("one", 1, "hello")).await.unwrap();
    pass(5).await;
    // What was behind the call is gone, so that the look goes on after it has found the call, and fails there.
    let outbox = || QueueWrite::new(Key::Queue(conversation("one").shard(), OUTBOX));
    for (id, write) in [outbox().append(None, "gone"), outbox().remove(Offset(1), Revision(CommitId(0)))]
        .into_iter()
        .enumerate()
    {
        memory.commit(Batch::new(CommitId(id as u64), vec![write.into()])).await.unwrap();
    }
    faulty.at(Call::Read, faulty.calls(Call::Read) + 2, Fault::Refuse(Kind::Unavailable));
    pass(200).await;
    assert_eq!(faulty.faults(), 2, "the answer and the look");
    assert_eq!(sent.of("one"), ["hello"]);
    assert_eq!(handle.shutdown(Duration::from_secs(60)).await, []);
    assert_all_done(&storage).await;
}
