//! The binary `tertulia`: serves a demonstration bot, talks to it in a terminal, and shows what is kept.

mod admin;
mod chat;
mod cli;
mod client;
mod config;
mod conversations;
mod demo;
mod failure;
mod metrics;
mod output;
mod place;
mod serve;
mod show;
mod signal;
mod stop;
mod telegram;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure);
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let config = Config::read(&cli.options).map_err(Failure::Usage)?;
    if cli.options.print_config {
        output::text(&config.print());
        return Ok(());
    }
    output::log_to_stderr(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Run(format!("the runtime cannot be started: {error}")))?;
    runtime.block_on(async {
        match cli.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(&config).await,
            Command::Chat { name, url } => chat::run(&config, &name, url).await,
            Command::Conversations { json } => conversations::run(&config, json).await,
            Command::Dead { command } => admin::dead::run(&config, &command).await,
            Command::Parked { command } => admin::parked::run(&config, &command).await,
            Command::Show { conversation, entries } => show::run(&config, &conversation, entries).await,
        }
    })
}
