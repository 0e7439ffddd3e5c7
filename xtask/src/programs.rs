//! The programs of the tests, built once and run by each step that wants one: what is built for one package alone has
//! dependencies with other features, which are then built again.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::step::{Failed, run};

/// The threads of the programs that mostly wait for a server of another process.
const WAITING: (&[&str], &str) = (&["tertulia-postgres", "tertulia-redis"], "4");

/// A program of tests.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Program {
    /// Where its package is; it runs there.
    package: PathBuf,
    /// Its name among those of its package.
    name: String,
    path: PathBuf,
}

/// All programs of tests of the workspace.
#[derive(Debug)]
pub(crate) struct Programs(Vec<Program>);

impl Programs {
    /// Builds them.
    pub(crate) fn build() -> Result<Self, Failed> {
        let mut build = Command::new("cargo");
        build.args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
        let built = build.stderr(Stdio::inherit()).output();
        let built = built.map_err(|error| Failed(format!("{build:?} cannot be run: {error}")))?;
        if !built.status.success() {
            return Err(Failed(format!("{build:?} ended with {}", built.status)));
        }
        let messages = String::from_utf8_lossy(&built.stdout);
        let mut programs: Vec<_> = messages.lines().filter_map(Program::read).collect();
        programs.sort();
        Ok(Self(programs))
    }

    /// The integration tests of a package.
    pub(crate) fn of(&self, package: &str) -> Result<&Program, Failed> {
        let found = self.0.iter().find(|program| program.is_of(package) && program.name == "it");
        found.ok_or_else(|| Failed(format!("{package} has no integration tests")))
    }

    /// Runs all of them.
    pub(crate) fn run(&self, environment: &[(&str, &OsStr)]) -> Result<(), Failed> {
        self.0.iter().try_for_each(|program| program.run(&[], environment))
    }
}

impl Program {
    /// What cargo says of it when it is built.
    fn read(message: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(message).ok()?;
        let is_test = message["profile"]["test"].as_bool()?;
        let path = PathBuf::from(message["executable"].as_str()?);
        let package = PathBuf::from(message["manifest_path"].as_str()?).parent()?.to_owned();
        let name = message["target"]["name"].as_str()?.to_owned();
        is_test.then_some(Self { package, name, path })
    }

    fn is_of(&self, package: &str) -> bool {
        self.package.ends_with(package)
    }

    /// Runs the tests that the arguments choose.
    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, &OsStr)]) -> Result<(), Failed> {
        println!("\n{}, {}", self.package.file_name().unwrap_or_default().display(), self.name);
        let mut command = Command::new(&self.path);
        if WAITING.0.iter().any(|package| self.is_of(package)) {
            command.env("RUST_TEST_THREADS", WAITING.1);
        }
        run(command.args(arguments).current_dir(&self.package).envs(environment.iter().copied()))
    }
}
