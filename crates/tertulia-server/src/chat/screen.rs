//! Live replies on a terminal: what is thought and done in dim lines, the answer as it comes.

use serde_json::Value;
use tertulia::stream::{Event, EventKind};

/// The most characters of what a tool is given or gives.
const MAX_LINE: usize = 200;

/// Something that a reader of live replies sees.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    Event(Event),
    /// What was said so far is said anew.
    Reset,
    /// The live reply is over.
    End,
    /// The message with this id is answered.
    Answered(String),
}

/// What is on the terminal.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// Whether it shows colours.
    colour: bool,
    /// What the last thing on it was.
    last: Last,
    /// The text of the live reply that is being shown.
    said: String,
    /// The texts of those that were shown and that nobody has asked about.
    shown: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    /// A whole line.
    #[default]
    Line,
    Thinking,
    Text,
}

impl Screen {
    pub(super) fn new(colour: bool) -> Self {
        Self { colour, ..Self::default() }
    }

    /// What to print next.
    pub(super) fn show(&mut self, seen: &Seen) -> String {
        match seen {
            Seen::Event(event) => self.event(event),
            Seen::Reset if self.said.is_empty() && self.last == Last::Line => String::new(),
            Seen::Reset => {
                self.said.clear();
                self.line("said anew:")
            }
            Seen::End => {
                let said = std::mem::take(&mut self.said);
                self.shown.push(said);
                self.go(Last::Line)
            }
            Seen::Answered(_) => String::new(),
        }
    }

    /// Those of the replies to a message that were not shown yet.
    pub(super) fn rest(&mut self, replies: Vec<String>) -> Vec<String> {
        let mut shown = std::mem::take(&mut self.shown);
        let is_new = |reply: &String| match shown.iter().position(|said| said == reply) {
            Some(place) => {
                shown.remove(place);
                false
            }
            None => true,
        };
        replies.into_iter().filter(is_new).collect()
    }

    fn event(&mut self, event: &Event) -> String {
        let data = |name: &str| event.data.get(name).unwrap_or(&Value::Null);
        match event.kind {
            EventKind::Content => {
                self.said.push_str(&event.content);
                self.go(Last::Text) + &event.content
            }
            EventKind::Thinking => self.go(Last::Thinking) + &self.dim(&event.content),
            EventKind::ToolCall if event.data.contains_key("error") => {
                self.line(&format!("* {}: {}", word(data("name")), word(data("error"))))
            }
            EventKind::ToolCall => self.line(&format!("* {} {}", word(data("name")), word(data("input")))),
            EventKind::ToolResult if event.data.contains_key("denied") => self.line("  denied"),
            EventKind::ToolResult if event.data.contains_key("error") => {
                self.line(&format!("  failed: {}", word(data("error"))))
            }
            EventKind::ToolResult => self.line(&format!("  {}", word(data("output")))),
            EventKind::References => {
                let sources = data("sources").as_array().into_iter().flatten();
                let named = |source: &Value| {
                    let place = [&source["url"], &source["filename"], &source["title"]];
                    place.into_iter().find(|place| place.is_string()).map(word)
                };
                let places: Vec<_> = sources.filter_map(named).collect();
                self.line(&format!("  see {}", places.join(", ")))
            }
            EventKind::Error => self.line(&format!("! {}", event.content)),
            _ => String::new(),
        }
    }

    /// A dim line of its own.
    fn line(&mut self, text: &str) -> String {
        self.go(Last::Line) + &self.dim(text) + "\n"
    }

    /// Goes on with something, on a line of its own if it is something else.
    fn go(&mut self, to: Last) -> String {
        let breaks = self.last != Last::Line && self.last != to;
        self.last = to;
        if breaks { "\n".to_owned() } else { String::new() }
    }

    fn dim(&self, text: &str) -> String {
        match self.colour && !text.is_empty() {
            true => format!("\u{1b}[2m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

/// A value in a few words.
fn word(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut short: String = text.chars().take(MAX_LINE).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(screen: &mut Screen, seen: &[Seen]) -> String {
        seen.iter().map(|seen| screen.show(seen)).collect()
    }

    #[test]
    fn an_answer_is_shown_as_it_comes_and_not_again() {
        let mut screen = Screen::new(false);
        let seen = [
            Event::thinking("Let me"),
            Event::thinking(" see."),
            Event::tool_input("c", "sum", "{}"),
            Event::tool_call("c", "sum", json!({ "a": 1 })),
            Event::tool_result("c", json!(7)),
            Event::references(vec![json!({ "filename": "docs/a.md", "title": "A" })]),
            Event::step(),
            Event::content("It is"),
            Event::content(" 7."),
        ];
        let seen: Vec<_> = seen.into_iter().map(Seen::Event).chain([Seen::End]).collect();
        assert_eq!(
            shown(&mut screen, &seen),
            "Let me see.\n* sum {\"a\":1}\n  7\n  see docs/a.md\nIt is 7.\n"
        );
        let replies = ["It is 7.", "More?", "It is 7."].map(str::to_owned).to_vec();
        assert_eq!(screen.rest(replies), ["More?", "It is 7."]);
        assert_eq!(screen.rest(vec!["It is 7.".into()]), ["It is 7."], "another message's");
    }

    #[test]
    fn what_is_said_anew_begins_a_line_and_counts_alone() {
        let mut screen = Screen::new(true);
        let content = |text: &str| Seen::Event(Event::content(text));
        let seen = [Seen::Reset, content("lost"), Seen::Reset, content("whole"), Seen::End];
        assert_eq!(shown(&mut screen, &seen), "lost\n\u{1b}[2msaid anew:\u{1b}[0m\nwhole\n");
        assert!(screen.rest(vec!["whole".into()]).is_empty());
    }
}
