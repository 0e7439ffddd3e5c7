//! Configuration as the binary takes it; how values are understood is tested beside the code.

use crate::support::Folder;

#[test]
fn wrong_values_end_it_with_one_line() {
    let folder = Folder::new();
    folder
        .run(&["--listen", "here"])
        .failed(2, &["listen: `here` (from --listen)", "allowed: an IP address"]);
    folder
        .run(&["--storage", "redis:"])
        .failed(2, &["storage: `redis:`", "allowed: memory:, sqlite:<path>, redis://.. or postgres://.."]);
    let mut command = folder.command(&["conversations"]);
    let output = command.env("TERTULIA_ANSWER_TIMEOUT", "soon").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("answer_timeout: `soon` (from TERTULIA_ANSWER_TIMEOUT)"), "{text}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_address_that_others_can_reach_is_refused_without_a_token() {
    let folder = Folder::new();
    folder.run(&["--listen", "0.0.0.0:0"]).failed(2, &["`0.0.0.0:0`", "no token is set", "TERTULIA_TOKEN"]);
    assert!(!folder.path().join("tertulia.db").exists(), "nothing was made");
}

#[test]
fn the_file_in_the_folder_is_read_and_an_unknown_key_in_it_is_refused() {
    let folder = Folder::new();
    folder.write("tertulia.toml", "storage = 'sqlite:mine.db'");
    let printed = folder.run(&["--print-config"]);
    assert!(printed.lines().contains(&"storage = \"sqlite:mine.db\"  # tertulia.toml"), "{printed:?}");
    folder.write("tertulia.toml", "stroage = 'sqlite:mine.db'");
    folder.run(&[]).failed(2, &["tertulia.toml: `stroage` is not a key"]);
}

#[test]
fn another_file_can_be_named_and_must_be_there() {
    let folder = Folder::new();
    folder.write("tertulia.toml", "log = 'debug'");
    folder.write("other.toml", "log = 'trace'");
    let printed = folder.run(&["--config", "other.toml", "--print-config"]);
    assert!(printed.lines().contains(&"log = \"trace\"  # other.toml"), "{printed:?}");
    folder.run(&["--config", "missing.toml"]).failed(2, &["missing.toml cannot be read"]);
}

#[test]
fn what_is_printed_shows_no_secret() {
    let folder = Folder::new();
    folder.write("tertulia.toml", "token = 'file-canary-0123456789'");
    let mut command = folder.command(&["--print-config"]);
    let output = command.env("TELEGRAM_BOT_TOKEN", "1:telegram-canary").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.matches("token = \"***\"").count(), 2, "{text}");
    assert!(!text.contains("canary"), "{text}");
}
