//! Poison through the real binary: updates that fail, panic, hang or stop the process end dead, and no other does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::Folder;
use crate::torture::{judged, our_bot, torture_in};

/// What becomes of each kind: how often it is tried, and how the error that is kept begins.
fn expected(text: &str) -> (u64, &'static str) {
    match text.split(' ').next() {
        Some("/error") => (4, "poison"),
        Some("/panic") => (4, "the handler panicked: poison"),
        Some("/hang") => (4, "the handler was cancelled after 2"),
        Some("/abort") => (1, "the process stopped 3 times while this update ran alone"),
        _ => panic!("{text} is no poison"),
    }
}

/// Feeds the bot so much, and checks what it gave up; prints the judgement.
fn poisoned(chats: u32, updates: u32, poison: u32, rate: u32) -> Value {
    let (bot, folder) = (our_bot(), Folder::new());
    let numbers = [chats, updates, poison, rate].map(|number| number.to_string());
    let [chats_, updates_, poison_, rate_] = &numbers;
    let plan = ["--chats", chats_, "--updates", updates_, "--poison", poison_, "--rate", rate_];
    // One that hangs is tried four times, for 2 s each, and once more for each time that the process stops.
    let plan = [&plan[..], &["--kills", "0", "--quiet", "120", "--seed", "1"]].concat();
    let (code, report) = torture_in(&folder, &plan, &[bot.to_str().unwrap()], "");
    assert_eq!((code, judged(&report)), (Some(0), [0; 4]));
    assert_eq!((&report["poison"], &report["counted"]), (&json!(poison), &json!(updates + chats)));

    let listed = folder
        .run(&["--storage", "sqlite:kept/bot/bot.db", "dead", "list", "--json", "--limit", "1000"])
        .json();
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    let mut texts = BTreeSet::new();
    for letter in listed.as_array().unwrap() {
        let id = letter["id"].as_str().unwrap();
        let whole = folder.run(&["--storage", "sqlite:kept/bot/bot.db", "dead", "show", id]).json();
        let text = whole["body"]["message"]["text"].as_str().unwrap().to_owned();
        let (attempts, error) = expected(&text);
        assert_eq!(letter["attempts"], json!(attempts), "{letter}");
        assert!(letter["error"].as_str().unwrap().starts_with(error), "{letter}");
        *kinds.entry(text.split(' ').next().unwrap_or_default().to_owned()).or_default() += 1;
        texts.insert(text);
    }
    assert_eq!(texts.len(), poison as usize, "each of them once: {texts:?}");
    let each = ["/abort", "/error", "/hang", "/panic"].map(|kind| (kind.to_owned(), poison / 4));
    assert_eq!(kinds, BTreeMap::from(each));
    println!("{report}");
    report
}

#[test]
fn poison_ends_dead_within_its_budget_and_nothing_else_does() {
    let report = poisoned(100, 1_000, 8, 1_000);
    assert!(
        report["ended"].as_u64() >= Some(6),
        "each of two stopped the process three times alone: {report}"
    );
}

/// 20 of 10,000 conversations.
#[test]
#[ignore = "takes minutes; by hand, in a release build"]
fn twenty_poisons_among_ten_thousand_conversations() {
    poisoned(10_000, 50_000, 20, 2_000);
}
