//! A fake model server that speaks as OpenAI's chat completions do, and misbehaves as it is told.
//!
//! [`OpenAi`] is a running server. It answers each `POST /v1/chat/completions` with the next [`Turn`] that a test has
//! pushed, or with its own answer if there is none, token by token, and keeps what it was [asked](Asked). A process that is
//! not the server's own steers it by HTTP:
//!
//! | request | what it does |
//! |---|---|
//! | `POST /control/turns` | pushes turns: `[{"text": "hello", "fate": {"cut": 200}}, ...]` |
//! | `GET /control/journal` | what it was asked, as JSON |
//!
//! Thinking is told as `reasoning_content`, as vLLM, DeepSeek and others do. Missing on purpose: keys, several choices,
//! log probabilities, everything but chat completions.

mod answer;
mod asked;
mod frames;
mod handle;
mod state;
mod turn;

pub use asked::{Asked, Ended};
pub use handle::{OpenAi, Options};
pub use turn::{Fate, Turn};
