//! Which updates a handler is for.

use super::{Update, UpdateKind};

/// Decides by the update alone whether a handler is for it.
pub trait Filter: Send + Sync + 'static {
    /// Whether it is.
    fn matches(&self, update: &Update) -> bool;
}

impl<F: Fn(&Update) -> bool + Send + Sync + 'static> Filter for F {
    fn matches(&self, update: &Update) -> bool {
        self(update)
    }
}

/// Messages that begin with `/name`, also as `/name@bot`.
#[derive(Clone, Debug)]
pub struct Command(String);

/// Messages that begin with `/name`, in any case, also as `/name@bot` whichever bot is named; what follows is
/// [`Context::arguments`](super::Context::arguments).
pub fn command(name: impl Into<String>) -> Command {
    Command(name.into().trim_start_matches('/').to_owned())
}

impl Filter for Command {
    fn matches(&self, update: &Update) -> bool {
        let name = update.text().and_then(split_command).map(|(name, _)| name);
        name.is_some_and(|name| name.eq_ignore_ascii_case(&self.0))
    }
}

/// Messages that have a text.
pub fn message(update: &Update) -> bool {
    update.text().is_some()
}

/// Pressed buttons.
pub fn callback(update: &Update) -> bool {
    matches!(update.kind, UpdateKind::Callback { .. })
}

/// The name and the arguments of a text that is a command.
pub(super) fn split_command(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('/')?;
    let (word, arguments) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let name = word.split_once('@').map_or(word, |(name, _)| name);
    if name.is_empty() { None } else { Some((name, arguments.trim())) }
}
