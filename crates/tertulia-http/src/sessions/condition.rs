//! Entity tags of sessions, and the conditions that requests make with them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tertulia::session::{JsonView, LiveLog};

use crate::{Problem, ProblemKind};

/// The tag of a value: a hash of all that there is to see, so that the same value has the same tag after a restart and on
/// any process. Of what is not stored it is that of `null`.
pub(super) fn tag(value: &Value, logs: impl Iterator<Item = LiveLog>) -> String {
    let mut hash = Sha256::new().chain_update(value.to_string());
    for LiveLog { path, len, .. } in logs {
        hash.update(format!("\n{path} {len}"));
    }
    let digest = hash.finalize();
    Base64UrlUnpadded::encode_string(&digest[..16])
}

/// The tag of a session, if it is stored.
pub(super) fn tag_of(view: &JsonView) -> Option<String> {
    view.is_stored.then(|| tag(&view.value, view.logs.iter().cloned()))
}

/// A tag as it stands in a header.
pub(super) fn quoted(tag: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{tag}\"")).expect("base64 is visible ASCII")
}

/// `If-Match` and `If-None-Match` of a request.
#[derive(Debug)]
pub(super) struct Conditions {
    matching: Option<Tags>,
    not_matching: Option<Tags>,
}

#[derive(Debug)]
enum Tags {
    Any,
    /// Strong ones only, without quotes, and those that were weak.
    These {
        strong: Vec<String>,
        weak: Vec<String>,
    },
}

impl Conditions {
    /// # Errors
    /// `Invalid` if one is not of its form.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            matching: tags(headers, &header::IF_MATCH)?,
            not_matching: tags(headers, &header::IF_NONE_MATCH)?,
        })
    }

    pub(super) fn are_none(&self) -> bool {
        self.matching.is_none() && self.not_matching.is_none()
    }

    /// Whether whoever reads has this already.
    pub(super) fn is_known(&self, tag: Option<&str>) -> bool {
        self.not_matching.as_ref().is_some_and(|tags| tags.have(tag, true))
    }

    /// Refuses to change what is not as it is expected.
    ///
    /// # Errors
    /// `PreconditionFailed`.
    pub(super) fn check(&self, tag: Option<&str>) -> Result<(), Problem> {
        let fails = |text| Err(Problem::new(ProblemKind::PreconditionFailed, text));
        if self.matching.as_ref().is_some_and(|tags| !tags.have(tag, false)) {
            return fails("the session is not the one that If-Match names: read it again");
        }
        if self.is_known(tag) {
            return fails("there is a session that If-None-Match excludes");
        }
        Ok(())
    }
}

impl Tags {
    fn have(&self, tag: Option<&str>, weakly: bool) -> bool {
        let Some(tag) = tag else { return false };
        match self {
            Self::Any => true,
            Self::These { strong, weak } => {
                strong.iter().any(|it| it == tag) || (weakly && weak.iter().any(|it| it == tag))
            }
        }
    }
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    let mut values = headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    let wrong = || Problem::new(ProblemKind::Invalid, format!("{name} is `*` or tags such as \"abc\""));
    let (mut strong, mut weak) = (Vec::new(), Vec::new());
    for value in values {
        let text = value.to_str().map_err(|_| wrong())?;
        if text.trim() == "*" {
            return Ok(Some(Tags::Any));
        }
        for tag in text.split(',').map(str::trim) {
            let (list, tag) = match tag.strip_prefix("W/") {
                Some(tag) => (&mut weak, tag),
                None => (&mut strong, tag),
            };
            let tag = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).ok_or_else(wrong)?;
            list.push(tag.to_owned());
        }
    }
    Ok(Some(Tags::These { strong, weak }))
}
