//! Splits a text that is longer than a message may be.

/// The most UTF-16 units of a message's text: Telegram's limit.
pub const MAX_TEXT: usize = 4096;

/// The most messages that one reply becomes; a reply that needs more is refused.
pub const MAX_PARTS: usize = 32;

/// The texts of the messages that say `text`: each of at most `limit` UTF-16 units, none blank. The white space
/// at which it is split is left out, and nothing else.
pub(crate) fn split(text: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let window = window(rest, limit);
        if window == rest.len() {
            parts.push(rest);
            break;
        }
        let (part, after) = rest.split_at(boundary(rest, window));
        parts.push(part.trim_end());
        rest = after.trim_start();
    }
    parts
}

/// How many bytes of `text` have at most `limit` UTF-16 units; at least its first character.
fn window(text: &str, limit: usize) -> usize {
    let mut units = 0;
    let beyond = text.char_indices().find(|(at, char)| {
        units += char.len_utf16();
        units > limit && *at > 0
    });
    beyond.map_or(text.len(), |(at, _)| at)
}

/// Where to split within the first `window` bytes: after the last paragraph, line, sentence or word that ends in
/// their second half, in this order; else at their end.
fn boundary(text: &str, window: usize) -> usize {
    let head = &text[..window];
    let late = |at: &usize| *at > window / 2;
    let after = |end: &str| head.rfind(end).map(|at| at + end.len()).filter(late);
    let sentence = || [". ", "! ", "? ", "… "].into_iter().filter_map(after).max();
    // A word may end exactly where the window does.
    let whole = || text[window..].starts_with(char::is_whitespace).then_some(window);
    let word = || head.rfind(char::is_whitespace).filter(late);
    after("\n\n").or_else(|| after("\n")).or_else(sentence).or_else(whole).or_else(word).unwrap_or(window)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_text_that_fits_is_one_part() {
        assert_eq!(split("hello", 5), ["hello"]);
    }

    #[test]
    fn a_paragraph_is_preferred_to_a_line_and_a_line_to_a_word() {
        assert_eq!(split("one two\n\nthree\nfour five", 16), ["one two", "three\nfour five"]);
        assert_eq!(split("one two three\nfour five six", 20), ["one two three", "four five six"]);
        assert_eq!(split("one two three four", 14), ["one two three", "four"]);
        assert_eq!(split("It is. So be it then", 14), ["It is. So be", "it then"]);
        assert_eq!(split("It is so. Be it then", 13), ["It is so.", "Be it then"]);
    }

    #[test]
    fn a_boundary_in_the_first_half_is_not_used() {
        assert_eq!(split("a bcdefghijklm", 10), ["a bcdefghi", "jklm"]);
    }

    #[test]
    fn units_are_those_of_utf_16_and_characters_stay_whole() {
        assert_eq!(split("😀😀😀", 5), ["😀😀", "😀"]);
        assert_eq!(split("ääää", 3), ["äää", "ä"]);
    }

    #[test]
    fn nothing_but_white_space_is_lost() {
        let text: String =
            (0..5_000).map(|n| format!("word{n}{}", if n % 17 == 0 { "\n" } else { " " })).collect();
        for limit in [1, 2, 7, 100, 4096] {
            let parts = split(&text, limit);
            assert!(parts.iter().all(|part| part.encode_utf16().count() <= limit && !part.trim().is_empty()));
            let squeezed = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(squeezed(&parts.concat()), squeezed(&text));
        }
    }

    #[test]
    fn a_blank_text_has_no_parts() {
        assert_eq!(split(" \n ", 10), Vec::<&str>::new());
    }
}
