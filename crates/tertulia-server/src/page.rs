//! The page at `/`.

use tertulia_http::{PageOptions, page};

use crate::config::Config;

/// What somebody may say to the demonstration bot.
const SUGGESTIONS: [&str; 4] =
    ["What can you do?", "what is 12*(3+4)", "search how streams survive a crash", "tell me a long story"];

/// The page's files. What a handler of somebody else's understands is not known here.
pub(crate) fn routes(config: &Config) -> axum::Router {
    let mut options = PageOptions::default();
    if config.handler.is_none() {
        options.suggestions = SUGGESTIONS.map(str::to_owned).into();
    }
    page(&options)
}
