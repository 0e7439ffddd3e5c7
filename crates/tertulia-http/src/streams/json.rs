//! Takes a body of JSON apart into messages, without copying them.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::{Problem, ProblemKind};

/// The messages of a body: one level of an array is taken off, anything else is one message.
///
/// # Errors
/// `Invalid`, naming the place, if it is not JSON.
pub(crate) fn messages(body: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let slice = |raw: &RawValue| body.slice_ref(raw.get().as_bytes());
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let read = if first == Some(&b'[') {
        serde_json::from_slice::<Vec<&RawValue>>(body).map(|all| all.into_iter().map(slice).collect())
    } else {
        serde_json::from_slice::<&RawValue>(body).map(|one| vec![slice(one)])
    };
    read.map_err(|error| Problem::new(ProblemKind::Invalid, format!("the body is not JSON, {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &'static str) -> Option<Vec<String>> {
        let body = Bytes::from_static(body.as_bytes());
        let messages = messages(&body).ok()?;
        Some(messages.iter().map(|message| String::from_utf8(message.to_vec()).unwrap()).collect())
    }

    #[test]
    fn one_level_of_an_array_is_taken_off() {
        for (body, expected) in [
            (r#"{"a":1}"#, &[r#"{"a":1}"#][..]),
            (r#" [ {"a": 1} , {"b":[2]} ] "#, &[r#"{"a": 1}"#, r#"{"b":[2]}"#]),
            ("[[1,2],[3]]", &["[1,2]", "[3]"]),
            ("[[[1]]]", &["[[1]]"]),
            ("[]", &[]),
            (" \"x\" ", &["\"x\""]),
            ("null", &["null"]),
            ("[1,\"a\",null,true]", &["1", "\"a\"", "null", "true"]),
        ] {
            assert_eq!(read(body).unwrap(), expected, "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for body in ["", " ", "{", "[1,]", "{\"a\":1} x", "[1] [2]", "nul", "{\"a\":01}", "\"a\nb\""] {
            assert_eq!(read(body), None, "{body}");
        }
        assert!(messages(&Bytes::from_static(b"\"\xff\"")).is_err());
    }

    #[test]
    fn messages_are_parts_of_the_body() {
        let body = Bytes::from_static(br#"[{"a":1},{"b":2}]"#);
        let messages = messages(&body).unwrap();
        assert_eq!(messages[1].as_ptr(), body[9..].as_ptr());
    }
}
