//! What `tertulia torture` takes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// The options of `tertulia torture`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Torture {
    /// In how many chats
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) chats: u32,
    /// How many updates to send
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) updates: u64,
    /// How often to kill the bot, spread over the updates
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) kills: u32,
    /// How many milliseconds after its start the bot is killed at the latest; at the earliest it is 50
    #[arg(long, value_name = "MS", default_value_t = 1500, value_parser = clap::value_parser!(u64).range(50..))]
    pub(crate) within: u64,
    /// What the random numbers are made from [default: another each time]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How many updates to send in a second
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// How many updates may be unanswered; at this number none are sent
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=90_000))]
    pub(crate) backlog: u32,
    /// How many poisonous texts to send besides: /error, /panic, /hang, /abort in turn
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) poison: u32,
    /// Which poison, with commas
    #[arg(long, value_name = "TEXTS", default_value = "/error,/panic,/hang,/abort", value_delimiter = ',')]
    pub(crate) poisons: Vec<String>,
    /// How probable it is that an answer to the bot is late, by half a second at most
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub(crate) delay: f64,
    /// How probable it is that an update is given again although it was confirmed
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub(crate) duplicate: f64,
    /// How probable it is that a connection is cut, half of the time after the call had its effect
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    pub(crate) cut: f64,
    /// After how many seconds without any answer the rest is lost
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) quiet: u64,
    /// Where to keep the bot's files and what it prints [default: thrown away unless something is wrong]
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// The judgement as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The bot: a command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("allowed: from 0 to 1, such as 0.01".to_owned()),
    }
}
