//! Which webhook is set: setting it, deleting it, and what is told of it.

use std::time::Duration;

use serde_json::{Value, json};
use tertulia::Timestamp;

use super::lanes::Lanes;
use super::post::Target;
use crate::bot_api::answer::Reply;
use crate::bot_api::journal::Event;
use crate::bot_api::params::Params;
use crate::bot_api::state::Held;

/// How often a webhook may be set.
const PACE: Duration = Duration::from_secs(1);

/// The webhook, if there is one.
#[derive(Debug)]
pub(in crate::bot_api) struct Webhook {
    pub(super) set: Option<Set>,
    /// Moved at each change, so that workers of an older one find out.
    pub(super) generation: u64,
    /// When the next one may be set.
    allowed: Timestamp,
    /// How many posts there were.
    pub(super) posts: u32,
    pub(super) retry_scale: f64,
}

/// The webhook that is set.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) target: Target,
    connections: usize,
    pub(super) lanes: Lanes,
    /// Since when every answer is a 410.
    pub(super) gone_since: Option<Timestamp>,
    pub(super) last_error: Option<(Timestamp, String)>,
}

impl Webhook {
    pub(in crate::bot_api) fn new(retry_scale: f64) -> Self {
        Self { set: None, generation: 0, allowed: Timestamp(0), posts: 0, retry_scale }
    }

    pub(in crate::bot_api) fn is_set(&self) -> bool {
        self.set.is_some()
    }

    /// How many workers there have to be, and for which webhook.
    pub(super) fn workers(&self) -> (u64, usize) {
        (self.generation, self.set.as_ref().map_or(0, |set| set.connections))
    }

    pub(super) fn change(&mut self, set: Option<Set>) {
        self.set = set;
        self.generation += 1;
    }
}

impl Held<'_> {
    pub(in crate::bot_api) fn set_webhook(&mut self, params: &Params) -> Result<Reply, Reply> {
        let url = params.url.as_deref().unwrap_or_default();
        if url.is_empty() {
            return Ok(self.delete_webhook(params));
        }
        if self.now < self.state.webhook.allowed {
            return Err(Reply::too_many(1));
        }
        let secret = params.secret_token.clone().filter(|secret| !secret.is_empty());
        let text = secret.as_deref().unwrap_or_default();
        if text.len() > 256 {
            return Err(Reply::refused(400, "Bad Request: secret token is too long"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            return Err(Reply::refused(400, "Bad Request: secret token contains unallowed characters"));
        }
        let target = Target::parse(url, secret)
            .ok_or_else(|| Reply::refused(400, "Bad Request: invalid webhook URL specified"))?;
        self.state.webhook.allowed = self.now.after(PACE);
        self.settle(params);
        let connections = params.max_connections();
        let lanes = Lanes::new(connections);
        let set = Set { target, connections, lanes, gone_since: None, last_error: None };
        self.state.webhook.change(Some(set));
        self.state.poll.abort();
        self.write(Event::Webhook { set: true });
        Ok(described("Webhook was set"))
    }

    pub(in crate::bot_api) fn delete_webhook(&mut self, params: &Params) -> Reply {
        let was = self.state.webhook.is_set();
        self.settle(params);
        if !was {
            return described("Webhook is already deleted");
        }
        self.state.webhook.change(None);
        self.write(Event::Webhook { set: false });
        described("Webhook was deleted")
    }

    /// What setting and deleting have in common.
    fn settle(&mut self, params: &Params) {
        if let Some(allowed) = params.allowed_updates() {
            self.state.allowed = allowed;
        }
        if params.drop_pending_updates() {
            for (update, _) in self.state.queue.confirm(i32::MAX) {
                self.write(Event::Dropped { update });
            }
        }
        self.state.news = true;
    }

    pub(in crate::bot_api) fn webhook_info(&self) -> Reply {
        let set = self.state.webhook.set.as_ref();
        let mut info = json!({
            "url": set.map_or("", |set| set.target.url()),
            "has_custom_certificate": false,
            "pending_update_count": self.state.queue.len(),
        });
        if let Some(set) = set {
            info["max_connections"] = set.connections.into();
        }
        if let Some((when, what)) = set.and_then(|set| set.last_error.as_ref()) {
            info["last_error_date"] = (when.0 / 1000).into();
            info["last_error_message"] = Value::from(what.as_str());
        }
        Reply::result(&info)
    }
}

fn described(description: &str) -> Reply {
    let body = json!({ "ok": true, "result": true, "description": description });
    Reply { status: 200, body: body.to_string(), retry_after: None }
}
