//! What somebody wants of the demonstration bot.

/// A message, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    MyName(&'a str),
    WhatName,
    Note(&'a str),
    Notes,
    Count,
    History,
    Forget,
    /// Anything else.
    Other,
}

impl<'a> Request<'a> {
    /// Reads a message, in any case and with any spaces; `/note`, `/note@bot` and `note` are the same.
    pub(super) fn read(text: &'a str) -> Self {
        let text = text.trim();
        let (command, word, rest) = match text.strip_prefix('/') {
            Some(text) => {
                let (word, rest) = split(text);
                (true, word.split('@').next().unwrap_or_default(), rest)
            }
            None => {
                let (word, rest) = split(text);
                (false, word, rest)
            }
        };
        let is = |name: &str| word.eq_ignore_ascii_case(name);
        // As a sentence `notes` stands alone; as a command what follows it does not matter.
        let alone = |name: &str| is(name) && (command || rest.is_empty());
        if is("note") {
            Self::Note(rest)
        } else if alone("notes") {
            Self::Notes
        } else if alone("count") {
            Self::Count
        } else if alone("history") {
            Self::History
        } else if alone("forget") || (is("forget") && says(rest, &["me"])) {
            Self::Forget
        } else if let Some(name) = after(text, &["my", "name", "is"]).filter(|name| !name.is_empty()) {
            Self::MyName(name)
        } else if says(text.trim_end_matches(['?', ' ']), &["what", "is", "my", "name"])
            || says(text.trim_end_matches(['?', ' ']), &["what's", "my", "name"])
        {
            Self::WhatName
        } else {
            Self::Other
        }
    }
}

/// Whether a message is to stop what is under way.
pub(super) fn is_stop(text: &str) -> bool {
    let word = text.trim().trim_start_matches('/').split('@').next().unwrap_or_default();
    word.eq_ignore_ascii_case("stop")
}

/// Whether an answer is a yes.
pub(super) fn is_yes(text: &str) -> bool {
    let word = text.trim().trim_end_matches(['.', '!']);
    ["yes", "y", "sí", "si"].iter().any(|yes| word.eq_ignore_ascii_case(yes))
}

/// The first word, and what follows it.
fn split(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// What follows these words.
fn after<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().try_fold(text, |text, expected| {
        let (word, rest) = split(text);
        word.eq_ignore_ascii_case(expected).then_some(rest)
    })
}

/// Whether the text is these words.
fn says(text: &str, words: &[&str]) -> bool {
    after(text, words).is_some_and(str::is_empty)
}
