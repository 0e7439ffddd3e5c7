//! Installs and builds the peers' programs.

mod python;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::Serialize;

use crate::case::{CASES, Group};
use crate::peer::{Database, PEERS, Program, Server};
use crate::selection::Selection;

/// What can be run, and what cannot.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The command line that starts each program.
    pub(crate) programs: HashMap<Program, Vec<PathBuf>>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Peers that cannot run on this machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LeftOut {
    pub(crate) peers: Vec<&'static str>,
    pub(crate) why: String,
}

impl LeftOut {
    /// Whether one of the peers would have run a case of the group.
    pub(crate) fn is_of(&self, group: Group) -> bool {
        let cases = CASES.iter().filter(|case| case.group == group);
        let peers = || PEERS.iter().filter(|peer| self.peers.contains(&peer.name));
        cases.map(|case| case.name).any(|case| peers().any(|peer| peer.cases.contains(&case)))
    }
}

/// Makes every program of the selection ready to run. What cannot be made ready is left out of it.
///
/// # Errors
/// If nothing is left to run, or the folder of built programs cannot be told.
pub(crate) fn prepare(folder: &Path, selection: &mut Selection) -> anyhow::Result<Prepared> {
    // The peers are built beside this program, whatever its own profile.
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let target = own.ancestors().nth(2).context("this program is not in a folder of cargo's")?.to_owned();

    let mut prepared = Prepared { programs: HashMap::new(), left_out: Vec::new() };
    for program in selection.programs() {
        let command = match program {
            Program::Cargo { package } => build(folder, &target, package, package).map(|built| vec![built]),
            Program::Workspace { folder: name, package } => {
                build(&folder.join(name), &target, package, package).map(|built| vec![built])
            }
            Program::Node { folder: name } => install(&folder.join(name)),
            Program::Python { folder: name } => python::install(&folder.join(name), &target.join("python")),
            Program::Served(server) => serve(folder, &target, server),
            Program::Stored { package, database } => store(folder, &target, package, database),
        };
        match command {
            Ok(command) => {
                prepared.programs.insert(program, command);
            }
            Err(error) => {
                let out = LeftOut { peers: selection.leave_out(program), why: format!("{error:#}") };
                eprintln!("left out: {}: {}", out.peers.join(", "), out.why);
                prepared.left_out.push(out);
            }
        }
    }
    ensure!(!selection.cases.is_empty(), "no peer is left to run");
    Ok(prepared)
}

/// Makes a server ready, and what loads it; gives the latter's command line, which names the server's.
fn serve(folder: &Path, target: &Path, server: Server) -> anyhow::Result<Vec<PathBuf>> {
    let program = match server {
        Server::Tertulia => vec![build(&folder.join(".."), target, "tertulia-server", "tertulia")?],
        Server::Crate { version } => vec![install_crate(target, version)?],
        Server::Node { folder: name } => install(&folder.join(name))?,
    };
    let load = build(folder, target, "stream-load", "stream-load")?;
    let program = program.into_iter().flat_map(|part| [PathBuf::from("--program"), part]);
    Ok(std::iter::once(load).chain(program).collect())
}

/// Builds the program of a peer that starts a database's server, if there is one to start.
fn store(folder: &Path, target: &Path, package: &str, database: Database) -> anyhow::Result<Vec<PathBuf>> {
    let knowing = build(folder, target, "storages", "storages")?;
    let (name, option) = match database {
        Database::Redis => ("Redis", "redis"),
        Database::Postgres => ("PostgreSQL", "postgres"),
    };
    let found = Command::new(knowing).args(["needs", option]).env("RUST_BACKTRACE", "0").output()?;
    if !found.status.success() {
        let why = String::from_utf8_lossy(&found.stderr);
        bail!("{name} cannot be started here: {}", why.trim().trim_start_matches("Error: "));
    }
    Ok(vec![build(folder, target, package, package)?])
}

/// Builds one package and gives its program. Each is built alone, so that no peer gets the features another one asks for.
fn build(folder: &Path, target: &Path, package: &str, program: &str) -> anyhow::Result<PathBuf> {
    eprintln!("building {package}");
    let mut command = cargo();
    command.args(["build", "--release", "--package", package, "--target-dir"]).arg(target);
    succeed(command.current_dir(folder))?;
    Ok(executable(&target.join("release"), program))
}

/// Installs the crate `durable-streams` below `target`, unless that has been done.
fn install_crate(target: &Path, version: &str) -> anyhow::Result<PathBuf> {
    let root = target.join(format!("durable-streams-{version}"));
    let program = executable(&root.join("bin"), "durable-streams-server");
    if !program.exists() {
        let mut command = cargo();
        command.args(["install", "durable-streams", "--locked", "--version", version, "--root"]).arg(&root);
        succeed(command.arg("--target-dir").arg(target))?;
    }
    Ok(program)
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn executable(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Installs what `package-lock.json` names, unless that has been done since it last changed.
fn install(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let changed = |name: &str| std::fs::metadata(folder.join(name)).and_then(|file| file.modified()).ok();
    let (locked, installed) = (changed("package-lock.json"), changed("node_modules/.package-lock.json"));
    ensure!(locked.is_some(), "{} is missing", folder.join("package-lock.json").display());
    if installed < locked {
        eprintln!("installing {}", folder.display());
        succeed(Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(folder))?;
    }
    succeed(Command::new("node").arg("--check").arg(folder.join("main.js")))?;
    Ok(vec!["node".into(), folder.join("main.js")])
}

/// Runs a command whose output is progress, and so goes to standard error.
fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}
