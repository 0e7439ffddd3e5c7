//! What a run is called.

use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

use crate::{Conversation, Error, Key, Name, Result};

/// Which run: a name among the runs of a conversation.
///
/// A text alone is a run of that name in a conversation of its own, `run:<text>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId {
    conversation: Conversation,
    name: String,
}

/// The most bytes of a run's name.
const MAX_NAME: usize = 200;

/// What stands between the name of a run and what tells its children apart.
const CHILD: &str = "/child/";

/// The longest name that its children have as it is, in bytes; of a longer one they have its beginning and its hash.
const MAX_ROOT: usize = 100;

impl RunId {
    /// A run of a conversation.
    ///
    /// # Errors
    /// `Invalid` if the name is empty, has control characters or `/log/` in it, or is over 200 bytes.
    pub fn new(
        conversation: impl TryInto<Conversation, Error: Into<Error>>,
        name: impl Into<String>,
    ) -> Result<Self> {
        let (conversation, name) = (conversation.try_into().map_err(Into::into)?, name.into());
        if name.is_empty()
            || name.len() > MAX_NAME
            || name.chars().any(char::is_control)
            || name.contains("/log/")
        {
            return Err(Error::invalid(format!(
                "`{}` is no name of a run: it has to have 1 to {MAX_NAME} bytes, without control characters and `/log/`",
                name.escape_debug()
            )));
        }
        Ok(Self { conversation, name })
    }

    /// A run in a conversation of its own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn alone(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        Self::new(Conversation::new("run", &name)?, name)
    }

    /// Where it belongs.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Its name there.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a child that an action of another run runs.
    pub fn is_child(&self) -> bool {
        self.name.contains(CHILD)
    }

    /// Its child of this step with this label, `<name>/child/<step><label>`. What is too long for a name is hashed, behind
    /// the name of the run at the root.
    pub(super) fn child(&self, step: u64, label: &str) -> Result<Self> {
        let before = self.before_children();
        let mut name = format!("{before}{step}{label}");
        if name.len() > MAX_NAME {
            let root = before.split(CHILD).next().unwrap_or_default();
            name = format!("{root}{CHILD}~{:032x}", xxh3_128(name.as_bytes()));
        }
        Self::new(self.conversation.clone(), name)
    }

    /// What the names of its children begin with, and those of their children; but for names that are hashed, which only
    /// the run at the root finds so.
    pub(super) fn before_children(&self) -> String {
        let name = &self.name;
        if self.is_child() || name.len() <= MAX_ROOT {
            return format!("{name}{CHILD}");
        }
        let beginning = name.get(..name.floor_char_boundary(MAX_ROOT / 2)).unwrap_or_default();
        format!("{beginning}~{:032x}{CHILD}", xxh3_128(name.as_bytes()))
    }

    /// The step that it is a child of, if it is one of this run.
    pub(super) fn step_of(&self, parent: &Self) -> Option<u64> {
        let rest = self.name.strip_prefix(&parent.before_children())?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// The key of its log.
    pub(super) fn key(&self) -> Result<Key> {
        Ok(Key::Log(self.conversation.clone(), Name::new(format!("run/{}", self.name))?))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One that is alone is named by its conversation.
        if self.conversation.source() == "run" && self.conversation.id() == self.name {
            return self.conversation.fmt(f);
        }
        write!(f, "{} run {}", self.conversation, self.name)
    }
}

impl TryFrom<&str> for RunId {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        Self::alone(name)
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        Self::alone(name)
    }
}

impl TryFrom<&RunId> for RunId {
    type Error = Error;

    fn try_from(id: &RunId) -> Result<Self> {
        Ok(id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_shown_by_its_name_once() {
        assert_eq!(RunId::alone("x").unwrap().to_string(), "run:x");
        assert_eq!(RunId::new("http:alice", "x").unwrap().to_string(), "http:alice run x");
        assert_eq!(RunId::new("run:x", "y").unwrap().to_string(), "run:x run y");
    }

    #[test]
    fn a_child_is_called_by_its_parent_and_its_step() {
        let mine = RunId::alone("mine").unwrap();
        let child = mine.child(5, ".0").unwrap();
        assert_eq!((child.name(), child.conversation()), ("mine/child/5.0", mine.conversation()));
        assert!(child.is_child() && !mine.is_child());
        assert_eq!(child.step_of(&mine), Some(5));
        let grandchild = child.child(12, "=paris").unwrap();
        assert_eq!(grandchild.name(), "mine/child/5.0/child/12=paris");
        assert_eq!((grandchild.step_of(&child), mine.step_of(&mine)), (Some(12), None));
    }

    #[test]
    fn the_names_of_children_are_never_too_long_and_never_the_same() {
        for len in [1, 99, 100, 101, 200] {
            let root =
                RunId::new("run:x", "é".repeat(len / 2 + 1).get(..len / 2 * 2).unwrap().to_owned() + "r");
            let Ok(root) = root else { continue };
            let mut at = root.clone();
            let mut seen = std::collections::HashSet::new();
            for depth in 0..40 {
                let (one, other) = (at.child(depth, ".0").unwrap(), at.child(depth, ".1").unwrap());
                assert!(one.name().starts_with(&root.before_children()), "{one} is not found by {root}");
                assert!(seen.insert(one.clone()) && seen.insert(other));
                at = one;
            }
        }
    }
}
