//! One connection to a webhook, and a post over it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// The header that tells a webhook who posts.
const SECRET: &str = "X-Telegram-Bot-Api-Secret-Token";

/// Where to post.
#[derive(Clone, Debug)]
pub(super) struct Target {
    uri: Uri,
    text: String,
    secret: Option<String>,
}

impl Target {
    /// The webhook at an `http` URL: bots under test are on the same machine, where there is no TLS.
    pub(super) fn parse(text: &str, secret: Option<String>) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let fits = uri.scheme_str() == Some("http") && uri.host().is_some();
        fits.then(|| Self { uri, text: text.to_owned(), secret })
    }

    pub(super) fn url(&self) -> &str {
        &self.text
    }

    fn request(&self, body: String) -> hyper::http::Result<Request<Full<Bytes>>> {
        let host = self.uri.authority().map_or("", |authority| authority.as_str());
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path).header(HOST, host).header(CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.secret {
            request = request.header(SECRET, secret);
        }
        request.body(Full::from(body))
    }
}

/// What came of a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// 0 if there was no answer.
    pub(super) status: u16,
    /// How long the webhook asks to wait.
    pub(super) retry_after: Duration,
}

impl Outcome {
    /// In Telegram's words.
    pub(super) fn description(&self) -> String {
        match self.status {
            0 => "Webhook connection closed".to_owned(),
            status => format!("Wrong response from the webhook: {status}"),
        }
    }
}

/// A connection that is kept between posts.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Connection {
    async fn open(target: &Target) -> Option<Self> {
        let host = target.uri.host()?.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, target.uri.port_u16().unwrap_or(80))).await.ok()?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        let driver = tokio::spawn(connection).abort_handle();
        Some(Self { sender, driver })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Posts over the connection that is kept, else over a new one.
///
/// # Cancel safety
/// If dropped, the post may have arrived or not; the connection is closed.
pub(super) async fn post(kept: &mut Option<Connection>, target: &Target, body: String) -> Outcome {
    match exchange(kept.take(), target, body).await {
        Some((connection, outcome)) => {
            *kept = Some(connection);
            outcome
        }
        None => Outcome::default(),
    }
}

async fn exchange(kept: Option<Connection>, target: &Target, body: String) -> Option<(Connection, Outcome)> {
    let kept = kept.filter(|connection| !connection.sender.is_closed());
    let mut connection = match kept {
        Some(connection) => connection,
        None => Connection::open(target).await?,
    };
    connection.sender.ready().await.ok()?;
    let mut response = connection.sender.send_request(target.request(body).ok()?).await.ok()?;
    let status = response.status().as_u16();
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    // Read to its end, so that the connection can be used again; what it says is of no use.
    while let Some(frame) = response.frame().await {
        frame.ok()?;
    }
    Some((connection, Outcome { status, retry_after: Duration::from_secs(asked.unwrap_or(0)) }))
}
