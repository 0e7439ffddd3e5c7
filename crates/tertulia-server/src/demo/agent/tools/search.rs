//! Searches the documentation, slowly: file by file, saying how far it is.

mod rank;

use serde_json::{Value, json};
use tertulia::bot;
use tertulia::stream::Event;

use self::rank::{Ranked, words};
use super::docs::{FILES, Section, sections};
use super::{Calling, Done};

/// How long a file takes, in tokens.
const FILE_TAKES: u32 = 8;
/// How many sections it gives.
const GIVEN: usize = 3;
/// The most characters that it gives of one.
const MAX_TEXT: usize = 500;

/// What was found, as JSON, and as references.
///
/// # Errors
/// What recording and saying give.
pub(super) async fn search(at: &Calling<'_>, id: &str, query: &str) -> bot::Result<Done> {
    let (clock, pace) = (at.ctx.turn().clock(), at.agent.pace);
    let look = async {
        for (number, (file, _)) in (1..).zip(FILES) {
            clock.sleep(pace * FILE_TAKES).await;
            let progress = json!({ "file": file, "searched": number, "of": FILES.len() });
            at.step.emit(Event::tool_result(id, progress).with("preliminary", true)).await?;
        }
        Ok(found(query))
    };
    let output: Value = at.ctx.once(at.once, look).await?;
    let sources = output["found"].as_array().into_iter().flatten().map(source).collect();
    Ok(Done { sources, ..Done::of(output) })
}

/// A section as a reference.
fn source(found: &Value) -> Value {
    json!({
        "id": found["id"],
        "title": found["title"],
        "media_type": "text/markdown",
        "filename": found["file"],
    })
}

/// The best sections for these words.
fn found(query: &str) -> Value {
    let sections: Vec<Section> = FILES.iter().flat_map(|(file, text)| sections(file, text)).collect();
    let ranked = Ranked::new(sections.iter().map(|section| {
        // The headings say what a section is about.
        let heading = words(section.title).chain(words(section.of));
        heading.flat_map(|word| [word.clone(), word]).chain(words(section.text)).collect()
    }));
    let mut best = ranked.best(query, GIVEN);
    if best.is_empty() && query.to_lowercase().contains("tertulia") {
        // Asked about all of it: how README begins.
        best.push(0);
    }
    let found: Vec<Value> = best
        .into_iter()
        .map(|index| {
            let Section { file, of, title, text } = sections[index];
            let title = if of == title { of.to_owned() } else { format!("{of}, {title}") };
            let id = format!("{file}#{}", anchor(sections[index].title));
            json!({ "id": id, "file": file, "title": title, "text": excerpt(text, query) })
        })
        .collect();
    json!({ "query": query, "found": found })
}

/// A heading as a link has it.
fn anchor(title: &str) -> String {
    let kept = title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect();
    <String as AsRef<str>>::as_ref(&kept).replace(' ', "-")
}

/// The paragraph of a section that has most of the words, cut where it is long.
fn excerpt(text: &str, query: &str) -> String {
    let wanted: Vec<String> = words(query).collect();
    let has = |paragraph: &str| words(paragraph).filter(|word| wanted.contains(word)).count();
    let mut fenced = false;
    let prose: Vec<_> = text
        .lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        })
        .collect();
    let prose = prose.join("\n");
    let mut paragraphs = prose.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    let first = paragraphs.next().unwrap_or_default();
    let best = paragraphs.fold((first, has(first)), |best, paragraph| match has(paragraph) {
        count if count > best.1 => (paragraph, count),
        _ => best,
    });
    let lines: Vec<_> = best.0.trim().lines().map(str::trim).collect();
    let joined = if lines.iter().any(|line| line.starts_with(['|', '-'])) {
        lines.join("\n")
    } else {
        lines.join(" ")
    };
    let mut excerpt: String = joined.chars().take(MAX_TEXT).collect();
    if excerpt.len() < joined.len() {
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(query: &str) -> Vec<String> {
        let found = found(query);
        let titles = found["found"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["title"].as_str().unwrap().to_owned());
        titles.collect()
    }

    #[test]
    fn the_section_that_is_about_the_words_comes_first() {
        for (query, first) in [
            ("bursts", "Turns, Bursts"),
            ("How do I stop a turn?", "Turns, Stop"),
            ("what survives kill -9 and power loss", "Tertulia, What survives what"),
            ("What is Tertulia?", "Tertulia"),
            ("EventSource long-poll SSE", "Streams, Over HTTP"),
        ] {
            assert_eq!(titles(query).first().map(String::as_str), Some(first), "{query}");
        }
        assert!(
            titles("xylophone zebra").is_empty() && titles("the of and").is_empty() && titles("").is_empty()
        );
    }

    #[test]
    fn an_excerpt_is_the_paragraph_with_the_words_and_not_endless() {
        let text = "First of all.\n\n```rust\nbread and\n\nmilk\n```\n\nThere is bread\nand milk.\n\nNo.";
        assert_eq!(excerpt(text, "milk bread"), "There is bread and milk.");
        assert_eq!(excerpt(&"word ".repeat(1_000), "word").chars().count(), MAX_TEXT + 1);
    }
}
