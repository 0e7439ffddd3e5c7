//! The server: connections, which method is called, and the faults on its way.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::answer::Reply;
use super::control;
use super::faults::Cut;
use super::methods::Call;
use super::names::known;
use super::params::Params;
use super::poll::get_updates;
use super::state::Shared;

/// The largest body that is read.
const MAX_BODY: usize = 64 << 20;
/// Where controllers talk to the server.
const CONTROL: &str = "/control/";

/// The connection is cut: the client gets no answer.
#[derive(Debug)]
struct Severed;

impl fmt::Display for Severed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl std::error::Error for Severed {}

/// Serves for ever; when dropped, every connection ends.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, Arc::clone(&shared)))),
                // Such as too many open files.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let number = shared.with(|held| held.connected());
    let service = service_fn(move |request| answer(Arc::clone(&shared), number, request));
    // It fails when the client goes away or is cut off, and neither is news here.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    shared: Arc<Shared>,
    connection: u32,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Severed> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else { return Err(Severed) };
    let body = body.to_bytes();
    let reply = match head.uri.path().strip_prefix(CONTROL) {
        Some(path) => control::answer(&shared, &head.method, path, head.uri.query(), &body),
        None => {
            let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let params = Params::read(head.uri.query(), kind.unwrap_or_default(), &body);
            called(&shared, connection, head.uri.path(), params).await?
        }
    };
    Ok(response(reply))
}

/// A call, with what goes wrong on its way.
async fn called(
    shared: &Shared,
    connection: u32,
    path: &str,
    params: Option<Params>,
) -> Result<Reply, Severed> {
    let fate = shared.with(|held| held.fate());
    if fate.cut == Some(Cut::Before) {
        return Err(Severed);
    }
    let reply = match fate.error {
        true => Reply::refused(500, "Internal Server Error"),
        false => route(shared, connection, path, params, fate.cut.is_none()).await,
    };
    shared.time.sleep_until(shared.time.now().after(fate.late)).await;
    match fate.cut {
        Some(_) => Err(Severed),
        None => Ok(reply),
    }
}

async fn route(shared: &Shared, connection: u32, path: &str, params: Option<Params>, heard: bool) -> Reply {
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|path| path.split_once('/')) else {
        return Reply::refused(404, "Not Found");
    };
    let Some(bot) = bot(token) else {
        return Reply::refused(401, "Unauthorized: invalid token specified");
    };
    if shared.token.as_ref().is_some_and(|only| only != token) {
        return Reply::refused(401, "Unauthorized");
    }
    let Some(method) = known(method) else {
        return Reply::refused(404, "Not Found: method not found");
    };
    let Some(params) = params else {
        return Reply::refused(400, "Bad Request: can't parse the request's body");
    };
    if let Some(refused) = shared.with(|held| held.refuse(method, &params)) {
        return refused;
    }
    match method {
        "getupdates" => get_updates(shared, &params, heard).await,
        _ => shared.with(|held| held.call(Call { method, params: &params, bot, connection, heard })),
    }
}

/// The bot's id in a token.
fn bot(token: &str) -> Option<i64> {
    let (bot, secret) = token.split_once(':')?;
    let fits = !token.starts_with('0') && token.len() <= 80 && !secret.is_empty();
    bot.parse().ok().filter(|id| fits && (1..1 << 54).contains(id))
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, const { hyper::header::HeaderValue::from_static("application/json") });
    if let Some(seconds) = reply.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}
