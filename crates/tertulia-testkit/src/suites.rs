//! All suites at once, for a storage.

/// Makes a test of each case of every suite: `suites!(time, open)`.
///
/// `time` is a [`Time`](crate::conformance::Time); `open` names an `async fn(Limits) -> Subject` that opens a new, empty
/// store. Each suite stands in a module of its own: the [contract](mod@crate::conformance) in `contract`, then
/// [`sessions`](mod@crate::sessions), [`streams`](mod@crate::streams), [`graphs`](mod@crate::graphs),
/// [`parallel`](mod@crate::graphs::parallel), [`runner`](mod@crate::runner), [`turns`](mod@crate::turns).
#[macro_export]
macro_rules! suites {
    ($time:expr, $open:path) => {
        $crate::suites! { @modules $time, $open;
            contract is conformance
            sessions is sessions
            streams is streams
            graphs is graphs
            parallel is parallel
            runner is runner
            turns is turns
        }
    };
    (@modules $time:expr, $open:path; $($module:ident is $suite:ident)*) => {
        $(
            mod $module {
                #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
                use super::*;

                $crate::$suite!($time, $open);
            }
        )*
    };
}
