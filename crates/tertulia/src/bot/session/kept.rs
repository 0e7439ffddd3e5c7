//! The session types of a bot: declared by handlers and by the builder, opened when the bot starts.

use std::any::TypeId;
use std::sync::Arc;

use super::options::{SessionOptions, Whose};
use crate::bot::Update;
use crate::bot::data::Values;
use crate::runner::About;
use crate::session::{State, Store, WriteMode};
use crate::storage::{BoxFuture, Scope, Storage};
use crate::{Clock, Conversation, Error, Result};

/// The name of the session type that was not given one.
const UNNAMED: &str = "default";

/// The sessions of one type while the bot runs.
pub(in crate::bot) struct Kept<S> {
    pub(in crate::bot) store: Store<S>,
    name: String,
    whose: Whose,
    /// Where a batch of the storage may reach.
    scope: Scope,
}

impl<S: State> Kept<S> {
    fn open(storage: &Arc<dyn Storage>, clock: &Clock, options: SessionOptions) -> Result<Self> {
        let SessionOptions { name, whose, options } = options;
        let properties = storage.properties();
        if properties.scope == Scope::Shard && whose.is_elsewhere() {
            return Err(Error::invalid(format!(
                "the session `{name}` is kept {whose}, and a batch of {} reaches one shard only: it keeps \
                 sessions per conversation",
                properties.name
            )));
        }
        let store = Store::with(Arc::clone(storage), clock.clone(), &name, options)?;
        Ok(Self { store, name, whose, scope: properties.scope })
    }

    /// Whose session belongs to an update, if any.
    ///
    /// # Errors
    /// `Invalid` if the update's ids make no key.
    pub(super) fn of(&self, update: &Update, about: &About) -> Result<Option<Conversation>> {
        self.whose.of(update, about).map_err(|error| {
            let (name, kind, here) = (&self.name, update.kind.word(), &about.conversation);
            error.context(format!("the session `{name}` has no key for a {kind} in {here}"))
        })
    }

    /// What to say of an update without a key.
    pub(super) fn without_key(&self, update: &Update, about: &About) -> Error {
        let (name, whose, kind, here) = (&self.name, &self.whose, update.kind.word(), &about.conversation);
        Error::invalid(format!(
            "the session `{name}` has no key for a {kind} in {here}: it is kept {whose}; a handler that also runs \
             without it takes `Option<Session<..>>`"
        ))
    }

    /// Whether a turn of `here` may take the session of `there`.
    ///
    /// # Errors
    /// `Invalid` if no batch can hold both.
    pub(in crate::bot) fn check_reach(&self, here: &Conversation, there: &Conversation) -> Result<()> {
        if self.scope == Scope::Store || here.shard() == there.shard() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the session `{}` of {there} is in shard {}, {here} is in shard {}, and a batch of this storage \
             reaches one only",
            self.name,
            there.shard(),
            here.shard()
        )))
    }
}

/// The session types of a bot while it runs.
#[derive(Default)]
pub(in crate::bot) struct Opened {
    /// A `Kept<S>` for each session type.
    pub(in crate::bot) sessions: Values,
    /// Those that are saved without being waited for.
    pub(in crate::bot) queued: Vec<Arc<dyn Flush>>,
}

/// Something that is to be written before the program ends.
pub(in crate::bot) trait Flush: Send + Sync {
    fn flush(&self) -> BoxFuture<'_, Result<()>>;
}

impl<S: State> Flush for Kept<S> {
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.store.flush_all())
    }
}

/// A session type that a handler takes, before the bot knows its name and its storage.
#[derive(Clone, Copy, Debug)]
pub(in crate::bot) struct SessionType {
    pub(in crate::bot) id: TypeId,
    /// For messages only: the name of a stored session is never made of it.
    rust_name: &'static str,
    open: fn(&mut Opened, &Arc<dyn Storage>, &Clock, SessionOptions) -> Result<()>,
}

impl SessionType {
    pub(in crate::bot) fn of<S: State>() -> Self {
        Self {
            id: TypeId::of::<S>(),
            rust_name: std::any::type_name::<S>(),
            open: |opened, storage, clock, options| {
                let kept = Kept::<S>::open(storage, clock, options)?;
                let is_queued = kept.store.options().mode != WriteMode::Transactional;
                opened.sessions.insert(kept);
                opened.queued.extend(
                    opened.sessions.get::<Kept<S>>().filter(|_| is_queued).map(|kept| kept as Arc<dyn Flush>),
                );
                Ok(())
            },
        }
    }

    /// Opens the sessions of this type.
    pub(in crate::bot) fn open(
        &self,
        opened: &mut Opened,
        storage: &Arc<dyn Storage>,
        clock: &Clock,
        options: SessionOptions,
    ) -> Result<()> {
        (self.open)(opened, storage, clock, options)
    }
}

/// Every session type with its options.
///
/// # Errors
/// `Invalid` if a type was named twice, or two types have no name or share one.
pub(in crate::bot) fn name_sessions(
    declared: &[SessionType],
    mut named: Vec<(TypeId, SessionOptions)>,
) -> Result<Vec<(SessionType, SessionOptions)>> {
    let mut kept: Vec<(SessionType, SessionOptions)> = Vec::with_capacity(declared.len());
    for session in declared {
        let rust_name = session.rust_name;
        let at = named.iter().position(|(id, _)| *id == session.id);
        let options = at.map_or_else(|| SessionOptions::new(UNNAMED), |at| named.swap_remove(at).1);
        if let Some((_, again)) = named.iter().find(|(id, _)| *id == session.id) {
            let (one, two) = (&options.name, &again.name);
            return Err(Error::invalid(format!(
                "the session type `{rust_name}` was declared twice, as `{one}` and as `{two}`"
            )));
        }
        if let Some((other, _)) = kept.iter().find(|(_, taken)| taken.name == options.name) {
            let (one, two, name) = (other.rust_name, rust_name, options.name);
            return Err(Error::invalid(if name == UNNAMED {
                format!(
                    "the session types `{one}` and `{two}` have no name: give them one with `.session::<..>(name)`"
                )
            } else {
                format!("the session types `{one}` and `{two}` have the same name `{name}`")
            }));
        }
        kept.push((*session, options));
    }
    Ok(kept)
}
