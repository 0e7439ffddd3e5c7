//! Which stream a path names, and how a stream's path is written.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tertulia::Conversation;
use tertulia::stream::StreamId;

use crate::{Problem, ProblemKind};

/// Where Durable Streams are.
pub(crate) const STREAM: &str = "/v1/stream/";
/// The source of conversations that are nothing but a stream.
const SOURCE: &str = "stream";
/// The name of that stream.
const MAIN: &str = "main";
/// The first segment that the protocol keeps for itself.
const RESERVED: &str = "__ds";

/// What is written as it is within a segment.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// The part of a URL's path that names a stream.
pub(crate) fn of_stream(path: &str) -> Option<&str> {
    path.split_once(STREAM).map(|(_, path)| path).filter(|path| !path.is_empty())
}

/// The stream that such a part names: `http:alice/reply` is the stream `reply` of the conversation `http:alice`.
/// What does not begin with a conversation is a stream of its own.
///
/// # Errors
/// `Invalid` if it can be no key, naming the limit; `NotFound` if the protocol keeps it for itself.
pub(crate) fn id(path: &str) -> Result<StreamId, Problem> {
    if let Some((first, rest)) = path.split_once('/') {
        if first == RESERVED {
            let text = "subscriptions are not offered, so there is nothing under __ds";
            return Err(Problem::new(ProblemKind::NotFound, text));
        }
        if let Some(conversation) = conversation(first).filter(|_| !rest.is_empty()) {
            return Ok(StreamId::new(conversation, &decode(rest)?)?);
        }
    }
    Ok(StreamId::new(Conversation::new(SOURCE, &decode(path)?)?, MAIN)?)
}

/// The conversation that a segment names: its text form, as it is or encoded.
pub(crate) fn conversation(segment: &str) -> Option<Conversation> {
    match segment.split_once(':') {
        // The text form writes what a path cannot hold as a path does, so that it is decoded by parts.
        Some((source, id)) => Conversation::new(&decode(source).ok()?, &decode(id).ok()?).ok(),
        None => Conversation::parse(&decode(segment).ok()?).ok(),
    }
}

/// The path of a stream, such as [`id`] reads it.
pub(crate) fn of(stream: &StreamId) -> String {
    let (conversation, name) = (stream.conversation(), stream.name());
    if conversation.source() == SOURCE && name == MAIN {
        return encode(&conversation.id());
    }
    format!("{conversation}/{}", encode(name))
}

fn encode(text: &str) -> String {
    text.split('/')
        .map(|segment| utf8_percent_encode(segment, PLAIN).to_string())
        .collect::<Vec<_>>()
        .join("/")
}

fn decode(text: &str) -> Result<Cow<'_, str>, Problem> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map_err(|_| Problem::new(ProblemKind::Invalid, "the path is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> (String, String) {
        let id = id(path).unwrap();
        (id.conversation().to_string(), id.name().to_owned())
    }

    #[test]
    fn a_path_names_a_stream_of_a_conversation() {
        let expected = |conversation: &str, name: &str| (conversation.to_owned(), name.to_owned());
        assert_eq!(named("http:alice/reply"), expected("http:alice", "reply"));
        assert_eq!(named("http%3Aalice/a%20b/c"), expected("http:alice", "a b/c"));
        assert_eq!(named("telegram:a%2Fb/main"), expected("telegram:a%2Fb", "main"));
        assert_eq!(named("telegram%3Aa%252Fb/main"), expected("telegram:a%2Fb", "main"));
    }

    #[test]
    fn any_other_path_is_a_stream_of_its_own() {
        let expected = |id: &str| (Conversation::new("stream", id).unwrap().to_string(), "main".to_owned());
        for path in ["events", "a/b/c", "http:alice", "http:alice/", ":x/y"] {
            assert_eq!(named(path), expected(path), "{path}");
        }
        assert_eq!(named("caf%C3%A9"), expected("café"));
    }

    #[test]
    fn paths_that_are_no_key_are_refused() {
        let long = "x".repeat(257);
        for (path, told) in [
            ("%ff", "UTF-8"),
            ("a%00b", "control character"),
            (&*long, "at most 256"),
            ("a:b/%0a", "control"),
        ] {
            let problem = id(path).unwrap_err();
            assert_eq!(problem.kind(), ProblemKind::Invalid, "{path}");
            assert!(problem.message().contains(told), "{problem}");
        }
        assert_eq!(id("__ds/subscriptions/a").unwrap_err().kind(), ProblemKind::NotFound);
    }

    #[test]
    fn a_written_path_names_the_same_stream() {
        for path in ["events", "a/b/c", "http:alice/reply", "caf%C3%A9", "a:b%2Fc/d%20e/%25"] {
            let stream = id(path).unwrap();
            assert_eq!(id(&of(&stream)).unwrap(), stream, "{path}");
        }
        assert_eq!(of(&id("http:alice/reply").unwrap()), "http:alice/reply");
        assert_eq!(of(&id("a/b").unwrap()), "a/b");
    }
}
