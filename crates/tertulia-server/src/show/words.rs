//! What updates and calls say in a word, whatever platform they are of, and when.

use serde_json::Value;
use tertulia::Timestamp;
use tertulia_http::view::readable;

/// Where the text of an update or a call is, on the platforms that are known here.
const TEXTS: [&str; 7] = [
    "/text",
    "/message/text",
    "/edited_message/text",
    "/message/caption",
    "/callback_query/data",
    "/params/text",
    "/params/caption",
];

/// Bytes as JSON, without a format's version before them.
pub(super) fn body(bytes: &[u8]) -> Value {
    match bytes.split_first() {
        Some((version, rest)) if *version < b' ' => readable(rest),
        _ => readable(bytes),
    }
}

/// What an update or a call says.
pub(super) fn said(bytes: &[u8]) -> String {
    say(&body(bytes))
}

fn say(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(several) if !several.is_empty() => {
            several.iter().map(say).collect::<Vec<_>>().join(", ")
        }
        value => {
            let text = TEXTS.iter().find_map(|place| value.pointer(place)?.as_str());
            let method = value.get("method").and_then(Value::as_str);
            if let (Some(_), Some(stream)) = (value.get("live"), value.get("stream").and_then(Value::as_str))
            {
                return format!("live reply, {stream}");
            }
            match (text, method) {
                (Some(text), None | Some("sendMessage")) => text.to_owned(),
                (Some(text), Some(method)) => format!("{method}: {text}"),
                (None, _) => value.to_string(),
            }
        }
    }
}

/// A text on one line, with at most so many characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A moment, as UTC.
pub(super) fn moment(at: Timestamp) -> String {
    let seconds = at.0 / 1_000;
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01 in eras of 400 years, after Howard Hinnant's `civil_from_days`.
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{:04}-{month:02}-{date:02} {hour:02}:{minute:02}:{second:02}", era * 400 + year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_utc() {
        let told = [0, 951_782_400_000, 1_709_251_199_999, 1_795_267_200_000].map(|ms| moment(Timestamp(ms)));
        let right =
            ["1970-01-01 00:00:00", "2000-02-29 00:00:00", "2024-02-29 23:59:59", "2026-11-21 13:20:00"];
        assert_eq!(told, right);
    }

    #[test]
    fn what_is_said_is_found_on_every_platform() {
        assert_eq!(said(br#"{"text":"hello"}"#), "hello");
        assert_eq!(said(br#"{"update_id":1,"message":{"text":"hi","chat":{"id":1}}}"#), "hi");
        let calls =
            b"\x01[{\"method\":\"sendMessage\",\"params\":{\"text\":\"a\"}},{\"method\":\"sendPhoto\",\
                      \"params\":{\"caption\":\"b\"}}]";
        assert_eq!(said(calls), "a, sendPhoto: b");
        assert_eq!(said(br#"{"live":1,"stream":"u/reply-0"}"#), "live reply, u/reply-0");
        assert_eq!(said(br#"{"odd":1}"#), r#"{"odd":1}"#);
        assert_eq!(cut("a\nbcd", 3), "a b…");
    }
}
