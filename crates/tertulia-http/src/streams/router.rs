//! The routes of streams.

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use tertulia::stream::Streams;

use super::app::{App, preflight};
use super::{StreamsHttpOptions, cancel, durable, events, list};

const STREAM: &str = "/v1/stream/{*path}";
const EVENTS: &str = "/v1/events/{*path}";
const CANCEL: &str = "/v1/cancel/{*path}";
const LIST: &str = "/v1/conversations/{conversation}/streams";

/// Streams over HTTP, for anybody's program to mount. `{path}` is `<conversation>/<name>`, such as
/// `http:alice/reply`; any other path is a stream of its own.
///
/// - `/v1/stream/{path}`: the [Durable Streams protocol](https://github.com/durable-streams/durable-streams), all of it
///   but subscriptions. Offsets are cursors; `Stream-Seq` is one sequence for each stream, whoever writes.
/// - `GET /v1/events/{path}`: for `EventSource`. An entry is an event, its `id` the cursor after it; `ping` says that the
///   connection stands, `reset` that what came after a cursor is being said anew, `end` how the stream ended. A browser
///   that comes back goes on where it was; one that has seen the end is answered 204 and stays away.
///   `?last_event_id=` is for those that come anew, `?starting_after=4` begins after the fifth entry.
/// - `POST /v1/cancel/{path}`: asks whoever writes the stream to stop, also if nobody has begun to.
/// - `GET /v1/conversations/{conversation}/streams`: the streams of a conversation, with `after` and `limit`.
///
/// A cursor of another stream, or of an earlier one of its name, is answered 410 with the earliest cursor that is good,
/// and never with nothing. Every failure is a [`Problem`](crate::Problem) as JSON.
pub fn streams(streams: Streams, options: StreamsHttpOptions) -> Router {
    let access = options.access.clone();
    let routes = Router::new()
        .route(STREAM, any(durable::serve))
        .route(EVENTS, any(events::serve))
        .route(CANCEL, any(cancel::serve))
        .route(LIST, any(list::serve))
        .with_state(Arc::new(App { streams, options }));
    // Browsers ask what they could ask before they show a token.
    let preflights = [
        (STREAM, durable::METHODS),
        (EVENTS, events::METHODS),
        (CANCEL, cancel::METHODS),
        (LIST, list::METHODS),
    ];
    let preflights = preflights.into_iter().fold(Router::new(), |routes, (path, methods)| {
        routes.route(path, axum::routing::options(async move || preflight(methods)))
    });
    access.before(routes).merge(access.before_none(preflights))
}
