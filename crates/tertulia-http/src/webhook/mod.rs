//! Webhooks over HTTP: a post is answered once its update is in the inbox.

mod bounds;
mod read;
mod route;

pub use bounds::WebhookOptions;
pub use route::webhook;
