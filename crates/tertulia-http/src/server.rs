//! Serves routes within limits: a client that sends its headers slowly is cut off, and connections are counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// The limits of a [`Server`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// How long a client may take to send a request's headers, and how long a connection may idle: 10 s.
    pub header_within: Duration,
    /// How many connections there may be; more wait to be accepted: 10,000.
    pub connections: usize,
    /// How long requests under way may take once the server is to stop: 10 s.
    pub drain: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { header_within: Duration::from_secs(10), connections: 10_000, drain: Duration::from_secs(10) }
    }
}

/// A listener that is bound and not yet served.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    options: ServerOptions,
}

impl Server {
    /// Serves what comes to `listener`.
    pub fn new(listener: TcpListener, options: ServerOptions) -> Self {
        Self { listener, options }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system gives.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves; then accepts nothing more, lets requests under way end within
    /// [`ServerOptions::drain`], and closes what is left. Gives how many connections had to be closed.
    ///
    /// # Cancel safety
    /// Dropping the future closes every connection.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) -> usize {
        let Self { listener, options } = self;
        let slots = Arc::new(Semaphore::new(options.connections));
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept(&listener, &slots) => accepted,
            };
            let (stream, slot) = accepted;
            let serving = connection(stream, router.clone(), options, stopped.clone());
            connections.spawn(async move {
                serving.await;
                drop(slot);
            });
        }
        drop(listener);
        stopping.send_replace(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(options.drain, drained).await.is_err() {
            tracing::warn!(connections = connections.len(), "requests under way are cut off");
        }
        let left = connections.len();
        connections.shutdown().await;
        left
    }
}

type Slot = tokio::sync::OwnedSemaphorePermit;

/// Waits for a free slot, then for a connection.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, Slot) {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                // Such as too many open files: the next try may do no better at once.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    options: ServerOptions,
    mut stopping: watch::Receiver<bool>,
) {
    // Answers are small and written whole; waiting to join them gains nothing.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_within)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let stop = async { stopping.wait_for(|stop| *stop).await.is_ok() };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}
