//! `tertulia fake-openai`: a fake model server of its own, for agents in any language.

use std::time::Duration;

use clap::Args;
use tertulia_testkit::openai::{OpenAi, Options};

use crate::failure::Failure;
use crate::fake_telegram::{address, ended};
use crate::output;
use crate::signal::Signals;

/// What `tertulia fake-openai` takes besides `--listen`.
#[derive(Debug, Default, Args)]
pub(crate) struct FakeOpenAi {
    /// How many milliseconds a token takes
    #[arg(long, default_value_t = 50)]
    pace: u64,
    /// End when stdin does, as it does when whoever started this ends
    #[arg(long)]
    until_closed: bool,
}

/// Serves until a signal.
pub(crate) async fn run(asked: FakeOpenAi, listen: Option<&str>) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    let mut options = Options::default();
    if let Some(listen) = listen {
        options.listen = address(listen)?;
    }
    options.pace = Duration::from_millis(asked.pace);
    let listen = options.listen;
    let cannot = |error| Failure::Run(format!("cannot listen on {listen}: {error}"));
    let model = OpenAi::start(options).await.map_err(cannot)?;
    // The first line is for programs.
    output::line(model.url());
    let control = model.url().replace("/v1", "/control");
    output::line(format_args!(
        "push      curl --json '[{{\"text\":\"hello\",\"fate\":{{\"cut\":500}}}}]' {control}/turns"
    ));
    output::line(format_args!("read      curl {control}/journal"));
    ended(&mut signals, asked.until_closed).await;
    Ok(())
}
