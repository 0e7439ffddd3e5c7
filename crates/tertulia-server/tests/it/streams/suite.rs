//! The suite that Durable Streams has for servers, run against the real one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{LONG_POLL_MS, installed, serve};
use crate::support::Folder;

/// What there is outside subscriptions, in the version that `conformance/package-lock.json` names.
const TESTS: u64 = 332;
/// The tests of subscriptions, which are skipped.
const SKIPPED: u64 = 6;

#[test]
fn the_suite_passes_in_memory() {
    passes("in memory", "memory:");
}

#[test]
fn the_suite_passes_on_sqlite() {
    passes("on SQLite", "sqlite:suite.db");
}

#[test]
fn the_suite_passes_on_redis() {
    let redis = tertulia_testkit::servers::Server::redis();
    passes("on Redis", &format!("redis://127.0.0.1:{}", redis.port()));
}

#[test]
fn the_suite_passes_on_postgres() {
    let postgres = tertulia_testkit::servers::Server::postgres();
    passes("on PostgreSQL", &postgres.postgres_url());
}

fn passes(place: &str, storage: &str) {
    let Some(packages) = installed() else { return };
    let folder = Folder::new();
    let server = serve(&folder, storage);
    let (report, took) = run(&packages, &folder.path().join("report.json"), &server.url);
    let count = |field: &str| report[field].as_u64().unwrap();
    let [passed, failed, skipped] = ["numPassedTests", "numFailedTests", "numPendingTests"].map(count);
    println!(
        "Durable Streams' suite {place}: {passed} passed, {failed} failed, {skipped} skipped, {took:.1?}"
    );
    assert_eq!((passed, failed, skipped), (TESTS, 0, SKIPPED), "{}", failures(&report));
}

/// Runs the suite against the server; gives vitest's report, and how long the suite took.
fn run(packages: &Path, report: &Path, url: &str) -> (Value, Duration) {
    let mut vitest = Command::new("node");
    vitest.current_dir(packages).args(["node_modules/vitest/vitest.mjs", "run", "suite.test.mjs"]);
    vitest.args(["--reporter=json", "--outputFile"]).arg(report);
    vitest.env("CONFORMANCE_TEST_URL", url).env("CONFORMANCE_LONG_POLL_MS", LONG_POLL_MS);
    let output = vitest.stdin(Stdio::null()).output().unwrap();
    let report = std::fs::read_to_string(report).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let report: Value = serde_json::from_str(&report).unwrap();
    let file = &report["testResults"][0];
    let [start, end] = ["startTime", "endTime"].map(|time| file[time].as_f64().unwrap());
    (report, Duration::from_secs_f64((end - start) / 1e3))
}

/// The names of the tests that failed, with the first line of why.
fn failures(report: &Value) -> String {
    let file = &report["testResults"][0];
    let tests = file["assertionResults"].as_array().unwrap();
    let failed = tests.iter().filter(|test| test["status"] == "failed").map(|test| {
        let why = test["failureMessages"][0].as_str().unwrap_or_default();
        format!("\n- {}: {}", test["fullName"].as_str().unwrap(), why.lines().next().unwrap_or_default())
    });
    failed.collect::<String>() + file["message"].as_str().unwrap_or_default()
}
