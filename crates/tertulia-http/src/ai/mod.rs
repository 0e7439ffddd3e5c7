//! Chats for pages that are made with the Vercel AI SDK: its UI message stream over live replies.

mod call;
mod chunk;
mod fold;
mod kept;
mod lives;
mod messages;
mod options;
mod reply;
mod resume;
mod router;
mod say;
mod sse;
mod stop;
mod telling;
mod ui;
mod wire;

pub use options::AiOptions;
pub use router::ai;

#[cfg(test)]
mod tests;
