//! `tertulia dead` and `tertulia parked`: what was given up or holds back its conversation, looked at and put right.

pub(crate) mod dead;
pub(crate) mod parked;
mod peer;
mod table;

use std::fmt::Write;

use tertulia::runner::{EntryId, Listing, Query};
use tertulia::{Conversation, Result};

use crate::cli::{Chosen, Listed};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

use peer::{Action, Peer};

/// From how many entries on they are counted instead of named.
const MANY: usize = 20;
/// After how many entries the count is told.
const STEP: usize = 100;

/// What is asked for, from the first page on.
fn query(conversation: Option<&str>, limit: usize) -> Result<Query, Failure> {
    let conversation = conversation.map(Conversation::parse).transpose();
    let conversation = conversation.map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Query { conversation, after: None, limit })
}

/// Lists up to `limit` entries by as many pages as it takes; also tells whether there are more.
async fn all_pages<T>(
    mut query: Query,
    page: impl AsyncFn(&Query) -> Result<Listing<T>>,
) -> Result<(Vec<T>, bool)> {
    let mut found = Vec::new();
    let wanted = query.limit;
    loop {
        query.limit = (wanted - found.len()).min(1_000);
        let listing = page(&query).await?;
        found.extend(listing.entries);
        match listing.next {
            Some(next) if found.len() < wanted => query.after = Some(next),
            next => return Ok((found, next.is_some())),
        }
    }
}

/// Says that a listing was cut.
fn more(listed: &Listed) {
    output::error(format_args!("there are more than {}; --limit shows more", listed.limit));
}

/// Does something with each of the entries, through the server that has the storage open or without one.
async fn act(config: &Config, action: Action, ids: &[EntryId]) -> Result<(), Failure> {
    let peer = Peer::find(config).await?;
    let acted = act_through(&peer, action, ids).await;
    peer.close().await;
    acted
}

async fn act_through(peer: &Peer, action: Action, ids: &[EntryId]) -> Result<(), Failure> {
    let many = ids.len() > MANY;
    let mut failed = 0;
    for (n, id) in (1..).zip(ids) {
        match peer.act(action, *id).await? {
            Ok(()) if many => {}
            Ok(()) => output::line(format_args!("{id} {}", action.done())),
            Err(refusal) => {
                failed += 1;
                output::error(refusal);
            }
        }
        if many && n % STEP == 0 {
            output::note(format_args!("{n} of {}", ids.len()));
        }
    }
    if many {
        output::line(format_args!("{} {}", ids.len() - failed, action.done()));
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failure::Run(format!("{failed} of {} were not {}", ids.len(), action.done()))),
    }
}

/// The entries that were chosen: by their ids, or all that `every` finds, once that was agreed to.
async fn choose(
    chosen: &Chosen,
    action: Action,
    every: impl AsyncFn(Query) -> Result<Vec<EntryId>>,
) -> Result<Vec<EntryId>, Failure> {
    if !chosen.all {
        return Ok(chosen.ids.clone());
    }
    let ids = every(query(chosen.conversation.as_deref(), usize::MAX)?).await?;
    if !chosen.yes {
        let mut text = format!("{} would be {}; to do it, add --yes", ids.len(), action.done());
        if let Some(conversation) = &chosen.conversation {
            let _ = write!(text, " (of {conversation} only)");
        }
        return Err(Failure::Usage(text));
    }
    Ok(ids)
}
