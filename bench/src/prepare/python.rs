//! Peers written in Python: each has a virtual environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::succeed;

/// Where an environment keeps its interpreter.
const PROGRAMS: &str = if cfg!(windows) { "Scripts" } else { "bin" };

/// Installs what the folder's `requirements.txt` names in an environment below `environments`, unless that has been done
/// with the same file; gives the command line of its `main.py`.
pub(super) fn install(folder: &Path, environments: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let name = folder.file_name().context("a peer's folder has no name")?;
    let environment = environments.join(name);
    let python = environment.join(PROGRAMS).join("python");
    let requirements = folder.join("requirements.txt");
    let wanted =
        std::fs::read(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    // Written when everything is there, so that an installation that was cut short is begun again.
    let installed = environment.join("requirements.txt");
    if std::fs::read(&installed).ok().as_ref() != Some(&wanted) {
        eprintln!("installing {}", folder.display());
        let mut venv = Command::new("python3");
        succeed(venv.args(["-m", "venv", "--clear"]).arg(&environment)).context(
            "cannot make a virtual environment: it takes python3 3.11 and, on Debian, python3-venv",
        )?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--requirement"]).arg(&requirements);
        succeed(&mut pip)?;
        std::fs::write(&installed, wanted)?;
    }
    // Without `-B` it would leave compiled files beside the sources.
    Ok(vec![python, "-B".into(), folder.join("main.py")])
}
