//! The tag of a page: what it begins and ends with, and whether the stream ends there.

use std::fmt::Write;

use axum::http::{HeaderMap, header};
use tertulia::stream::Page;

/// The tag of a page. It changes when something is appended behind the page and when the stream is closed there.
pub(crate) fn of(page: &Page) -> String {
    let mut tag = String::with_capacity(72);
    let closed = if page.closed().is_some() { ":c" } else { "" };
    write!(tag, "\"{}:{}{closed}\"", page.first(), page.next()).expect("a string takes everything");
    tag
}

/// Whether the client has what this tag stands for.
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = |listed: &str| {
        let listed = listed.trim();
        listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag
    };
    let mut lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.any(|list| list.split(',').any(known))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list() {
        let known = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]);
            is_known(&headers, "\"a:b\"")
        };
        for value in ["\"a:b\"", "W/\"a:b\"", "\"x\", \"a:b\"", "*"] {
            assert!(known(value), "{value}");
        }
        for value in ["\"a:b:c\"", "a:b", ""] {
            assert!(!known(value), "{value}");
        }
        assert!(!is_known(&HeaderMap::new(), "\"a:b\""));
    }
}
