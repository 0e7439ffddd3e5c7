//! Connections through a proxy.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use futures_util::future::join;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::plan::{Connection, Plan, Then, Way};

/// Takes connections until it is told to end.
pub(super) async fn serve(listener: TcpListener, plan: Arc<Plan>, mut end: watch::Receiver<bool>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener can be watched");
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // It fails when a client is gone before it was taken, which is no news.
                let Ok((client, _)) = accepted else { continue };
                connections.spawn(connect(client, Arc::clone(&plan)));
            }
            Some(_) = connections.join_next() => {}
            _ = end.wait_for(|end| *end) => return,
        }
    }
}

async fn connect(client: TcpStream, plan: Arc<Plan>) {
    let server = match plan.upstream() {
        Some(upstream) => TcpStream::connect(upstream).await,
        None => Err(io::ErrorKind::ConnectionRefused.into()),
    };
    let Ok(server) = server else { return reset(client) };
    // Small pieces are to pass as they come. It fails only on a socket that is gone.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (connection, healed) = plan.opened();
    pass(client, server, &plan, &connection, healed).await;
    plan.closed(&connection);
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    plan: &Plan,
    connection: &Connection,
    mut healed: watch::Receiver<u64>,
) {
    let mut fate = connection.fate.subscribe();
    let ended = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let up = pump(Way::Up, from_client, to_server, plan, connection);
        let down = pump(Way::Down, from_server, to_client, plan, connection);
        tokio::select! {
            biased;
            fate = fate.wait_for(|fate| fate.is_some_and(|fate| fate != Then::LoseAnswer)) => {
                fate.map_or(Then::Reset, |fate| fate.unwrap_or(Then::Reset))
            }
            _ = join(up, down) => Then::Close,
        }
    };
    match ended {
        Then::Close => {}
        Then::Reset | Then::LoseAnswer => {
            reset(client);
            reset(server);
        }
        Then::Vanish => {
            reset(client);
            // Fails only once the proxy is gone, and with it this task.
            let _ = healed.changed().await;
            reset(server);
        }
        Then::Silence => {
            let _ = healed.changed().await;
            reset(client);
            reset(server);
        }
    }
}

/// Passes on what comes one way, until it ends there or something else becomes of the connection.
async fn pump(
    way: Way,
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    plan: &Plan,
    connection: &Connection,
) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        let is_lost = way == Way::Down && *connection.fate.borrow() == Some(Then::LoseAnswer);
        if is_lost {
            connection.fate.send_replace(Some(Then::Reset));
            return std::future::pending().await;
        }
        let verdict = plan.judge(connection, way, &piece[..length]);
        if !verdict.latency.is_zero() {
            sleep(verdict.latency).await;
        }
        // Before it passes: its answer may be there before this goes on.
        if verdict.then == Some(Then::LoseAnswer) {
            connection.fate.send_replace(verdict.then);
        }
        to.write_all(&piece[..verdict.pass]).await?;
        if let Some(then) = verdict.then.filter(|then| *then != Then::LoseAnswer) {
            connection.fate.send_replace(Some(then));
            return std::future::pending().await;
        }
    }
}

fn reset(stream: TcpStream) {
    // It fails only on a socket that is gone.
    let _ = stream.set_zero_linger();
    drop(stream);
}
