//! `tertulia export` and `tertulia import`: everything that a store keeps, as lines of JSON, from any store into any other.
//!
//! What readers hold on to stays: a log begins in the commit with the id that it began in before, and its entries have the
//! offsets that they had. The entries of queues get new ones. What queues remember is remembered for as long.

mod export;
mod import;
mod line;
mod progress;
mod put;
mod seen;
#[cfg(test)]
mod tests;

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use tertulia::Clock;

use self::import::{Import, Lines};
use self::progress::Progress;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

/// Where to write to.
#[derive(Debug, Args)]
pub(crate) struct Exported {
    /// The file, which must not be there yet; - is standard output
    #[arg(default_value = "-", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Also while a server has the storage open: what it writes meanwhile is in the file or not
    #[arg(long)]
    pub(crate) running: bool,
}

/// What to read.
#[derive(Debug, Args)]
pub(crate) struct Imported {
    /// The file that `export` wrote; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Writes everything in the storage to a file.
pub(crate) async fn export(config: &Config, asked: &Exported) -> Result<(), Failure> {
    if let Some(server) = config.storage.server()?
        && !asked.running
    {
        return Err(Failure::Run(format!(
            "{} is open in the server at {server}, which may write meanwhile: stop it, or say --running",
            config.storage
        )));
    }
    if config.storage.is_shared() && !asked.running {
        output::note("whoever writes to this storage meanwhile, it is in the file or not");
    }
    let storage = config.storage.open_read_only().await?;
    let file = &asked.file;
    let cannot = |error: std::io::Error| Failure::Run(format!("cannot write {}: {error}", shown(file)));
    let out: Box<dyn Write> = if is_standard(file) {
        Box::new(std::io::stdout())
    } else {
        Box::new(std::fs::File::create_new(file).map_err(cannot)?)
    };
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let mut progress = Progress::new("exported");
    let written = export::export(&*storage, &Clock::system(), &mut out, &mut progress).await;
    let written = written.and_then(|()| out.flush().map_err(cannot));
    if written.is_err() && !is_standard(file) {
        // It is this export's own, and of no use; the error that is told is the first.
        let _ = std::fs::remove_file(file);
    }
    written?;
    output::note(progress.total());
    Ok(())
}

/// Writes everything in a file to the storage.
pub(crate) async fn import(config: &Config, asked: &Imported) -> Result<(), Failure> {
    if config.storage == Place::Memory {
        return Err(Failure::Usage("`memory:` keeps nothing that is imported; name another storage".into()));
    }
    let file = &asked.file;
    let named = |failure: Failure| Failure::Run(format!("{}: {failure}", shown(file)));
    let from: Box<dyn Read + Send> = if is_standard(file) {
        Box::new(std::io::stdin())
    } else {
        let opened = std::fs::File::open(file);
        Box::new(opened.map_err(|error| Failure::Run(format!("cannot read {}: {error}", shown(file))))?)
    };
    let mut lines = Lines::new(BufReader::with_capacity(1 << 20, from));
    // Before the storage is opened, which may make it.
    let header = lines.header().map_err(named)?;
    let clock = Clock::system();
    let opened = config.storage.open(&clock).await?;
    let mut progress = Progress::new("imported");
    let mut import = Import::new(&*opened.storage, &clock, &mut progress);
    let result = import.run(&header, &mut lines).await;
    drop(import);
    opened.close().await;
    result.map_err(named)?;
    output::note(progress.total());
    Ok(())
}

/// How a file is called where people read it.
fn shown(file: &Path) -> impl std::fmt::Display {
    let standard = Path::new("the standard stream");
    if is_standard(file) { standard.display() } else { file.display() }
}

fn is_standard(file: &Path) -> bool {
    file == Path::new("-")
}
