//! The lists of cases leave none out.

/// The files of cases, beside the names of their groups.
const STORAGE: [(&str, &str); 11] = [
    ("batch", include_str!("../../src/conformance/batch.rs")),
    ("changed", include_str!("../../src/conformance/changed.rs")),
    ("concurrency", include_str!("../../src/conformance/concurrency.rs")),
    ("durable", include_str!("../../src/conformance/durable.rs")),
    ("expiry", include_str!("../../src/conformance/expiry.rs")),
    ("limits", include_str!("../../src/conformance/limits.rs")),
    ("list", include_str!("../../src/conformance/list.rs")),
    ("log", include_str!("../../src/conformance/log.rs")),
    ("queue", include_str!("../../src/conformance/queue.rs")),
    ("read", include_str!("../../src/conformance/read.rs")),
    ("seen", include_str!("../../src/conformance/seen.rs")),
];

/// The same of sessions.
const SESSIONS: [(&str, &str); 11] = [
    ("deletion", include_str!("../../src/sessions/deletion.rs")),
    ("expiry", include_str!("../../src/sessions/expiry.rs")),
    ("logs", include_str!("../../src/sessions/logs.rs")),
    ("migrations", include_str!("../../src/sessions/migrations.rs")),
    ("processes", include_str!("../../src/sessions/processes.rs")),
    ("reads", include_str!("../../src/sessions/reads.rs")),
    ("restart", include_str!("../../src/sessions/restart.rs")),
    ("several", include_str!("../../src/sessions/several.rs")),
    ("styles", include_str!("../../src/sessions/styles.rs")),
    ("undone", include_str!("../../src/sessions/undone.rs")),
    ("writers", include_str!("../../src/sessions/writers.rs")),
];

/// The same of runs of graphs.
const GRAPHS: [(&str, &str); 15] = [
    ("branches", include_str!("../../src/graphs/branches.rs")),
    ("cancelled", include_str!("../../src/graphs/cancelled.rs")),
    ("crashes", include_str!("../../src/graphs/crashes.rs")),
    ("deletion", include_str!("../../src/graphs/deletion.rs")),
    ("expiry", include_str!("../../src/graphs/expiry.rs")),
    ("failures", include_str!("../../src/graphs/failures.rs")),
    ("history", include_str!("../../src/graphs/history.rs")),
    ("hooks", include_str!("../../src/graphs/hooks.rs")),
    ("queued", include_str!("../../src/graphs/queued.rs")),
    ("random", include_str!("../../src/graphs/random.rs")),
    ("said", include_str!("../../src/graphs/said.rs")),
    ("steps", include_str!("../../src/graphs/steps.rs")),
    ("undeclared", include_str!("../../src/graphs/undeclared.rs")),
    ("waiting", include_str!("../../src/graphs/waiting.rs")),
    ("writers", include_str!("../../src/graphs/writers.rs")),
];

/// The same of the runner.
const RUNNER: [(&str, &str); 6] = [
    ("batch", include_str!("../../src/runner/batch.rs")),
    ("calls", include_str!("../../src/runner/calls.rs")),
    ("dead", include_str!("../../src/runner/dead.rs")),
    ("inbox", include_str!("../../src/runner/inbox.rs")),
    ("several", include_str!("../../src/runner/several.rs")),
    ("stopping", include_str!("../../src/runner/stopping.rs")),
];

/// The same of turns.
const TURNS: [(&str, &str); 9] = [
    ("answers", include_str!("../../src/turns/answers.rs")),
    ("asking", include_str!("../../src/turns/asking.rs")),
    ("graphs", include_str!("../../src/turns/graphs.rs")),
    ("lives", include_str!("../../src/turns/lives.rs")),
    ("messages", include_str!("../../src/turns/messages.rs")),
    ("once", include_str!("../../src/turns/once.rs")),
    ("passing", include_str!("../../src/turns/passing.rs")),
    ("processes", include_str!("../../src/turns/processes.rs")),
    ("sessions", include_str!("../../src/turns/sessions.rs")),
];

fn assert_listed(list: &str, files: &[(&str, &str)]) {
    for (group, text) in files {
        let (_, after) = list.split_once(&format!(" {group} by ")).expect("the group is listed");
        let (listed, _) = after.split_once('}').expect("the group's list ends");
        let listed: Vec<&str> = listed.split_whitespace().skip(2).collect();
        let cases: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn "))
            .filter_map(|line| line.split('(').next())
            .collect();
        assert_eq!(listed, cases, "{group}");
    }
}

#[test]
fn every_case_is_listed_under_its_group() {
    assert_listed(include_str!("../../src/conformance/listed.rs"), &STORAGE);
    assert_listed(include_str!("../../src/sessions/listed.rs"), &SESSIONS);
    assert_listed(include_str!("../../src/graphs/listed.rs"), &GRAPHS);
    assert_listed(include_str!("../../src/runner/listed.rs"), &RUNNER);
    assert_listed(include_str!("../../src/turns/listed.rs"), &TURNS);
}
