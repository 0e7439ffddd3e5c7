//! What a request says it prefers (RFC 7240): not to wait for an answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header of a request, and the one of the response that says what was done of it.
const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(super) const APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// Not to wait.
pub(super) const ASYNC: HeaderValue = HeaderValue::from_static("respond-async");

/// Whether it prefers to be told at once that its message was accepted. Other preferences are passed over.
pub(super) fn is_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut words = values
        .flat_map(|value| value.split(','))
        .map(|preference| preference.split([';', '=']).next().unwrap_or_default().trim());
    words.any(|word| word.eq_ignore_ascii_case("respond-async"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_may_stand_among_others() {
        let asks = |values: &[&str]| {
            let values = values.iter().map(|value| (PREFER, value.parse().unwrap()));
            is_async(&values.collect())
        };
        assert!(asks(&["respond-async"]));
        assert!(asks(&["wait=10, Respond-Async; foo=1"]));
        assert!(asks(&["handling=lenient", "respond-async"]));
        assert!(!asks(&[]));
        assert!(!asks(&["respond-asynchronously"]));
        assert!(!asks(&["foo=respond-async"]));
    }
}
