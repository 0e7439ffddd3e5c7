//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::fake_telegram::FakeTelegram;
use crate::torture::Torture;

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
    /// Where to keep things: memory: or sqlite:PATH [env: TERTULIA_STORAGE] [default: sqlite:tertulia.db]
    #[arg(long, global = true, value_name = "STORAGE")]
    pub(crate) storage: Option<String>,
    /// What to log: error, warn, info, debug, trace, or by module [env: TERTULIA_LOG] [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// Print the configuration that applies, secrets masked, and end
    #[arg(long, global = true)]
    pub(crate) print_config: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the demonstration bot over HTTP, and on Telegram if TELEGRAM_BOT_TOKEN is set
    Serve,
    /// Talk to the bot: reads lines, prints replies
    Chat {
        /// The conversation's name: `alice` talks in http:alice
        name: String,
        /// The server to talk to [default: the one that has the storage open, else none is needed]
        #[arg(long)]
        url: Option<String>,
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
    },
    /// Run a fake Bot API server at --listen, a free port if that is not given, to try bots on
    FakeTelegram(FakeTelegram),
    /// Feed a bot, kill it again and again, and judge what it answers: see torture/README.md
    Torture(Torture),
}
