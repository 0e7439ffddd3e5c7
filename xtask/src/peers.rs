//! Installs the programs from elsewhere that the tests talk to.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::{Failed, run};

/// Installs the npm packages of `xtask/npm` below `target`, and gives their `node_modules`.
pub(crate) fn install() -> Result<PathBuf, Failed> {
    for tool in ["node", "npm"] {
        if !is_there(tool) {
            apt_get(tool)?;
        }
    }
    let folder = root().join("target/peers");
    std::fs::create_dir_all(&folder).map_err(|error| Failed(format!("{}: {error}", folder.display())))?;
    let mut stale = false;
    for file in ["package.json", "package-lock.json"] {
        stale |= copy(&root().join("xtask/npm").join(file), &folder.join(file))?;
    }
    if stale || !folder.join("node_modules/.package-lock.json").exists() {
        run(Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(&folder))?;
    }
    Ok(folder.join("node_modules"))
}

/// Copies a file unless the copy is the same; tells whether it did.
fn copy(from: &Path, to: &Path) -> Result<bool, Failed> {
    let failed = |error| Failed(format!("{}: {error}", from.display()));
    let wanted = std::fs::read(from).map_err(failed)?;
    if std::fs::read(to).is_ok_and(|present| present == wanted) {
        return Ok(false);
    }
    std::fs::write(to, wanted).map_err(failed)?;
    Ok(true)
}

/// Node and npm have the same names as their packages, but for `node`.
fn apt_get(tool: &str) -> Result<(), Failed> {
    let package = if tool == "node" { "nodejs" } else { tool };
    println!("{tool} is missing, installing Debian's {package}");
    let apt = |arguments: &[&str]| {
        run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-q"]).and_then(|()| apt(&["install", "-q", "-y", package])).map_err(|Failed(error)| {
        Failed(format!("{tool} is needed: install it by hand, or run as root ({error})"))
    })
}

fn is_there(tool: &str) -> bool {
    let version = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the project").to_owned()
}
