//! The list of cases leaves none out.

/// The files of cases, beside the names of their groups.
const FILES: [(&str, &str); 10] = [
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

#[test]
fn every_case_is_listed_under_its_group() {
    let list = include_str!("../../src/conformance/listed.rs");
    for (group, text) in FILES {
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
