//! Asynchronous functions as handlers.

use std::future::Future;
use std::sync::Arc;

use super::{Context, Declared, Extract};
use crate::storage::BoxFuture;

/// An asynchronous function that takes up to eight arguments, each something that can be extracted, and returns
/// [`bot::Result`](super::Result).
#[diagnostic::on_unimplemented(
    message = "this is not a handler",
    note = "a handler is an async function or closure: `async |ctx: Context, chat: Session<Chat>| {{ ..; Ok(()) }}`",
    note = "its arguments are written with their types, implement `Extract`, and there are at most eight",
    note = "it returns `tertulia::bot::Result`: does it end with `Ok(())`?"
)]
pub trait Handler<Arguments>: Send + Sync + 'static {
    /// Declares what the arguments need.
    fn declare(&self, declared: &mut Declared);

    /// Takes the arguments and runs.
    fn call(self: Arc<Self>, ctx: Context) -> BoxFuture<'static, super::Result>;
}

/// A handler whose arguments are no longer told apart.
pub(super) type Boxed = Box<dyn Fn(Context) -> BoxFuture<'static, super::Result> + Send + Sync>;

pub(super) fn boxed<A: 'static, H: Handler<A>>(handler: H) -> Boxed {
    let handler = Arc::new(handler);
    Box::new(move |ctx| Arc::clone(&handler).call(ctx))
}

macro_rules! handler {
    ($($argument:ident)*) => {
        impl<F, R, $($argument),*> Handler<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R + Send + Sync + 'static,
            R: Future<Output = super::Result> + Send,
            $($argument: Extract + 'static,)*
        {
            fn declare(&self, declared: &mut Declared) {
                let _ = &declared;
                $($argument::declare(declared);)*
            }

            fn call(self: Arc<Self>, ctx: Context) -> BoxFuture<'static, super::Result> {
                Box::pin(async move {
                    let _ = &ctx;
                    self($($argument::extract(&ctx).await?),*).await
                })
            }
        }
    };
}

handler!();
handler!(A1);
handler!(A1 A2);
handler!(A1 A2 A3);
handler!(A1 A2 A3 A4);
handler!(A1 A2 A3 A4 A5);
handler!(A1 A2 A3 A4 A5 A6);
handler!(A1 A2 A3 A4 A5 A6 A7);
handler!(A1 A2 A3 A4 A5 A6 A7 A8);
