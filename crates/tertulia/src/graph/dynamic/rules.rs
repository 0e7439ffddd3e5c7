//! What an action may do with a state that has no type.

use std::sync::Arc;

use crate::graph::names::listed;
use crate::{Error, Result};

/// The fields that an action may read and write; `None`: all.
#[derive(Debug)]
pub(in crate::graph) struct Rules {
    pub(in crate::graph) action: Arc<str>,
    pub(in crate::graph) reads: Option<Vec<String>>,
    pub(in crate::graph) writes: Option<Vec<String>>,
}

/// A state is held to rules.
#[derive(Clone, Debug)]
pub(super) struct Held {
    rules: Arc<Rules>,
    /// What was set since, which may be read.
    wrote: Vec<String>,
}

impl Held {
    pub(super) fn new(rules: Arc<Rules>) -> Self {
        Self { rules, wrote: Vec::new() }
    }

    pub(super) fn may_read(&self, field: &str) -> Result<()> {
        match &self.rules.reads {
            Some(reads) if !names(reads, field) && !names(&self.wrote, field) => {
                Err(self.refused("read", field, reads))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn may_write(&self, field: &str) -> Result<()> {
        match &self.rules.writes {
            Some(writes) if !names(writes, field) => Err(self.refused("write", field, writes)),
            _ => Ok(()),
        }
    }

    pub(super) fn wrote(&mut self, field: &str) {
        if self.rules.reads.is_some() && !names(&self.wrote, field) {
            self.wrote.push(field.to_owned());
        }
    }

    fn refused(&self, what: &str, field: &str, declared: &[String]) -> Error {
        let action = &self.rules.action;
        Error::invalid(format!("action `{action}` may not {what} `{field}`, but only {}", listed(declared)))
    }
}

fn names(names: &[String], field: &str) -> bool {
    names.iter().any(|name| name == field)
}
