//! What a process of a case does: a handler of texts, with a platform perhaps.

use std::fmt;
use std::sync::Arc;

use tertulia::runner::{About, Handle, Handler, HandlerResult, Options, Runner, Sender, Turn};
use tertulia::storage::{BoxFuture, Expect, LogWrite, Read, Storage};
use tertulia::{Clock, Error, Key, Name, Result};

use super::Platform;
use crate::process::hurried;

/// The log of a conversation to which updates are applied.
pub(super) const APPLIED: Name = Name::from_static("applied");

/// What a process runs, and how.
pub struct Work {
    texts: Texts,
    platform: Option<Platform>,
    options: Options,
}

/// Runs updates that are texts. Those that begin with `!` pass the queue.
pub struct Texts(Box<dyn Fn(Turn, String) -> BoxFuture<'static, HandlerResult> + Send + Sync>);

impl Work {
    /// This is done with each text.
    pub fn new<R>(does: impl Fn(Turn, String) -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = HandlerResult> + Send + 'static,
    {
        let texts = Texts(Box::new(move |turn, text| Box::pin(does(turn, text))));
        Self { texts, platform: None, options: hurried() }
    }

    /// Each text is applied to its conversation.
    pub fn applying() -> Self {
        Self::new(async |turn, text| apply(&turn, &text).await)
    }

    /// Each text is applied, and made a call.
    pub fn calling() -> Self {
        Self::new(async |turn, text| {
            apply(&turn, &text).await?;
            turn.call(text.into())?;
            Ok(())
        })
    }

    /// Calls are made there.
    #[must_use]
    pub fn at(self, platform: &Platform) -> Self {
        Self { platform: Some(platform.clone()), ..self }
    }

    /// With other options than those of a case.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// Runs it over a storage.
    ///
    /// # Errors
    /// As [`Runner::start`].
    pub(super) async fn run(self, storage: Arc<dyn Storage>) -> Result<Handle<Texts>> {
        let runner = Runner::new(storage, Clock::system(), self.options, self.texts);
        match self.platform {
            Some(platform) => runner.sender("test", Arc::new(platform) as Arc<dyn Sender>),
            None => runner,
        }
        .start()
        .await
    }
}

/// Appends a text to its conversation's log, which is expected to be as it was read: an effect that has to be counted once.
///
/// # Errors
/// What the storage gives; `Closed` if the turn is over.
pub(super) async fn apply(turn: &Turn, text: &str) -> HandlerResult {
    let write = after_what_is_there(turn).await?;
    turn.write(write.append(text.to_owned()))?;
    Ok(())
}

/// A write to that log which expects what is there now.
///
/// # Errors
/// What the storage gives.
pub(super) async fn after_what_is_there(turn: &Turn) -> Result<LogWrite> {
    let key = Key::Log(turn.about().conversation.clone(), APPLIED);
    let page = turn.storage().read(&[Read::head(key.clone())]).await?.remove(0)?;
    let expect = page.map_or(Expect::Absent, |page| Expect::Etag(page.head().etag()));
    Ok(LogWrite::new(key).expect(expect))
}

impl Handler for Texts {
    type Update = String;

    fn decode(&self, about: &About) -> Result<String> {
        String::from_utf8(about.body.to_vec()).map_err(|_| Error::invalid("not a text"))
    }

    fn passes(&self, about: &About) -> bool {
        about.body.starts_with(b"!")
    }

    fn handle(&self, turn: Turn, update: String) -> impl Future<Output = HandlerResult> + Send {
        (self.0)(turn, update)
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("platform", &self.platform).finish_non_exhaustive()
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texts")
    }
}
