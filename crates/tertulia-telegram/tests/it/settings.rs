//! How a bot is set up, and what is refused.

use std::process::Command;

use tertulia::error::Kind;
use tertulia_telegram::Telegram;

use crate::fake::TOKEN;

#[test]
fn a_token_that_is_none_is_refused_without_being_shown() {
    for token in ["", "  ", "12:ab/../cd", "12:ab?x", "12:ab cd", "12:ñandú", ".."] {
        let error = Telegram::new(token).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{token}");
        let shown = format!("{error} {error:?}");
        assert!(token.trim().len() < 3 || !shown.contains(token.trim()), "{shown}");
    }
    assert!(
        Telegram::new(&format!(" {TOKEN}\n")).is_ok(),
        "white space around it is of the file it stood in"
    );
}

#[test]
fn an_api_url_that_is_none_is_refused() {
    let cases = [
        ("localhost:8081", "is neither http nor https"),
        ("nothing", "is no URL"),
        ("file:///etc/passwd", "is neither http nor https"),
        ("https://user:pass@example.org", "has more than a server and a path"),
        ("https://example.org/?a=b", "has more than a server and a path"),
    ];
    for (url, why) in cases {
        let error = Telegram::new(TOKEN).unwrap().api_url(url).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert_eq!(error.to_string(), format!("the API URL {why}: it looks like https://api.telegram.org"));
    }
    for url in ["http://127.0.0.1:8081", "https://example.org/", "https://example.org/bot-api/"] {
        assert!(Telegram::new(TOKEN).unwrap().api_url(url).is_ok(), "{url}");
    }
}

/// What `Telegram::from_env` gives in a process with these variables.
fn from_env(variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["settings::prints_what_the_environment_gives", "--exact", "--ignored", "--nocapture"])
        .env_remove("TELEGRAM_BOT_TOKEN")
        .env_remove("TELEGRAM_API_URL")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn prints_what_the_environment_gives() {
    println!("{:?}", Telegram::from_env());
}

#[test]
fn token_and_url_are_taken_from_the_environment() {
    let token = ("TELEGRAM_BOT_TOKEN", TOKEN);
    let plain = from_env(&[token, ("TELEGRAM_API_URL", "")]);
    assert!(plain.contains("https://api.telegram.org") && plain.contains("7000001"), "{plain}");
    let local = from_env(&[token, ("TELEGRAM_API_URL", "http://127.0.0.1:8081")]);
    assert!(local.contains("http://127.0.0.1:8081"), "{local}");
    let missing = from_env(&[]);
    assert!(missing.contains("TELEGRAM_BOT_TOKEN is not set: @BotFather"), "{missing}");
    let wrong = from_env(&[token, ("TELEGRAM_API_URL", "ftp://x")]);
    assert!(wrong.contains("TELEGRAM_API_URL: the API URL is neither http nor https"), "{wrong}");
    let wrong = from_env(&[("TELEGRAM_BOT_TOKEN", "1:canary SECRET")]);
    assert!(wrong.contains("TELEGRAM_BOT_TOKEN: the bot token has a character"), "{wrong}");
    for shown in [plain, local, missing] {
        assert!(!shown.contains("canary"), "{shown}");
    }
    assert!(!wrong.contains("canary"), "{wrong}");
}
