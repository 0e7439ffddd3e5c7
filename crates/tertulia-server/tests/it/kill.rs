//! `kill -9` under load: what was answered is there, and nothing is there twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::{Folder, Server, client, post};

pub(crate) const CHATS: usize = 8;
/// The most answers between two kills.
pub(crate) const BETWEEN: usize = 24;
const KILLS: usize = 30;

/// Clients that write notes to a server that is killed, and what they share with the one who kills.
pub(crate) struct Load {
    shared: Arc<Shared>,
    /// Where the server is; another address after each restart.
    url: watch::Sender<String>,
    answered: watch::Receiver<usize>,
    clients: JoinSet<(usize, usize)>,
}

struct Shared {
    url: watch::Receiver<String>,
    /// Answers so far, all clients together.
    answers: watch::Sender<usize>,
    /// Requests that were asked again, since their connection broke or their answer was to come later.
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
    let mut load = Load::start(&server);
    for _ in 0..KILLS {
        // Something is answered in between: what runs alone at three stops in a row is taken for their cause.
        load.wait(random.usize(1..=BETWEEN)).await;
        server.kill();
        server = folder.serve();
        load.goes_on_at(&server);
    }
    let again = load.end(&folder, &server).await;
    assert!(again >= KILLS, "kills met requests under way: {again}");
}

impl Load {
    /// Starts clients, one for each of [`CHATS`] conversations.
    pub(crate) fn start(server: &Server) -> Self {
        let (url, current) = watch::channel(server.url.clone());
        let (answers, answered) = watch::channel(0);
        let (again, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { url: current, answers, again, stop });
        let mut clients = JoinSet::new();
        for chat in 0..CHATS {
            clients.spawn(write_notes(chat, Arc::clone(&shared)));
        }
        Self { shared, url, answered, clients }
    }

    /// Waits for some answers more; fails with a client that fails.
    pub(crate) async fn wait(&mut self, more: usize) {
        let mut answered = self.answered.clone();
        let enough = *answered.borrow() + more;
        tokio::select! {
            answers = answered.wait_for(|answers| *answers >= enough) => drop(answers.unwrap()),
            client = self.clients.join_next() => panic!("a client ended early: {client:?}"),
        }
    }

    /// The server was started again.
    pub(crate) fn goes_on_at(&self, server: &Server) {
        self.url.send_replace(server.url.clone());
    }

    /// Ends the clients and asks the server for everything that it answered; gives how many requests were asked again.
    pub(crate) async fn end(mut self, folder: &Folder, server: &Server) -> usize {
        self.wait(CHATS).await;
        self.shared.stop.store(true, Ordering::SeqCst);
        let mut total = 0;
        while let Some(client) = self.clients.join_next().await {
            let (chat, written) = client.unwrap();
            total += written;
            check(folder, server, chat, written).await;
        }
        let again = self.shared.again.load(Ordering::SeqCst);
        println!("{total} notes answered, {again} requests asked again");
        again
    }
}

/// Writes notes one after the other, each until it is answered; gives the chat and how many.
async fn write_notes(chat: usize, load: Arc<Shared>) -> (usize, usize) {
    let client = client();
    let mut current = load.url.clone();
    let mut number = 0;
    while !load.stop.load(Ordering::SeqCst) {
        let (text, key) = (format!("note {number}"), format!("{chat}-{number}"));
        loop {
            let url = current.borrow_and_update().clone();
            match post(&client, &url, &format!("c{chat}"), &text, Some(&key)).await {
                // The storage is away: it is asked for again, as `Retry-After` says.
                Ok(answer) if answer.status == 503 => {
                    load.again.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
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
async fn check(folder: &Folder, server: &Server, chat: usize, written: usize) {
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
