//! Values that handlers share, given once when the bot is built.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::{Context, Declared, Extract};
use crate::{Error, Result};

/// A value given with [`Bot::data`](super::Bot::data), shared by all handlers.
#[derive(Debug)]
pub struct Data<T>(Arc<T>);

impl<T> Clone for Data<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Data<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> Extract for Data<T> {
    fn declare(declared: &mut Declared) {
        declared.data(TypeId::of::<T>(), std::any::type_name::<T>());
    }

    async fn extract(ctx: &Context) -> Result<Self> {
        let missing =
            || Error::invalid(format!("no value of type `{}` was given", std::any::type_name::<T>()));
        ctx.shared().data.get::<T>().map(Self).ok_or_else(missing)
    }
}

/// Values by their type.
#[derive(Debug, Default)]
pub(super) struct Values(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Values {
    pub(super) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(value));
    }

    pub(super) fn contains(&self, id: TypeId) -> bool {
        self.0.contains_key(&id)
    }

    pub(super) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(self.0.get(&TypeId::of::<T>())?).downcast().ok()
    }
}
