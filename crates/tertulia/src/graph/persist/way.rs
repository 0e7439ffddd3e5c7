//! Whether the methods of a persister are asynchronous.

use std::sync::Arc;

use super::threads::Threads;
use super::{StateLoader, StateSaver};
use crate::Result;
use crate::graph::Plain;
use crate::storage::BoxFuture;

/// How the methods of a persister give what they give: [`Awaited`] or [`Plain`].
pub trait Way: Erase {
    /// What they return to give a `T`.
    type Reply<'a, T: Send + 'a>: Send;
}

/// The [`Way`] of a persister whose methods are asynchronous: they return a [`BoxFuture`].
#[derive(Debug)]
pub enum Awaited {}

impl Way for Awaited {
    type Reply<'a, T: Send + 'a> = BoxFuture<'a, Result<T>>;
}

impl Way for Plain {
    type Reply<'a, T: Send + 'a> = Result<T>;
}

/// What the methods of the persister `P` return to give a `T`: a [`BoxFuture`] of a `Result<T>`, or that alone.
pub type Reply<'a, P, T> = <<P as StateLoader>::Way as Way>::Reply<'a, T>;

/// Makes all persisters awaited ones.
pub trait Erase: Sized + 'static {
    /// A program without a runtime cannot call them.
    const AWAITS: bool;

    fn saver<P: StateSaver<Way = Self>>(saver: P) -> Arc<dyn StateSaver<Way = Awaited>>;

    fn loader<P: StateLoader<Way = Self>>(loader: P) -> Arc<dyn StateLoader<Way = Awaited>>;
}

impl Erase for Awaited {
    const AWAITS: bool = true;

    fn saver<P: StateSaver<Way = Self>>(saver: P) -> Arc<dyn StateSaver<Way = Awaited>> {
        Arc::new(saver)
    }

    fn loader<P: StateLoader<Way = Self>>(loader: P) -> Arc<dyn StateLoader<Way = Awaited>> {
        Arc::new(loader)
    }
}

impl Erase for Plain {
    const AWAITS: bool = false;

    fn saver<P: StateSaver<Way = Self>>(saver: P) -> Arc<dyn StateSaver<Way = Awaited>> {
        Arc::new(Threads::new(saver))
    }

    fn loader<P: StateLoader<Way = Self>>(loader: P) -> Arc<dyn StateLoader<Way = Awaited>> {
        Arc::new(Threads::new(loader))
    }
}

/// Any saver as one that is awaited, for those that wrap others.
pub fn awaited<P: StateSaver>(saver: P) -> Arc<dyn StateSaver<Way = Awaited>> {
    P::Way::saver(saver)
}
