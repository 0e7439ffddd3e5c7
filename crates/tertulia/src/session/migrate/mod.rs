//! Migrations: how what an older program stored becomes what this one expects.

pub(super) mod tree;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};
pub use tree::Tree;

/// The versions that a session type has had, and the way from each to the next.
///
/// What is stored bears the version it was written in; without migrations that is 0. What is older is taken through
/// every step it lacks, once each and in order, when it is loaded, and is stored in the new shape with the next change.
/// What is newer is refused: an older program neither reads nor writes it.
///
/// Versions are whole numbers that rise. A step must stay as long as something may be stored from before it.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use tertulia::session::Migrations;
/// #[derive(Deserialize)]
/// struct Old { language: String }
/// #[derive(Default, Serialize, Deserialize)]
/// struct Chat { languages: Vec<String>, muted: bool }
///
/// let migrations = Migrations::new()
///     // 1: the field had another name
///     .to(1, |chat| {
///         chat.rename("lang", "language");
///         Ok(())
///     })
///     // 2: from the old type
///     .to_from(2, |old: Old| Ok(Chat { languages: vec![old.language], muted: false }));
/// ```
#[derive(Clone, Default)]
pub struct Migrations {
    steps: Vec<Step>,
}

/// The way to a version.
#[derive(Clone)]
struct Step {
    version: u32,
    /// The name of the field with the log whose items it changes; `None` if it changes the state.
    log: Option<String>,
    change: Arc<Change>,
}

type Change = dyn Fn(&mut Tree) -> Result<()> + Send + Sync;

/// What is stored was written by a newer program. The detail of a `Corrupt` error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooNew {
    /// The version of what is stored.
    pub stored: u32,
    /// The newest version this program knows.
    pub known: u32,
}

impl Migrations {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The step to `version`, on the value without its type.
    #[must_use]
    pub fn to(self, version: u32, change: impl Fn(&mut Tree) -> Result<()> + Send + Sync + 'static) -> Self {
        self.step(version, None, change)
    }

    /// The step to `version`, from the type of the version before to the type of this one. A [`Log`](crate::Log) can
    /// be moved from one to the other, and has no items meanwhile: they are [changed](Self::to_items) as they are
    /// read. One that is not moved fails the step: drop it by name before, with [`to`](Self::to) and
    /// [`Tree::remove`].
    #[must_use]
    pub fn to_from<Old: DeserializeOwned, New: Serialize>(
        self,
        version: u32,
        change: impl Fn(Old) -> Result<New> + Send + Sync + 'static,
    ) -> Self {
        self.step(version, None, move |tree| {
            let before = tree.logs();
            tree.replace(&change(tree.to()?)?)?;
            let after = tree.logs();
            match before.iter().find(|(number, _)| after.iter().all(|(kept, _)| kept != number)) {
                None => Ok(()),
                Some((_, path)) => {
                    let path = path.join(".");
                    Err(Error::invalid(format!("the Log `{path}` was not moved, its items would be lost")))
                }
            }
        })
    }

    /// A step to `version` for the items of a [`Log`](crate::Log), on each as it is read. `field` is the name that
    /// the field with the log has today, or one above it, where it stands in a list or a map. A list that became a
    /// log is changed too.
    #[must_use]
    pub fn to_items(
        self,
        version: u32,
        field: &str,
        change: impl Fn(&mut Tree) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.step(version, Some(field.to_owned()), change)
    }

    fn step(
        mut self,
        version: u32,
        log: Option<String>,
        change: impl Fn(&mut Tree) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.steps.push(Step { version, log, change: Arc::new(change) });
        self
    }

    /// Versions begin at 1 and rise; one step each for the state and for each log.
    pub(super) fn check(&self) -> Result<()> {
        for (i, step) in self.steps.iter().enumerate() {
            let version = step.version;
            if version == 0 {
                return Err(Error::invalid(
                    "a migration to version 0 was given, which is where versions begin",
                ));
            }
            let Some(before) = i.checked_sub(1).map(|i| &self.steps[i]) else { continue };
            if before.version > version {
                let before = before.version;
                let text = format!("the migration to version {version} comes after that to version {before}");
                return Err(Error::invalid(text));
            }
            let same = |other: &&Step| other.version == version && other.log == step.log;
            if self.steps[..i].iter().any(|other| same(&other)) {
                return Err(Error::invalid(format!("two migrations to version {version} were given")));
            }
        }
        Ok(())
    }

    /// The version in which this program writes; 0 if there are no steps.
    pub fn version(&self) -> u32 {
        self.steps.last().map_or(0, |step| step.version)
    }

    /// Whether something stored in `version` is as this program expects it.
    ///
    /// # Errors
    /// `Corrupt` with [`TooNew`].
    pub(super) fn is_current(&self, version: u32) -> Result<bool> {
        let known = self.version();
        if version > known {
            return Err(Error::corrupt(TooNew { stored: version, known }.to_string())
                .with_source(TooNew { stored: version, known }));
        }
        Ok(version == known)
    }

    /// A state that was stored in `version`, as it is today.
    pub(super) fn state(&self, version: u32, state: &[u8]) -> Result<Vec<u8>> {
        self.run(version, state, |step, tree| match &step.log {
            None => (step.change)(tree),
            Some(log) => tree.edit_lists(log, &*step.change),
        })
    }

    /// An item of the log under these fields that was stored in `version`, as it is today.
    pub(super) fn item(&self, version: u32, path: &[String], item: &[u8]) -> Result<Vec<u8>> {
        self.run(version, item, |step, tree| match &step.log {
            Some(log) if path.contains(log) => (step.change)(tree),
            _ => Ok(()),
        })
    }

    /// Whether there is a step for items.
    pub(super) fn has_items(&self) -> bool {
        self.steps.iter().any(|step| step.log.is_some())
    }

    fn run(
        &self,
        from: u32,
        bytes: &[u8],
        change: impl Fn(&Step, &mut Tree) -> Result<()>,
    ) -> Result<Vec<u8>> {
        let mut tree = Tree::decode(bytes)?;
        for step in self.steps.iter().filter(|step| step.version > from) {
            change(step, &mut tree).map_err(|error| {
                let text = format!("the migration to version {} failed: {error}", step.version);
                Error::corrupt(text).with_source(error)
            })?;
        }
        Ok(tree.encode())
    }
}

impl fmt::Display for TooNew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stored, known } = self;
        write!(f, "it was written by a newer program: version {stored}, this one knows up to {known}")
    }
}

impl std::error::Error for TooNew {}

impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.steps.iter().map(|step| (step.version, step.log.as_deref().unwrap_or("state")));
        f.debug_list().entries(steps).finish()
    }
}
