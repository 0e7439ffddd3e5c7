//! Answers as Telegram writes them.

use serde_json::{Value, json};

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
    /// In seconds, for the header.
    pub(super) retry_after: Option<u64>,
}

impl Reply {
    /// A result that is JSON already.
    pub(super) fn json(result: &str) -> Self {
        Self { status: 200, body: format!("{{\"ok\":true,\"result\":{result}}}"), retry_after: None }
    }

    pub(super) fn result(result: &Value) -> Self {
        Self::json(&result.to_string())
    }

    pub(super) fn done() -> Self {
        Self::json("true")
    }

    pub(super) fn refused(status: u16, description: &str) -> Self {
        let body = json!({ "ok": false, "error_code": status, "description": description });
        Self { status, body: body.to_string(), retry_after: None }
    }

    pub(super) fn too_many(retry_after: u64) -> Self {
        let description = format!("Too Many Requests: retry after {retry_after}");
        let parameters = json!({ "retry_after": retry_after });
        Self { retry_after: Some(retry_after), ..Self::with_parameters(429, &description, &parameters) }
    }

    pub(super) fn migrated(to: i64) -> Self {
        let description = "Bad Request: group chat was upgraded to a supergroup chat";
        Self::with_parameters(400, description, &json!({ "migrate_to_chat_id": to }))
    }

    fn with_parameters(status: u16, description: &str, parameters: &Value) -> Self {
        let body = json!({
            "ok": false,
            "error_code": status,
            "description": description,
            "parameters": parameters,
        });
        Self { status, body: body.to_string(), retry_after: None }
    }
}
