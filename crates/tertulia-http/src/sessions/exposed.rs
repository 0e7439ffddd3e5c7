//! Which sessions are reached over HTTP: those that were named, by their names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tertulia::session::{JsonView, Live, State};
use tertulia::storage::BoxFuture;
use tertulia::{Conversation, Result, Sessions};

use crate::Problem;

/// The sessions that [`sessions`](crate::sessions()) serves; no others are there. Cheap to clone.
///
/// They may be sessions of a bot, by the name that it gave them: whoever writes second reads again.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use tertulia::{Sessions, storage::Memory};
/// # use tertulia_http::Exposed;
/// # #[derive(Default, Serialize, Deserialize)]
/// # struct Chat { name: String }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tertulia::Result<()> {
/// let exposed = Exposed::new(Sessions::<Chat>::new(Memory::new(), "chat")?);
/// # let _ = exposed;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Exposed(BTreeMap<String, Arc<dyn Face>>);

/// What becomes of a session: nothing, if it is to be removed.
pub(super) type Change<'a> = Box<dyn FnMut(&JsonView) -> Result<Option<Value>, Problem> + Send + 'a>;

/// Sessions whose type nobody knows here.
pub(super) trait Face: Send + Sync + 'static {
    fn read<'a>(&'a self, of: &'a Conversation) -> BoxFuture<'a, Result<JsonView>>;
    fn change<'a>(
        &'a self,
        of: &'a Conversation,
        change: Change<'a>,
    ) -> BoxFuture<'a, Result<JsonView, Problem>>;
    fn is_there<'a>(&'a self, of: &'a Conversation) -> BoxFuture<'a, Result<bool>>;
    fn follow<'a>(&'a self, of: &'a Conversation) -> BoxFuture<'a, Result<Live>>;
}

impl Exposed {
    /// These sessions.
    pub fn new<S: State>(sessions: Sessions<S>) -> Self {
        Self::default().and(sessions)
    }

    /// And these. Of two with the same name the later one is served.
    #[must_use]
    pub fn and<S: State>(mut self, sessions: Sessions<S>) -> Self {
        let log = sessions.store().name().as_str();
        let name = log.strip_prefix("session/").unwrap_or(log).to_owned();
        self.0.insert(name, Arc::new(sessions));
        self
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<dyn Face>> {
        self.0.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Arc<dyn Face>)> {
        self.0.iter()
    }
}

impl<S: State> Face for Sessions<S> {
    fn read<'a>(&'a self, of: &'a Conversation) -> BoxFuture<'a, Result<JsonView>> {
        Box::pin(self.get_json(of))
    }

    fn change<'a>(
        &'a self,
        of: &'a Conversation,
        change: Change<'a>,
    ) -> BoxFuture<'a, Result<JsonView, Problem>> {
        Box::pin(self.update_json(of, change))
    }

    fn is_there<'a>(&'a self, of: &'a Conversation) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.contains(of))
    }

    fn follow<'a>(&'a self, of: &'a Conversation) -> BoxFuture<'a, Result<Live>> {
        Box::pin(async move {
            let store = self.store();
            let log = store.name().as_str();
            let name = log.strip_prefix("session/").unwrap_or(log);
            Live::open(Arc::clone(store.storage()), name, of, store.options().clone()).await
        })
    }
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
