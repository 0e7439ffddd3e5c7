//! `kill -9` under load: what was answered is there, and nothing is there twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::{Folder, client, post};

const KILLS: usize = 30;
const CHATS: usize = 8;
/// The most answers between two kills.
const BETWEEN: usize = 24;

/// What the clients and the one who kills share.
struct Load {
    /// Where the server is; another address after each restart.
    url: watch::Receiver<String>,
    /// Answers so far, all clients together.
    answers: watch::Sender<usize>,
    /// Requests that were asked again after their connection broke.
    again: AtomicUsize,
    stop: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_kills_under_load_lose_nothing_that_was_answered_and_double_nothing() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = Folder::new();
    let mut server = folder.serve();
    let (url, current) = watch::channel(server.url.clone());
    let (answers, answered) = watch::channel(0);
    let load =
        Arc::new(Load { url: current, answers, again: AtomicUsize::new(0), stop: AtomicBool::new(false) });
    let mut clients = JoinSet::new();
    for chat in 0..CHATS {
        clients.spawn(write_notes(chat, Arc::clone(&load)));
    }

    for _ in 0..KILLS {
        wait(&answered, random.usize(0..=BETWEEN), &mut clients).await;
        server.kill();
        server = folder.serve();
        url.send_replace(server.url.clone());
    }
    wait(&answered, CHATS, &mut clients).await;
    load.stop.store(true, Ordering::SeqCst);

    let mut total = 0;
    while let Some(client) = clients.join_next().await {
        let (chat, written) = client.unwrap();
        total += written;
        check(&folder, &server, chat, written).await;
    }
    let again = load.again.load(Ordering::SeqCst);
    println!("{KILLS} kills, {total} notes answered, {again} requests asked again");
    assert!(again >= KILLS, "kills met requests under way: {again}");
}

/// Waits for some answers more; fails with a client that fails.
async fn wait(answered: &watch::Receiver<usize>, more: usize, clients: &mut JoinSet<(usize, usize)>) {
    let mut answered = answered.clone();
    let enough = *answered.borrow() + more;
    tokio::select! {
        answers = answered.wait_for(|answers| *answers >= enough) => drop(answers.unwrap()),
        client = clients.join_next() => panic!("a client ended early: {client:?}"),
    }
}

/// Writes notes one after the other, each until it is answered; gives the chat and how many.
async fn write_notes(chat: usize, load: Arc<Load>) -> (usize, usize) {
    let client = client();
    let mut current = load.url.clone();
    let mut number = 0;
    while !load.stop.load(Ordering::SeqCst) {
        let (text, key) = (format!("note {number}"), format!("{chat}-{number}"));
        loop {
            let url = current.borrow_and_update().clone();
            match post(&client, &url, &format!("c{chat}"), &text, Some(&key)).await {
                Ok(answer) => {
                    assert_eq!(answer.status, 200, "{answer:?}");
                    assert_eq!(answer.replies(), [format!("Noted, number {}.", number + 1)]);
                    break;
                }
                // Killed; the next server has another address.
                Err(_) => {
                    load.again.fetch_add(1, Ordering::SeqCst);
                    current.changed().await.unwrap();
                }
            }
        }
        number += 1;
        load.answers.send_modify(|answers| *answers += 1);
    }
    (chat, number)
}

/// Everything that can be asked for tells of exactly the notes that were answered.
async fn check(folder: &Folder, server: &crate::support::Server, chat: usize, written: usize) {
    let name = format!("c{chat}");
    let shown = folder.run(&["show", &format!("http:{name}")]).json();
    let logs = shown["logs"].as_array().unwrap();
    let session = logs.iter().find(|log| log["name"] == "session/demo").unwrap();
    let expected: Vec<_> = (0..written).map(|number| number.to_string()).collect();
    assert_eq!(session["state"]["notes"], serde_json::json!(expected));
    assert_eq!((&shown["inbox"], &shown["dead"]), (&serde_json::json!([]), &serde_json::json!([])));

    let again = server.post(&name, "note 0", Some(&format!("{chat}-0"))).await;
    assert_eq!(again.replies(), ["Noted, number 1."], "the first answer is still known");
    let listed = (1..).zip(&expected).map(|(place, note)| format!("{place}. {note}")).collect::<Vec<_>>();
    assert_eq!(server.say(&name, "notes").await, [listed.join("\n")]);
    assert_eq!(server.say(&name, "count").await, [format!("{} messages, with this one.", written + 2)]);
    let history = server.say(&name, "history").await;
    let last = history[0].lines().rev().nth(3).unwrap();
    assert_eq!(last, format!("{written}. note {}", written - 1));
}
