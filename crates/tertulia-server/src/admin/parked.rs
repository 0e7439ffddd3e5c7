//! `tertulia parked`: lists parked updates, releases them, or makes dead letters of them.

use serde_json::json;
use tertulia::Clock;
use tertulia::runner::Query;
use tertulia::runner::parked::{self, Parked};
use tertulia::storage::Storage;
use tertulia_http::view::ParkedUpdate;

use super::peer::Action;
use super::table::{self, Table};
use super::{act, all_pages, choose, more, query};
use crate::cli::{Listed, ParkedCommand};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(config: &Config, command: &ParkedCommand) -> Result<(), Failure> {
    let storage = config.storage.open_read_only().await?;
    let (chosen, action) = match command {
        ParkedCommand::List(listed) => return list(&*storage, listed).await,
        ParkedCommand::Release(chosen) => (chosen, Action::Release),
        ParkedCommand::GiveUp(chosen) => (chosen, Action::GiveUp),
    };
    let every = async |query| Ok(updates(&*storage, query).await?.0.iter().map(|parked| parked.id).collect());
    let ids = choose(chosen, action, every).await?;
    act(config, action, &ids).await
}

async fn updates(storage: &dyn Storage, query: Query) -> tertulia::Result<(Vec<Parked>, bool)> {
    all_pages(query, async |query| parked::list(storage, query).await).await
}

async fn list(storage: &dyn Storage, listed: &Listed) -> Result<(), Failure> {
    let (updates, cut) = updates(storage, query(listed.conversation.as_deref(), listed.limit)?).await?;
    if listed.json {
        let updates: Vec<ParkedUpdate> = updates.iter().map(ParkedUpdate::new).collect();
        output::line(format_args!("{:#}", json!(updates)));
    } else {
        let mut rows = Table::new(["id", "conversation", "tries", "age", "why"]);
        let now = Clock::system().now();
        for Parked { id, why, record, .. } in updates {
            let age = table::age(now.since(record.arrived));
            rows.row([
                id.to_string(),
                record.conversation.to_string(),
                record.attempts.to_string(),
                age,
                table::line(&why),
            ]);
        }
        output::text(&rows.to_string());
    }
    if cut {
        more(listed);
    }
    Ok(())
}
