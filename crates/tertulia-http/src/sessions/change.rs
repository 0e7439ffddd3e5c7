//! What a request makes of a session.

use axum::http::{HeaderMap, Method, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tertulia::session::Misfit;

use crate::patch::{self, PatchError};
use crate::{Problem, ProblemKind, body};

/// What a `PATCH` may be.
pub(super) const PATCHES: &str = "application/merge-patch+json, application/json-patch+json";

/// What is asked for.
#[derive(Debug)]
pub(super) enum Asked {
    /// Another value.
    Put(Value),
    /// A JSON Merge Patch.
    Merge(Value),
    /// A JSON Patch.
    Patch(json_patch::Patch),
    /// That it goes.
    Delete,
}

/// Makes it of a body.
pub(super) type Reader = fn(&Bytes) -> Result<Asked, Problem>;

impl Asked {
    /// How to read a body, by its type, before it is there.
    ///
    /// # Errors
    /// `UnsupportedMedia`.
    pub(super) fn reader(method: &Method, headers: &HeaderMap) -> Result<Reader, Problem> {
        body::check_encoding(headers)?;
        let value = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
        let essence =
            value.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let unsupported = |types| {
            let text = format!("the body's type must be {types}");
            Err(Problem::new(ProblemKind::UnsupportedMedia, text))
        };
        match (method.as_str(), essence.as_deref()) {
            ("DELETE", _) => Ok(|_| Ok(Self::Delete)),
            ("PUT", None | Some("application/json")) => Ok(|body| json(body).map(Self::Put)),
            ("PUT", _) => unsupported("application/json"),
            (_, Some("application/merge-patch+json")) => Ok(|body| json(body).map(Self::Merge)),
            (_, Some("application/json-patch+json")) => Ok(|body| json(body).map(Self::Patch)),
            _ => unsupported(PATCHES),
        }
    }

    /// Whether how it ends tells what the session was before.
    pub(super) fn tells(&self) -> bool {
        matches!(self, Self::Patch(_))
    }

    /// What a value becomes.
    ///
    /// # Errors
    /// `Conflict` if a patch does not fit what is there; `Unfit` if it is beyond a bound.
    pub(super) fn apply(&self, value: &Value) -> Result<Option<Value>, Problem> {
        let mut value = value.clone();
        match self {
            Self::Delete => return Ok(None),
            Self::Put(other) => return Ok(Some(other.clone())),
            Self::Merge(merge) => patch::merge(&mut value, merge).map_err(refused)?,
            Self::Patch(operations) => patch::patch(&mut value, operations).map_err(refused)?,
        }
        Ok(Some(value))
    }
}

fn json<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    // The text ends with the line and the column.
    serde_json::from_slice(body).map_err(|error| {
        let what = if error.is_data() { "not a patch" } else { "not JSON" };
        Problem::new(ProblemKind::Invalid, format!("the body is {what}, {error}"))
    })
}

fn refused(error: PatchError) -> Problem {
    let kind = match error {
        PatchError::Operation { .. } => ProblemKind::Conflict,
        _ => ProblemKind::Unfit,
    };
    Problem::new(kind, error.to_string())
}

/// What cannot be stored is a fault of what was sent.
pub(super) fn told(problem: Problem) -> Problem {
    let misfit = problem.cause().and_then(|cause| cause.detail::<Misfit>());
    match (problem.kind(), misfit) {
        (_, Some(misfit)) => Problem::new(ProblemKind::Unfit, misfit.to_string()),
        (ProblemKind::Invalid, None) if problem.cause().is_some() => {
            Problem::new(ProblemKind::Unfit, problem.message())
        }
        _ => problem,
    }
}
