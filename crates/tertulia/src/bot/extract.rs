//! What a handler can take as an argument.

use std::any::TypeId;
use std::future::Future;

use super::session::SessionType;
use super::{Context, Update};
use crate::Result;

/// Something a handler takes. It owns what it gives, and declares what it needs when the handler is registered,
/// so that a bot that lacks it is refused at start.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a handler",
    note = "handlers take `Context`, `Session<S>`, `Option<Session<S>>`, `Data<T>`, `Update`, and the extractors of a platform's crate",
    note = "a session's `S` implements `Default`, `Serialize` and `Deserialize`, and is `Send` and `Sync`",
    note = "arguments are taken by value: `chat: Session<Chat>`, not `&Session<Chat>`"
)]
pub trait Extract: Sized + Send {
    /// Declares what it needs.
    fn declare(declared: &mut Declared) {
        let _ = declared;
    }

    /// Takes it.
    ///
    /// # Errors
    /// Any; it fails the turn.
    fn extract(ctx: &Context) -> impl Future<Output = Result<Self>> + Send;
}

/// What the handlers of a bot need.
#[derive(Debug, Default)]
pub struct Declared {
    pub(super) sessions: Vec<SessionType>,
    pub(super) data: Vec<(TypeId, &'static str)>,
}

impl Declared {
    /// A shared value is needed.
    pub(super) fn data(&mut self, id: TypeId, name: &'static str) {
        self.data.push((id, name));
    }

    /// A session is needed.
    pub(super) fn session(&mut self, session: SessionType) {
        if self.sessions.iter().all(|known| known.id != session.id) {
            self.sessions.push(session);
        }
    }
}

impl Extract for Context {
    async fn extract(ctx: &Context) -> Result<Self> {
        Ok(ctx.clone())
    }
}

impl Extract for Update {
    async fn extract(ctx: &Context) -> Result<Self> {
        Ok(ctx.update().clone())
    }
}
