//! `tertulia dead`: lists, shows, replays and drops dead letters.

use serde_json::json;
use tertulia::runner::dead::{self, Letter};
use tertulia::runner::{EntryId, Query};
use tertulia::storage::Storage;
use tertulia::{Clock, Timestamp};
use tertulia_http::view::DeadLetter;

use super::peer::Action;
use super::table::{self, Table};
use super::{act, all_pages, choose, more, query};
use crate::cli::{DeadCommand, Listed};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Config, command: &DeadCommand) -> Result<(), Failure> {
    let storage = config.storage.open_read_only().await?;
    let (chosen, action) = match command {
        DeadCommand::List(listed) => return list(&*storage, listed).await,
        DeadCommand::Show { id } => return show(&*storage, *id).await,
        DeadCommand::Replay(chosen) => (chosen, Action::Replay),
        DeadCommand::Drop(chosen) => (chosen, Action::Drop),
    };
    let every = async |query| Ok(letters(&*storage, query).await?.0.iter().map(|letter| letter.id).collect());
    let ids = choose(chosen, action, every).await?;
    act(config, action, &ids).await
}

async fn letters(storage: &dyn Storage, query: Query) -> tertulia::Result<(Vec<Letter>, bool)> {
    all_pages(query, async |query| dead::list(storage, query).await).await
}

async fn list(storage: &dyn Storage, listed: &Listed) -> Result<(), Failure> {
    let (letters, cut) = letters(storage, query(listed.conversation.as_deref(), listed.limit)?).await?;
    let letters: Vec<DeadLetter> = letters.iter().map(|letter| DeadLetter::new(letter, false)).collect();
    if listed.json {
        output::line(format_args!("{:#}", json!(letters)));
    } else {
        let mut rows = Table::new(["id", "conversation", "kind", "tries", "age", "error"]);
        let now = Clock::system().now();
        for letter in letters {
            rows.row(match (letter.what, letter.unreadable) {
                (Some(dead), _) => {
                    let age = table::age(now.since(Timestamp(dead.died_ms)));
                    [
                        letter.id,
                        dead.conversation,
                        dead.kind,
                        dead.attempts.to_string(),
                        age,
                        table::line(&dead.error),
                    ]
                }
                (None, why) => {
                    let unknown = || "?".to_owned();
                    [
                        letter.id,
                        unknown(),
                        unknown(),
                        unknown(),
                        unknown(),
                        table::line(&why.unwrap_or_default()),
                    ]
                }
            });
        }
        output::text(&rows.to_string());
    }
    if cut {
        more(listed);
    }
    Ok(())
}

async fn show(storage: &dyn Storage, id: EntryId) -> Result<(), Failure> {
    let letter = dead::get(storage, id).await?;
    let letter = letter.ok_or_else(|| Failure::Run(format!("there is no dead letter {id}")))?;
    output::line(format_args!("{:#}", json!(DeadLetter::new(&letter, true))));
    Ok(())
}
