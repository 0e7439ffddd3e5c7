use super::request::Request;
use super::*;

fn one(demo: &mut Demo, text: &str) -> String {
    let mut replies = demo.answer(text);
    assert_eq!(replies.len(), 1, "{replies:?}");
    replies.remove(0)
}

#[test]
fn it_remembers_a_name_in_any_case_and_with_any_spaces() {
    let mut demo = Demo::default();
    assert!(one(&mut demo, "what is my name").contains("do not know"));
    assert_eq!(one(&mut demo, "  My  NAME is  Ana María "), "Nice to meet you, Ana María.");
    assert_eq!(one(&mut demo, "What is my name?"), "Your name is Ana María.");
    assert_eq!(one(&mut demo, "what's my name ?"), "Your name is Ana María.");
}

#[test]
fn it_keeps_notes_in_order() {
    let mut demo = Demo::default();
    assert_eq!(one(&mut demo, "notes"), "There are no notes yet.");
    assert_eq!(one(&mut demo, "note buy bread"), "Noted, number 1.");
    assert_eq!(one(&mut demo, "/note@demo_bot Two\nlines"), "Noted, number 2.");
    assert_eq!(one(&mut demo, "NOTES"), "1. buy bread\n2. Two\nlines");
    assert!(one(&mut demo, "note").starts_with("Note what?"));
}

#[test]
fn it_counts_and_shows_the_last_messages_under_their_numbers() {
    let mut demo = Demo::default();
    assert_eq!(one(&mut demo, "count"), "1 message, this one.");
    assert_eq!(one(&mut demo, "history"), "1. count\n2. history");
    for _ in 0..1_005 {
        demo.answer("hello");
    }
    let history = one(&mut demo, "history");
    assert_eq!(history.lines().count(), SHOWN);
    assert_eq!(history.lines().last(), Some("1008. history"));
}

#[test]
fn it_knows_a_yes_and_a_stop_when_it_hears_one() {
    for yes in ["yes", " Yes. ", "y", "sí", "YES!"] {
        assert!(is_yes(yes), "{yes:?}");
    }
    for no in ["no", "", "yes please not", "yesterday"] {
        assert!(!is_yes(no), "{no:?}");
    }
    for stop in ["stop", "/stop", " /Stop@demo_bot ", "STOP"] {
        assert!(is_stop(stop), "{stop:?}");
    }
    for other in ["stop it", "", "/", "nonstop"] {
        assert!(!is_stop(other), "{other:?}");
    }
}

#[test]
fn anything_else_is_not_answered_here() {
    for text in
        ["", "hello", "/start", "/help", "notes please", "my name is", "forget it", "/", "what", "think"]
    {
        assert_eq!(Request::read(text), Request::Other, "{text:?}");
        assert!(Demo::default().answer(text).is_empty(), "{text:?}");
    }
    assert_eq!(Request::read("/notes please"), Request::Notes);
    assert_eq!(Request::read("/forget"), Request::Forget);
}

#[test]
fn long_texts_are_refused_or_cut_and_long_lists_are_split() {
    let mut demo = Demo::default();
    assert!(one(&mut demo, &format!("my name is {}", "é".repeat(MAX_NAME + 1))).contains("too long"));
    assert!(one(&mut demo, &format!("note {}", "é".repeat(MAX_NOTE + 1))).contains("too long"));
    let kept = demo.history.back().unwrap();
    assert!(kept.chars().count() == MAX_LINE + 1 && kept.ends_with("é…"), "{kept}");
    for _ in 0..MAX_NOTES {
        one(&mut demo, &format!("note {}", "é".repeat(MAX_NOTE)));
    }
    assert!(one(&mut demo, "note x").contains("up to 1000 notes"));
    let notes = demo.answer("notes");
    assert_eq!(notes.len(), 10);
    assert!(notes.iter().all(|page| page.chars().count() <= 3_500));
    assert!(notes.last().is_some_and(|page| page.starts_with("1000. ")));
}
