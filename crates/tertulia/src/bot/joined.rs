//! All updates of a turn that was joined from several.

use std::ops::Deref;

use super::ask::Response;
use super::{Context, Extract};
use crate::Result;

/// The updates that the handler runs for, its own first, in the order of their arrival: more than one where
/// [`Bot::burst`](super::Bot::burst) joins them.
#[derive(Clone, Debug)]
pub struct Joined(Vec<Response>);

impl Joined {
    /// Their texts, each a line.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.0.iter().map(|response| response.text.as_str()).collect();
        texts.join("\n")
    }
}

impl Deref for Joined {
    type Target = [Response];

    fn deref(&self) -> &[Response] {
        &self.0
    }
}

impl Extract for Joined {
    async fn extract(ctx: &Context) -> Result<Self> {
        let turn = ctx.turn();
        let all = std::iter::once(turn.about()).chain(turn.joined());
        all.map(|about| Response::of(ctx, about.clone())).collect::<Result<_>>().map(Self)
    }
}
