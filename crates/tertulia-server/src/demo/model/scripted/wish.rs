//! What a message asks of the script.

/// A message, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish<'a> {
    /// An expression to be calculated.
    Calculate(&'a str),
    /// The time, or the date.
    Clock,
    /// Something in the documentation; asked outright, or as a question that may be about something else.
    Search {
        words: &'a str,
        outright: bool,
    },
    /// The notes are to go.
    DeleteNotes,
    Story,
    /// Something to think about.
    Think(&'a str),
    /// Anything else.
    Other,
}

/// What may stand before an expression.
const CALCULATES: [&str; 7] =
    ["what is", "what's", "how much is", "calculate", "compute", "/calculate", "calculator"];
const SEARCHES: [&str; 6] = ["search for", "search", "/search", "look up", "find", "docs"];
const CLOCK: [&str; 9] = [
    "time",
    "date",
    "/time",
    "clock",
    "what time is it",
    "what day is it",
    "what day is today",
    "what is the time",
    "what is the date",
];
const CLEARS: [&str; 4] = ["delete", "forget", "clear", "remove"];
const NOTES: [&str; 5] = ["my notes", "notes", "all notes", "all my notes", "the notes"];
const QUESTIONS: [&str; 13] =
    ["how", "what", "why", "where", "when", "which", "who", "can", "does", "do", "is", "are", "explain"];

impl<'a> Wish<'a> {
    /// Reads a message, in any case.
    pub(super) fn read(text: &'a str) -> Self {
        let text = text.trim();
        let plain = text.trim_end_matches(['?', '!', '.', '=', ' ']);
        if let Some(about) = rest(text, &["think about", "/think about", "/think"]) {
            return Self::Think(about);
        }
        let sum = rest(plain, &CALCULATES).unwrap_or(plain);
        if is_sum(sum) {
            return Self::Calculate(sum);
        }
        if CLOCK.iter().any(|words| plain.eq_ignore_ascii_case(words)) {
            return Self::Clock;
        }
        if rest(plain, &CLEARS).is_some_and(|what| NOTES.iter().any(|notes| what.eq_ignore_ascii_case(notes)))
        {
            return Self::DeleteNotes;
        }
        if let Some(words) = rest(plain, &SEARCHES).filter(|words| !words.is_empty()) {
            return Self::Search { words, outright: true };
        }
        let lower = plain.to_ascii_lowercase();
        if lower == "story" || lower.ends_with(" story") || lower.contains("story about") {
            return Self::Story;
        }
        let first = lower.split_whitespace().next().unwrap_or_default();
        let asks = text.ends_with('?') || QUESTIONS.contains(&first);
        if lower.contains("tertulia") || (asks && lower.split_whitespace().count() > 2) {
            return Self::Search { words: plain, outright: false };
        }
        Self::Other
    }
}

/// What follows one of these beginnings, as words.
fn rest<'a>(text: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    beginnings.iter().find_map(|beginning| {
        let (head, rest) = text.split_at_checked(beginning.len())?;
        let ends = rest.is_empty() || rest.starts_with([' ', ':']);
        (ends && head.eq_ignore_ascii_case(beginning)).then(|| rest.trim_start_matches([' ', ':']))
    })
}

/// Whether this can only be an expression: digits, and something to do with them.
fn is_sum(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_digit() || " .()+-*/^%×÷".contains(c);
    let does = |c: char| "+-*/^%×÷".contains(c);
    let inner = text.trim_start_matches(['-', '+', ' ']);
    text.chars().all(fits) && inner.contains(does) && text.contains(|c: char| c.is_ascii_digit())
}
