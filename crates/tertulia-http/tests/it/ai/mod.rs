//! Chats over the AI SDK: what pages post, and the chunks that they get.

mod answering;
mod refused;
mod replying;
mod resuming;
mod support;
