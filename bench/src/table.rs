//! The results as text, a table for each case.

use std::fmt::Write as _;

use crate::number::{decimal, grouped};
use crate::results::Results;
use crate::summary::{Spread, Standing, Summary};

/// The results as a terminal shows them.
pub(crate) fn render(results: &Results) -> String {
    let mut text = String::new();
    let machine = &results.machine;
    line(&mut text, format_args!("{} cores, {}, {}", machine.cores, machine.cpu, machine.os));
    let load = machine.load.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
    line(&mut text, format_args!("medians of {} [min - max], load at the start {load}", results.rounds));
    if results.quick {
        line(&mut text, format_args!("quick: a tenth of the updates, not to be quoted"));
    }
    for summary in &results.cases {
        case(&mut text, summary);
    }
    if !results.left_out.is_empty() || !results.failures.is_empty() {
        text.push('\n');
    }
    for out in &results.left_out {
        line(&mut text, format_args!("left out: {}: {}", out.peers.join(", "), out.why));
    }
    for failure in &results.failures {
        line(&mut text, format_args!("failed: {} in {}: {}", failure.peer, failure.case, failure.why));
    }
    text
}

fn case(text: &mut String, summary: &Summary) {
    let (updates, chats) = (grouped(summary.updates as f64), grouped(summary.chats as f64));
    line(text, format_args!("\n{}: {}; {updates} updates, {chats} chats", summary.case, summary.title));
    let rate_ratio = format!("{} is", summary.reference);
    line(
        text,
        format_args!(
            "  {:<20}{:>12} {:<25}{:>10} {:<17}{:>10}{:>18}{:>12}",
            "", "updates/s", "", "CPU us", "", "written B", rate_ratio, "CPU is"
        ),
    );
    for standing in &summary.peers {
        row(text, standing);
    }
    for aim in &summary.aims {
        let met = if aim.met { "reached" } else { "missed" };
        line(text, format_args!("  aim: {}: {met}, {}", aim.aim, decimal(aim.reached)));
    }
}

fn row(text: &mut String, standing: &Standing) {
    let (rate, cpu) = (standing.updates_per_second, standing.cpu_us_per_update);
    let mark = if standing.best_of_family { " *" } else { "" };
    let written = standing.written_bytes_per_update.map_or_else(String::new, |bytes| grouped(bytes.median));
    line(
        text,
        format_args!(
            "  {:<20}{:>12} {:<25}{:>10} {:<17}{:>10}{:>18}{:>12}",
            format!("{}{mark}", standing.peer),
            grouped(rate.median),
            range(rate, grouped),
            decimal(cpu.median),
            range(cpu, decimal),
            written,
            format!("{} x", decimal(standing.reference_rate)),
            format!("{} x", decimal(standing.cpu_over_reference)),
        ),
    );
}

fn range(spread: Spread, number: fn(f64) -> String) -> String {
    format!("[{} - {}]", number(spread.min), number(spread.max))
}

/// Appends a line without blanks at its end. Writing to a string cannot fail.
fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let start = text.len();
    let _ = text.write_fmt(arguments);
    text.truncate(start.max(text.trim_end_matches(' ').len()));
    text.push('\n');
}
