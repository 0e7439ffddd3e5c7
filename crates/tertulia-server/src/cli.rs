//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tertulia::runner::EntryId;

use crate::fake_openai::FakeOpenAi;
use crate::fake_telegram::FakeTelegram;
use crate::torture::Torture;
use crate::transfer::{Exported, Imported};

/// What `--help` says of `--storage`; `-h` says the first line.
const STORAGE: &str = "\
Where to keep things: memory:, sqlite:PATH, redis://.. or postgres://.. [env: TERTULIA_STORAGE] [default: sqlite:tertulia.db]

redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss:// over TLS, redis-sentinel://HOST,HOST?master=NAME, redis-cluster://HOST,HOST
  ?prefix=  &connect_timeout=  &timeout=  &wait_replicas=  &wait_fsync=yes  &wait_timeout=
  &accept_no_aof=yes  &accept_eviction=yes  &unchecked=yes  &remembered=
  &root_certificates=FILE  &client_certificate=FILE  &client_key=FILE  &sentinel_user=  &sentinel_password=
postgres://USER:PASSWORD@HOST:PORT/DATABASE
  ?schema=  &sslmode=  &sslrootcert=FILE  &connect_timeout=  &time_limit=  &readers=  &direct_url=
Times are in seconds. See docs/storages.md.";

/// Keeps conversations. Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "tertulia", version, about, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What every command takes. Whatever is not given here comes from the environment, then from the file.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// The configuration file [env: TERTULIA_CONFIG] [default: tertulia.toml, if it is there]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// Where to serve [env: TERTULIA_LISTEN] [default: 127.0.0.1:7700]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Where to keep things: memory:, sqlite:PATH, redis://.. or postgres://.. [env: TERTULIA_STORAGE] [default: sqlite:tertulia.db]
    #[arg(long, global = true, value_name = "STORAGE", long_help = STORAGE)]
    pub(crate) storage: Option<String>,
    /// What to log: error, warn, info, debug, trace, or by module [env: TERTULIA_LOG] [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// Where each update is posted, instead of being given to the demonstration bot [env: TERTULIA_HANDLER]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) handler: Option<String>,
    /// The endpoint of a model for the demonstration's agent, such as http://127.0.0.1:11434/v1 [env: TERTULIA_MODEL_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) model_url: Option<String>,
    /// Which of its models [env: TERTULIA_MODEL]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Print the configuration that applies, secrets masked, and end
    #[arg(long, global = true)]
    pub(crate) print_config: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the demonstration bot, or --handler, over HTTP, and on Telegram if TELEGRAM_BOT_TOKEN is set
    Serve,
    /// Talk to the bot: reads lines, prints replies
    Chat {
        /// The conversation's name: `alice` talks in http:alice
        name: String,
        /// The server to talk to [default: the one that has the storage open, else none is needed]
        #[arg(long)]
        url: Option<String>,
        /// Show answers as they come, also if stdout is no terminal
        #[arg(long)]
        live: bool,
    },
    /// List the conversations that are kept
    Conversations {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what is kept of a conversation, as JSON
    Show {
        /// The conversation, such as http:alice
        conversation: String,
        /// How many of the last entries of each log to show
        #[arg(long, default_value_t = 100)]
        entries: usize,
        /// Its turns one after the other instead: what came, what was said, and what changed
        #[arg(long, conflicts_with = "entries")]
        timeline: bool,
        /// The timeline as JSON
        #[arg(long, requires = "timeline")]
        json: bool,
    },
    /// Run the turns of a conversation again, sending nothing, on the demonstration bot, --handler, or --with a command
    Replay(Replayed),
    /// Copy the sessions of a conversation to another one, to go on there
    Fork(Forked),
    /// Write all that the storage keeps to a file, as lines of JSON, to be imported into any other
    Export(Exported),
    /// Write all that is in an exported file to the storage; one that was cut short goes on where it stopped
    Import(Imported),
    /// Run a fake Bot API server at --listen, a free port if that is not given, to try bots on
    FakeTelegram(FakeTelegram),
    /// Run a fake model server at --listen, a free port if that is not given, to try agents on
    FakeOpenai(FakeOpenAi),
    /// Feed a bot, kill it again and again, and judge what it answers: see torture/README.md
    Torture(Torture),
    /// Look at what was given up, and put it right
    Dead {
        #[command(subcommand)]
        command: DeadCommand,
    },
    /// Look at what holds back its conversation, and put it right
    Parked {
        #[command(subcommand)]
        command: ParkedCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// List the dead letters, by shard, the oldest first
    List(Listed),
    /// Show a dead letter with its body, as JSON
    Show {
        /// Its id, such as 17-42
        id: EntryId,
    },
    /// Have dead letters tried again: each goes to the end of its conversation
    Replay(Chosen),
    /// Remove dead letters
    Drop(Chosen),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ParkedCommand {
    /// List the parked updates, by shard, the oldest first
    List(Listed),
    /// Let parked updates run again, at their place
    Release(Chosen),
    /// Make dead letters of parked updates, so that what is behind them runs
    GiveUp(Chosen),
}

/// What to run again, and on what.
#[derive(Debug, Args)]
pub(crate) struct Replayed {
    /// The conversation, such as http:alice
    pub(crate) conversation: String,
    /// A line of shell that starts a handler at the port in PORT of this machine; it is stopped afterwards
    #[arg(long, value_name = "COMMAND", conflicts_with = "handler")]
    pub(crate) with: Option<String>,
    /// Have each turn find what the turns before it have left here, not what they left then
    #[arg(long)]
    pub(crate) carry: bool,
}

/// What to copy.
#[derive(Debug, Args)]
pub(crate) struct Forked {
    /// The conversation, such as http:alice
    pub(crate) conversation: String,
    /// As this turn has left it, by its number in the timeline [default: as it is]
    #[arg(long, value_name = "TURN")]
    pub(crate) at: Option<u64>,
    /// Where to [default: a new one, http:fork-...]
    #[arg(long, value_name = "CONVERSATION")]
    pub(crate) to: Option<String>,
}

/// What to list.
#[derive(Debug, Args)]
pub(crate) struct Listed {
    /// Only of this conversation, such as telegram:42
    #[arg(long, value_name = "CONVERSATION")]
    pub(crate) conversation: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = at_least_one)]
    pub(crate) limit: usize,
}

/// Which entries to do something with.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Their ids, such as 17-42
    #[arg(required_unless_present = "all", value_name = "ID")]
    pub(crate) ids: Vec<EntryId>,
    /// All there are; tells how many, and does it with --yes
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Of all, only those of this conversation
    #[arg(long, value_name = "CONVERSATION", requires = "all", conflicts_with = "ids")]
    pub(crate) conversation: Option<String>,
    /// Do it
    #[arg(long, requires = "all", conflicts_with = "ids")]
    pub(crate) yes: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a number, at least 1, is needed".to_owned())
}
