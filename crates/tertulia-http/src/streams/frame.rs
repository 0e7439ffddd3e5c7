//! Writes server-sent events, in which no payload can pass for anything but data.

use base64ct::{Base64, Encoding};
use memchr::memchr2;

/// How the payloads of a stream are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Messages of JSON, as an array.
    Json,
    /// Text as it is; every kind of line break becomes a new line of data.
    Text,
    /// Anything else.
    Base64,
}

impl Coding {
    /// How payloads of this content type are written.
    pub(crate) fn of(content_type: &str) -> Self {
        let essence = super::headers::essence(content_type);
        let is_text = essence.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("text/"));
        match super::headers::is_json(content_type) {
            true => Self::Json,
            false if is_text => Self::Text,
            false => Self::Base64,
        }
    }
}

/// Writes `payload`, given in pieces, as the lines of data of one event.
pub(crate) fn data<'a>(out: &mut Vec<u8>, coding: Coding, payload: impl Iterator<Item = &'a [u8]>) {
    match coding {
        Coding::Json => {
            let mut lines = Lines::new(out);
            lines.write(b"[");
            payload.for_each(|piece| lines.write(piece));
            lines.write(b"]");
            lines.end();
        }
        Coding::Text => {
            let mut lines = Lines::new(out);
            payload.for_each(|piece| lines.write(piece));
            lines.end();
        }
        Coding::Base64 => {
            out.extend_from_slice(b"data:");
            base64(out, payload);
            out.push(b'\n');
        }
    }
}

/// Three bytes become four characters, wherever one piece ends and the next begins.
fn base64<'a>(out: &mut Vec<u8>, payload: impl Iterator<Item = &'a [u8]>) {
    let mut left: Vec<u8> = Vec::with_capacity(3);
    for mut piece in payload {
        let missing = (3 - left.len()) % 3;
        if !left.is_empty() {
            let (head, rest) = piece.split_at(missing.min(piece.len()));
            left.extend_from_slice(head);
            piece = rest;
            if left.len() < 3 {
                continue;
            }
            out.extend_from_slice(Base64::encode_string(&left).as_bytes());
            left.clear();
        }
        let (whole, rest) = piece.split_at(piece.len() / 3 * 3);
        let at = out.len();
        out.resize(at + Base64::encoded_len(whole), 0);
        Base64::encode(whole, &mut out[at..]).expect("there is room for four characters of each three bytes");
        left.extend_from_slice(rest);
    }
    out.extend_from_slice(Base64::encode_string(&left).as_bytes());
}

/// The lines of data of one event.
struct Lines<'a> {
    out: &'a mut Vec<u8>,
    /// Nothing of the present line is written.
    fresh: bool,
    /// The last byte was a carriage return, which a line feed may complete.
    returned: bool,
}

impl<'a> Lines<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        out.extend_from_slice(b"data:");
        Self { out, fresh: true, returned: false }
    }

    fn write(&mut self, mut piece: &[u8]) {
        if self.returned && piece.first() == Some(&b'\n') {
            piece = &piece[1..];
            self.returned = false;
        }
        while let Some(at) = memchr2(b'\r', b'\n', piece) {
            self.text(&piece[..at]);
            self.out.extend_from_slice(b"\ndata:");
            self.fresh = true;
            let rest = &piece[at + 1..];
            piece = match (piece[at], rest) {
                (b'\r', [b'\n', rest @ ..]) => rest,
                (b'\r', []) => {
                    self.returned = true;
                    return;
                }
                _ => rest,
            };
        }
        self.text(piece);
    }

    fn text(&mut self, text: &[u8]) {
        let Some(first) = text.first() else { return };
        // Readers take off one space.
        if self.fresh && *first == b' ' {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(text);
        (self.fresh, self.returned) = (false, false);
    }

    fn end(self) {
        self.out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(coding: Coding, pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        data(&mut out, coding, pieces.iter().copied());
        String::from_utf8(out).unwrap()
    }

    /// What a reader makes of one event's lines.
    fn read(lines: &str) -> String {
        let lines = lines.strip_suffix('\n').unwrap().split('\n');
        let lines = lines.map(|line| {
            assert!(!line.contains('\r'), "{line:?}");
            let line = line.strip_prefix("data:").unwrap();
            line.strip_prefix(' ').unwrap_or(line)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn no_line_break_leaves_the_data() {
        for (text, expected) in [
            ("plain", "plain"),
            (" a\n b", " a\n b"),
            ("a\r\n\r\nevent: control\rdata: x\n\n", "a\n\nevent: control\ndata: x\n\n"),
            ("\n", "\n"),
            ("\r\r\n\n", "\n\n\n"),
            ("", ""),
            ("a\0b\u{2028}c", "a\0b\u{2028}c"),
        ] {
            assert_eq!(read(&written(Coding::Text, &[text.as_bytes()])), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_break_may_be_cut_in_two() {
        assert_eq!(read(&written(Coding::Text, &[b"a\r", b"\nb"])), "a\nb");
        assert_eq!(read(&written(Coding::Text, &[b"a\r", b"", b"\n\nb"])), "a\n\nb");
        assert_eq!(read(&written(Coding::Text, &[b"a\r", b"b\r", b"\r"])), "a\nb\n\n");
    }

    #[test]
    fn json_is_an_array() {
        assert_eq!(written(Coding::Json, &[b"{\"a\":1},{\"b\":\n2}"]), "data:[{\"a\":1},{\"b\":\ndata:2}]\n");
    }

    #[test]
    fn base64_goes_on_over_pieces() {
        let bytes: Vec<u8> = (0..=255).collect();
        let expected = format!("data:{}\n", Base64::encode_string(&bytes));
        for cut in 0..8 {
            let (head, tail) = bytes.split_at(cut);
            let (middle, tail) = tail.split_at(cut % 3);
            assert_eq!(written(Coding::Base64, &[head, middle, tail]), expected, "{cut}");
        }
        assert_eq!(written(Coding::Base64, &[]), "data:\n");
    }

    #[test]
    fn the_content_type_says_how() {
        for (content_type, expected) in [
            ("application/json; charset=utf-8", Coding::Json),
            ("Text/Plain", Coding::Text),
            ("text/html; charset=utf-8", Coding::Text),
            ("application/octet-stream", Coding::Base64),
            ("tex", Coding::Base64),
            ("téxt/é", Coding::Base64),
        ] {
            assert_eq!(Coding::of(content_type), expected, "{content_type}");
        }
    }
}
