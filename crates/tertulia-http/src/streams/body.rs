//! Reads the body of a request within bounds.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;

use crate::{Problem, ProblemKind};

/// How much of a body that is too large is read and thrown away, so that its client, which still sends, comes to read
/// the answer; and how long that may take.
const THROWN_AWAY: (u64, Duration) = (16 << 20, Duration::from_secs(5));

/// The body. If it came in one piece it is not copied.
///
/// # Errors
/// `TooLarge`, before anything is kept if the headers tell; `SlowBody`; `Invalid` if it ended early.
///
/// # Cancel safety
/// If dropped, what was read is lost.
pub(crate) async fn read(mut body: Body, most: usize, within: Duration) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > most as u64 {
        return Err(too_large(body, most).await);
    }
    let read = {
        let mut collecting = pin!(collect(&mut body, most));
        // Mostly it is there already, and no timer is needed.
        match poll_fn(|context| Poll::Ready(collecting.as_mut().poll(context))).await {
            Poll::Ready(read) => read?,
            Poll::Pending => tokio::time::timeout(within, collecting).await.unwrap_or_else(|_| {
                let limit = within.as_secs();
                Err(Problem::new(ProblemKind::SlowBody, format!("the body did not arrive within {limit} s")))
            })?,
        }
    };
    match read {
        Some(read) => Ok(read),
        None => Err(too_large(body, most).await),
    }
}

/// The body, unless it is too large.
async fn collect(body: &mut Body, most: usize) -> Result<Option<Bytes>, Problem> {
    let mut first = Bytes::new();
    let mut more: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(ProblemKind::Invalid, "the body ended early"))?;
        let Ok(data) = frame.into_data() else { continue };
        let so_far = more.as_ref().map_or(first.len(), BytesMut::len);
        if so_far + data.len() > most {
            return Ok(None);
        }
        match &mut more {
            Some(all) => all.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => {
                let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(most);
                let mut all = BytesMut::with_capacity(so_far + data.len() + expected);
                all.extend_from_slice(&first);
                all.extend_from_slice(&data);
                more = Some(all);
            }
        }
    }
    Ok(Some(more.map_or(first, BytesMut::freeze)))
}

async fn too_large(mut body: Body, most: usize) -> Problem {
    let (mut left, within) = THROWN_AWAY;
    if body.size_hint().lower() <= left {
        let rest = async {
            while let Some(Ok(frame)) = body.frame().await {
                left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
                if left == 0 {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(within, rest).await;
    }
    Problem::new(ProblemKind::TooLarge, format!("the body has more than {most} bytes"))
}
