//! Accepts connections, and has each served within the limits.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::ServerOptions;
use super::addresses::{Addresses, Counted};
use super::body::{Arriving, Late, Until};
use super::patience::{Patient, Requests, UnderWay};
use crate::{Problem, ProblemKind};

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
        let slots = Arc::new(Semaphore::new(options.connections.min(Semaphore::MAX_PERMITS)));
        let addresses = Addresses::new(options.connections_per_address);
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
            let (stream, from, slot) = accepted;
            let Some(place) = place(&addresses, &options, from) else { continue };
            let serving = connection(stream, router.clone(), options, stopped.clone());
            connections.spawn(async move {
                serving.await;
                drop((slot, place));
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

/// The place of a connection among those of its address, if there is one: `Some(None)` where they are not counted.
fn place(addresses: &Addresses, options: &ServerOptions, from: SocketAddr) -> Option<Option<Counted>> {
    if (options.uncounted)(from.ip()) {
        return Some(None);
    }
    let place = addresses.enter(from.ip());
    if place.is_none() {
        tracing::debug!(address = %from.ip(), "an address has too many connections");
    }
    place.map(Some)
}

/// Waits for a free slot, then for a connection.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, SocketAddr, Slot) {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, from)) => return (stream, from, slot),
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
    let requests = Requests::new();
    let stream = Patient::new(stream, &options, requests.clone());
    let answer = TowerToHyperService::new(router);
    let service =
        service_fn(move |request| answer_within(answer.clone(), request, options, requests.begin()));
    // The time for headers is kept by the stream, which knows headers from silence.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(options.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
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

/// Answers a request whose body is too large or too late itself.
async fn answer_within(
    router: TowerToHyperService<Router>,
    request: Request<Incoming>,
    options: ServerOptions,
    under_way: UnderWay,
) -> Result<Response<Until<UnderWay>>, Infallible> {
    let most = options.body_bytes;
    let response = if request.body().size_hint().lower() > most as u64 {
        too_large(most).into_response()
    } else {
        let late = Late::default();
        let request = request.map(|body| Arriving::new(body, most, options.body_within, late.clone()));
        match router.call(request).await {
            Ok(_) if late.is_set() => slow(options.body_within).into_response(),
            Ok(response) => response,
            Err(never) => match never {},
        }
    };
    Ok(response.map(|body| Until::new(body, under_way)))
}

fn too_large(most: usize) -> Problem {
    Problem::new(ProblemKind::TooLarge, format!("the body has more than {most} bytes"))
}

fn slow(within: Duration) -> Problem {
    let within = within.as_secs_f64();
    Problem::new(ProblemKind::SlowBody, format!("the body did not arrive within {within} s"))
}
