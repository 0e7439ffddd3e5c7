//! The project's own commands. `cargo xtask test` runs everything that has to pass; `cargo xtask bench` measures.

mod peers;
mod programs;
mod step;

use std::process::ExitCode;

use programs::Programs;
use step::{Failed, Plan};

const USAGE: &str = "\
cargo xtask <command>

  test     install what the tests need, then run everything that has to pass:
           format, lints, tests, examples beside other frameworks, docs
  bench    measure side by side with peers (minutes; see bench/README.md);
           what follows is given to the benchmark, such as --quick

Both show their progress. Test servers are private: on free ports, in temporary
folders, and stopped at the end.";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let outcome = match command.as_deref() {
        Some("test") => test(),
        Some("bench") => bench(&arguments.collect::<Vec<_>>()),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("xtask: {} is not a command\n\n{USAGE}", other.unwrap_or("nothing"));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(step)) => {
            eprintln!("\nxtask: failed: {step}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Result<(), Failed> {
    let mut plan = Plan::new(11);
    plan.step("format", &["cargo", "fmt", "--all", "--check"])?;
    let peers = plan.run("install the peers that tests talk to", peers::install)?;
    plan.step("lints", &["cargo", "clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    let environment = [
        ("TERTULIA_TELEGRAM_TEST_API", peers.packages.as_os_str()),
        ("TERTULIA_TYPESCRIPT", peers.packages.as_os_str()),
        ("TERTULIA_TORTURE_GRAMMY", peers.torture_grammy.as_os_str()),
        ("TERTULIA_AI_SDK", peers.ai_sdk.as_os_str()),
    ];
    let programs = plan.run("build the tests", Programs::build)?;
    plan.run("tests", || programs.run(&environment))?;
    plan.step("examples in the docs", &["cargo", "test", "--workspace", "--doc"])?;
    let (server, redis) = (programs.of("tertulia-server")?, programs.of("tertulia-redis")?);
    let apart = ["--nocapture", "--test-threads=1"];
    // Apart from the other tests, and one after the other: the suite has tests of times to live.
    plan.run("Durable Streams' suite, and clients that are cut", || {
        let environment = [("TERTULIA_CONFORMANCE", peers.conformance.as_os_str())];
        server.run(&[&["streams::"][..], &apart].concat(), &environment)
    })?;
    // Apart too: a browser and its pages share the processor with nobody else.
    plan.run("the page in Chromium", || {
        let environment = [("TERTULIA_BROWSER", peers.browser.as_os_str())];
        server.run(&[&["browser::"][..], &apart].concat(), &environment)
    })?;
    // One server of it: what a cluster promises is tested on Redis.
    plan.run("the storage in Redis on Valkey", || {
        let environment = [("TERTULIA_VALKEY", peers.valkey.as_os_str())];
        redis.run(&["--skip", "conformance::cluster"], &environment)
    })?;
    let beside = ["cargo", "test", "--manifest-path", "bench/Cargo.toml", "-p", "peer-examples"];
    plan.step("examples beside axum and teloxide", &beside)?;
    let strict = [("RUSTDOCFLAGS", "-D warnings".as_ref())];
    plan.step_with("docs", &["cargo", "doc", "--workspace", "--lib", "--no-deps"], &strict)?;
    plan.done();
    Ok(())
}

fn bench(arguments: &[String]) -> Result<(), Failed> {
    let mut command =
        vec!["cargo", "run", "--release", "--manifest-path", "bench/Cargo.toml", "--bin", "bench", "--"];
    command.extend(arguments.iter().map(String::as_str));
    Plan::new(1).step("bench", &command)
}
