//! Webhooks: who may post, what is answered when, and what a post becomes.

mod answers;
mod bounds;
mod secrets;
mod support;
mod telegram;
