//! Guards and listings at their edges.

use super::*;

#[tokio::test]
async fn deleting_what_somebody_else_made_since_is_a_conflict() {
    let memory = Memory::new();
    let (mine, other) = (chats(memory.clone()), chats(memory));
    let chat = mine.load("web:1").await.unwrap();
    other.update("web:1", |chat| chat.n = 1).await.unwrap();
    let deleted = chat.delete().await;
    let is_there = other.contains("web:1").await.unwrap();
    assert_eq!((deleted.map_err(|error| error.kind()), is_there), (Err(Kind::Conflict), true));
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct ManyLogs {
    logs: Vec<Log<u64>>,
}

#[tokio::test]
async fn a_session_with_as_many_logs_as_are_allowed_can_be_rewritten() {
    let chats: Sessions<ManyLogs> = with(Memory::new(), Options::default());
    let fill = |chat: &mut ManyLogs| chat.logs = (0..120).map(|n| Log::from(vec![n])).collect();
    chats.update("web:1", fill).await.unwrap();
    assert!(chats.rewrite("web:1").await.unwrap());
}
