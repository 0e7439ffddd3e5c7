//! The deadline of a loaded session: what writes and use make of it, and that it does not expire meanwhile.

use super::{Loaded, Stage};
use crate::session::expiry::Expiry;
use crate::session::keeper::Known;
use crate::session::store::State;
use crate::storage::{Expire, LogWrite};

impl<S: State> Loaded<S> {
    /// Has the session kept from expiring from here on.
    pub(super) fn hold(&mut self) {
        let Some((keeper, deadline)) = self.store.keeper().zip(self.entry.deadline) else { return };
        let Some(etag) = self.etag() else { return };
        let logs = self.entry.logs.iter().map(|place| self.home(place).key().clone()).collect();
        let (conversation, key) = (self.conversation.clone(), self.key());
        self.in_use = keeper.hold(deadline, Known { conversation, key, etag, logs });
    }

    /// From here on nobody keeps it from expiring.
    pub(super) fn let_go(&mut self) {
        if let Some(deadline) = self.in_use.take().and_then(|in_use| in_use.deadline()) {
            self.entry.deadline = Some(deadline);
        }
    }

    /// What a write does to the session's deadline.
    pub(super) fn expire(&mut self) -> Expire {
        let expiry = self.store.options().expiry;
        if expiry == Expiry::Never && self.entry.deadline.is_none() {
            return Expire::Keep;
        }
        self.asked = self.store.clock().now();
        self.expire = expiry.on_write(self.asked, self.entry.head.is_some(), self.entry.deadline);
        self.expire
    }

    /// What the first write of a log inside does to its deadline.
    pub(super) fn expire_new(&self) -> Expire {
        self.store.options().expiry.longest().map_or(Expire::Keep, Expire::After)
    }

    /// Moves the deadline of a session that was used and not changed, if it is time to.
    pub(super) fn renewal(&mut self) -> Vec<LogWrite> {
        let expiry = self.store.options().expiry;
        if !matches!(expiry, Expiry::Sliding(_)) || self.entry.head.is_none() {
            return Vec::new();
        }
        self.asked = self.store.clock().now();
        let Some(life) = expiry.on_use(self.asked, self.entry.deadline) else { return Vec::new() };
        self.stage = Stage::Prepared;
        self.expire = Expire::After(life);
        self.checks().into_iter().map(|check| check.expire(self.expire)).collect()
    }
}
