//! The results as a bar chart that reads well on light and on dark pages.

use std::fmt::Write as _;

use crate::number::{decimal, grouped};
use crate::peer::OURS;
use crate::results::Results;
use crate::summary::Summary;

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 20.0;
/// Where bars begin, right of the peers' names.
const BARS: f64 = 180.0;
/// The longest bar; its figures stand right of it.
const LONGEST: f64 = 460.0;
const ROW: f64 = 26.0;
const TITLE: f64 = 54.0;
const HEAD: f64 = 58.0;

const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .head { font-weight: 600; font-size: 15px } .title { font-weight: 600 } .soft { fill: #57606a }
  .page { fill: #ffffff } .bar { fill: #8c959f } .ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .soft { fill: #9198a1 } .page { fill: #0d1117 }
    .bar { fill: #6e7681 } .ours { fill: #4493f8 }
  }";

/// The chart as SVG: CPU for an update, a group of bars for each case, each group with a scale of its own.
pub(crate) fn render(results: &Results) -> String {
    let rows: usize = results.cases.iter().map(|case| case.peers.len()).sum();
    let height = HEAD + results.cases.len() as f64 * TITLE + rows as f64 * ROW + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"CPU time for an update, by peer\">\n\
         <style>{STYLE}\n</style>\n<rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n"
    );
    text(&mut svg, MARGIN, 28.0, "head", "CPU for an update: shorter is better");
    let quick = if results.quick { ", quick run: not to be quoted" } else { "" };
    let machine = &results.machine;
    let below = format!("{} cores, {}; medians of {}{quick}", machine.cores, machine.cpu, results.rounds);
    text(&mut svg, MARGIN, 47.0, "soft", &below);
    let mut top = HEAD;
    for case in &results.cases {
        group(&mut svg, &mut top, case);
    }
    svg.push_str("</svg>\n");
    svg
}

/// One case: its title, then a bar for each peer.
fn group(svg: &mut String, top: &mut f64, case: &Summary) {
    let (updates, chats) = (grouped(case.updates as f64), grouped(case.chats as f64));
    let title = format!("{}: {}; {updates} updates, {chats} chats", case.case, case.title);
    text(svg, MARGIN, *top + TITLE - 16.0, "title", &title);
    *top += TITLE;
    let most = case.peers.iter().map(|peer| peer.cpu_us_per_update.median).fold(0.0, f64::max);
    for peer in &case.peers {
        let cpu = peer.cpu_us_per_update.median;
        // A bar too short to be seen is drawn one pixel wide.
        let length = if most > 0.0 { (LONGEST * cpu / most).max(1.0) } else { 1.0 };
        let is_ours = peer.family == OURS || peer.peer.starts_with("tertulia");
        let class = if is_ours { "ours" } else { "bar" };
        text(svg, MARGIN, *top + 15.0, "", peer.peer);
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{BARS}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" rx=\"2\"/>",
            *top,
            ROW - 6.0
        );
        let figures = format!("{} us, {}/s", decimal(cpu), grouped(peer.updates_per_second.median));
        text(svg, BARS + length + 8.0, *top + 15.0, "soft", &figures);
        *top += ROW;
    }
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{content}</text>");
}
