//! The bot for pages that are made with the Vercel AI SDK.

use tertulia::bot::Door;
use tertulia_http::{Access, AiOptions, Gate};

/// The routes of chats. Readers are cut off, to resume, when the gate is closed.
pub(crate) fn routes(door: &Door, access: &Access, gate: &Gate) -> axum::Router {
    let mut options = AiOptions::default();
    options.access = access.clone();
    options.gate = Some(gate.clone());
    tertulia_http::ai(door.clone(), options)
}
