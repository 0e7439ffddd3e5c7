//! Reads the body of a post, counting its bytes as they come.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;

use super::bounds::{Room, Taken, WebhookOptions};
use super::route::later;
use crate::{Problem, ProblemKind};

/// The body, and the room that it takes.
///
/// # Errors
/// `TooLarge`, before anything is read if the headers tell; `SlowBody`; `Unavailable` if there is no room;
/// `Invalid` if it ended early.
///
/// # Cancel safety
/// If dropped, the room is given back.
pub(crate) async fn read(
    body: Body,
    options: &WebhookOptions,
    room: &Room,
    random: u64,
) -> Result<(Bytes, Taken), Problem> {
    let most = options.body_bytes;
    let too_large = || Problem::new(ProblemKind::TooLarge, format!("the body has more than {most} bytes"));
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let reading = async {
        let mut body = body;
        let mut read = BytesMut::new();
        let mut taken = room.bytes(0).ok_or_else(|| later(random))?;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Problem::new(ProblemKind::Invalid, "the body ended early"))?;
            let Ok(data) = frame.into_data() else { continue };
            if read.len() + data.len() > most {
                return Err(too_large());
            }
            taken.merge(room.bytes(data.len()).ok_or_else(|| later(random))?);
            read.extend_from_slice(&data);
        }
        Ok((read.freeze(), taken))
    };
    tokio::time::timeout(options.body_within, reading).await.unwrap_or_else(|_| {
        let limit = options.body_within.as_secs();
        Err(Problem::new(ProblemKind::SlowBody, format!("the body did not arrive within {limit} s")))
    })
}
