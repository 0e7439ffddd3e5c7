//! The binary `tertulia`: serves a demonstration bot or a handler in any language, talks to it in a terminal, and shows what is kept.

mod admin;
mod ai;
mod chat;
mod cli;
mod client;
mod config;
mod conversations;
mod demo;
mod failure;
mod fake_openai;
mod fake_telegram;
mod fork;
mod handler;
mod metrics;
mod output;
mod page;
mod place;
mod replay;
mod serve;
mod sessions;
mod show;
mod signal;
mod stop;
mod streams;
mod telegram;
mod torture;
mod transfer;
mod webhook;

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
    // These keep nothing and serve nobody, so the configuration does not concern them.
    let command = match cli.command {
        Some(Command::FakeTelegram(asked)) => {
            return runtime()?.block_on(fake_telegram::run(asked, cli.options.listen.as_deref()));
        }
        Some(Command::FakeOpenai(asked)) => {
            return runtime()?.block_on(fake_openai::run(asked, cli.options.listen.as_deref()));
        }
        Some(Command::Torture(options)) => return runtime()?.block_on(torture::run(options)),
        command => command,
    };
    let mut options = cli.options;
    let mut port = None;
    if let Some(Command::Replay(asked)) = &command
        && asked.with.is_some()
    {
        let free = replay::free_port()?;
        options.handler = Some(format!("http://127.0.0.1:{free}"));
        port = Some(free);
    }
    let config = Config::read(&options).map_err(Failure::Usage)?;
    if options.print_config {
        output::text(&config.print());
        return Ok(());
    }
    output::log_to_stderr(&config.log);
    runtime()?.block_on(async {
        match command {
            Some(Command::Chat { name, url, live }) => chat::run(&config, &name, url, live).await,
            Some(Command::Conversations { json }) => conversations::run(&config, json).await,
            Some(Command::Dead { command }) => admin::dead::run(&config, &command).await,
            Some(Command::Parked { command }) => admin::parked::run(&config, &command).await,
            Some(Command::Show { conversation, timeline: true, json, .. }) => {
                show::timeline::run(&config, &conversation, json).await
            }
            Some(Command::Show { conversation, entries, .. }) => {
                show::run(&config, &conversation, entries).await
            }
            Some(Command::Replay(asked)) => replay::run(&config, &asked, port).await,
            Some(Command::Fork(asked)) => fork::run(&config, &asked).await,
            Some(Command::Export(asked)) => transfer::export(&config, &asked).await,
            Some(Command::Import(asked)) => transfer::import(&config, &asked).await,
            _ => serve::run(&config).await,
        }
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Run(format!("the runtime cannot be started: {error}")))
}
