//! Numbered lines in as few messages as fit.

/// The most characters of a message, below what Telegram takes.
const MAX_CHARS: usize = 3_500;
/// The most messages for one request; the last lines win.
const MAX_PAGES: usize = 10;

/// Writes the lines, numbered from `first`.
pub(super) fn pages(lines: &[String], first: usize) -> Vec<String> {
    let mut pages = Vec::new();
    let mut page = String::new();
    let mut chars = 0;
    for (number, line) in (first..).zip(lines) {
        let line = format!("{number}. {line}");
        let length = line.chars().count();
        if chars > 0 && chars + 1 + length > MAX_CHARS {
            pages.push(std::mem::take(&mut page));
            chars = 0;
        }
        if chars > 0 {
            page.push('\n');
            chars += 1;
        }
        page.push_str(&line);
        chars += length;
    }
    pages.push(page);
    let left_out = pages.len().saturating_sub(MAX_PAGES);
    pages.split_off(left_out)
}
