//! The lists of cases leave none out.

/// The files of cases, beside the names of their groups.
const STORAGE: [(&str, &str); 10] = [
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
}
