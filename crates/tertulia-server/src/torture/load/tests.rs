//! What is sent when, and when kills are due.

use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

fn load(arguments: &str) -> Load {
    let line = format!("tertulia torture {arguments} -- bot");
    match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
        Some(Command::Torture(options)) => Load::new(&options, 1),
        other => panic!("{other:?}"),
    }
}

/// Sends what is due at a second; gives how many updates and how many poisons.
fn send(load: &mut Load, judge: &mut Judge, second: u64) -> (usize, usize) {
    let sent = load.next(Duration::from_secs(second), judge);
    for (message, poison) in &sent {
        judge.sent(message.chat - 1, *poison);
    }
    let poison = sent.iter().filter(|(_, poison)| *poison).count();
    (sent.len() - poison, poison)
}

#[test]
fn the_rate_is_kept_and_what_was_held_back_is_not_made_up_for() {
    let (mut load, mut judge) = (load("--updates 1000 --kills 0 --rate 100 --backlog 150"), Judge::new(5000));
    let mut sent = |second| send(&mut load, &mut judge, second).0;
    assert_eq!([1, 1, 2, 3].map(&mut sent), [100, 0, 50, 0]);
}

#[test]
fn kills_and_updates_wait_for_each_other() {
    let (mut load, mut judge) = (load("--updates 900 --kills 2 --rate 1000"), Judge::new(5000));
    assert!(load.lifetime().is_some() && load.kill());
    assert!(!load.kill(), "the second comes when a third is sent");
    assert_eq!(send(&mut load, &mut judge, 1).0, 600);
    assert_eq!(send(&mut load, &mut judge, 2).0, 0, "the last third comes after the second kill");
    assert!(!load.is_over() && load.kill());
    assert_eq!((send(&mut load, &mut judge, 3).0, load.is_over()), (300, true));
    assert_eq!(load.lifetime(), None);
}

#[test]
fn a_bot_lives_as_long_as_is_allowed() {
    let mut load = load("--within 60");
    for _ in 0..100 {
        let lifetime = load.lifetime().unwrap().as_millis();
        assert!((50..=60).contains(&lifetime), "{lifetime}");
    }
}

#[test]
fn the_texts_of_a_chat_are_numbered_and_poison_is_not() {
    let (mut load, mut judge) = (load("--chats 1 --updates 4 --kills 0 --poison 2"), Judge::new(1));
    let sent = load.next(Duration::from_secs(1), &judge);
    let texts: Vec<&str> = sent.iter().map(|(message, _)| message.text.as_str()).collect();
    assert_eq!(texts, ["u1", "u2", "/error 1", "u3", "u4", "/panic 2"]);
    assert_eq!(send(&mut load, &mut judge, 2), (0, 0));
}
