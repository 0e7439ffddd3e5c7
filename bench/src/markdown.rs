//! The results of sessions, streams, graphs and storages as tables for a page; CPU first, but for graphs.

use std::fmt::Write as _;

use crate::case::Group;
use crate::number::{decimal, grouped};
use crate::results::Results;
use crate::summary::{Spread, Standing, Summary};

/// A column: its head, and a peer's figure in it, if it has one.
type Column = (&'static str, fn(&Summary, &Standing) -> Option<String>);

const COLUMNS: &[Column] = &[
    ("batches a second", |case, peer| {
        case.is_of(Group::Storages).then(|| with_range(peer.updates_per_second))
    }),
    ("steps a second", |case, peer| case.is_of(Group::Graphs).then(|| with_range(peer.updates_per_second))),
    ("reference has", |case, peer| {
        (case.is_of(Group::Graphs) || case.is_of(Group::Storages)).then(|| rate(case, peer))
    }),
    ("CPU us", |_, peer| Some(with_range(peer.cpu_us_per_update))),
    ("CPU is", |case, peer| Some(ratio(case, peer))),
    ("server's CPU us", |_, peer| peer.extra("server_cpu_us").map(with_range)),
    ("bytes to the storage", |_, peer| peer.extra("value_bytes").map(|spread| grouped(spread.median))),
    ("bytes written to files", |_, peer| peer.written_bytes_per_update.map(|spread| grouped(spread.median))),
    ("writes, sessions not stored", |_, peer| {
        peer.extra("writes_for_new").map(|spread| grouped(spread.median))
    }),
    ("writes, sessions stored", |_, peer| {
        peer.extra("writes_for_stored").map(|spread| grouped(spread.median))
    }),
    ("writes, set as they are", |_, peer| peer.extra("writes_for_no_change").map(|s| grouped(s.median))),
    ("a second", |case, peer| case.is_of(Group::Streams).then(|| with_range(peer.updates_per_second))),
    ("first steps a second", |_, peer| peer.extra("first_per_second").map(|s| grouped(s.median))),
    ("last steps a second", |_, peer| peer.extra("last_per_second").map(|s| grouped(s.median))),
    ("file, MB", |_, peer| peer.extra("file_mb").map(|spread| decimal(spread.median))),
    ("load, ms", |_, peer| peer.extra("load_ms").map(with_range)),
    ("MB a second", |_, peer| peer.extra("mb_per_second").map(|spread| grouped(spread.median))),
    ("p50 ms", |_, peer| peer.extra("p50_ms").map(with_range)),
    ("p99 ms", |_, peer| peer.extra("p99_ms").map(with_range)),
    ("idle commands a second", |_, peer| peer.extra("idle_per_second").map(with_range)),
    ("requests a second", |_, peer| peer.extra("posts_per_second").map(|spread| grouped(spread.median))),
    ("p50 us", |_, peer| peer.extra("p50_us").map(with_range)),
    ("p99 us", |_, peer| peer.extra("p99_us").map(with_range)),
    ("allocations", |_, peer| peer.extra("allocations").map(|spread| decimal(spread.median))),
    ("bytes an event", |_, peer| peer.extra("bytes_per_event").map(|spread| grouped(spread.median))),
    ("peak of memory, MB", |_, peer| peer.extra("rss_mb").map(|spread| decimal(spread.median))),
    ("updates lost", |_, peer| peer.extra("lost").map(|spread| grouped(spread.median))),
];

/// The results as Markdown.
pub(crate) fn render(results: &Results) -> String {
    let machine = &results.machine;
    let load = machine.load.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
    let mut text = format!(
        "{} cores, {}, {}; medians of {} [smallest to largest], load at the start {load}.\n",
        machine.cores, machine.cpu, machine.os, results.rounds
    );
    if results.quick {
        text.push_str("Quick: a tenth of the updates, not to be quoted.\n");
    }
    for summary in &results.cases {
        case(&mut text, summary);
    }
    for out in &results.left_out {
        let _ = writeln!(text, "\nLeft out: {}: {}", out.peers.join(", "), out.why);
    }
    for failure in &results.failures {
        let _ = writeln!(text, "\nFailed: {} in {}: {}", failure.peer, failure.case, failure.why);
    }
    text
}

fn case(text: &mut String, summary: &Summary) {
    let has = |(_, figure): &&Column| summary.peers.iter().any(|peer| figure(summary, peer).is_some());
    let columns: Vec<&Column> = COLUMNS.iter().filter(has).collect();
    let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    let (name, title, updates) = (summary.case, summary.title, grouped(summary.updates as f64));
    let _ = writeln!(text, "\n| {name}: {title}; {updates} times | {} |", heads.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(columns.len()));
    for peer in &summary.peers {
        // What hands over values as they are has no bytes to show.
        let figure = |(_, figure): &&Column| figure(summary, peer).unwrap_or_else(|| "-".to_owned());
        let figures: Vec<String> = columns.iter().map(figure).collect();
        let _ = writeln!(text, "| {} | {} |", peer.peer, figures.join(" | "));
    }
    for aim in &summary.aims {
        let met = if aim.met { "reached" } else { "missed" };
        let _ = writeln!(text, "\nAim: {}: {met}, {}.", aim.aim, decimal(aim.reached));
    }
}

fn with_range(spread: Spread) -> String {
    format!("{} [{} - {}]", decimal(spread.median), decimal(spread.min), decimal(spread.max))
}

/// How many times a peer's rate the reference's is.
fn rate(case: &Summary, peer: &Standing) -> String {
    if peer.peer == case.reference { String::new() } else { format!("1 / {}", decimal(peer.reference_rate)) }
}

fn ratio(case: &Summary, peer: &Standing) -> String {
    if peer.peer == case.reference {
        String::new()
    } else {
        format!("{} x", decimal(peer.cpu_over_reference))
    }
}
