//! The agent streams, calls its tool and stops, with a fake model on a fake Telegram.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

use std::process::{Child, Command, Stdio};

use serde_json::json;
use tertulia_testkit::bot_api::{self, BotApi, Event, NewUpdate};
use tertulia_testkit::openai::{self, Ended, Fate, OpenAi, Turn};

/// Kills what a failed test leaves behind.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the chat shows this text.
async fn shows(api: &BotApi, said: &str) {
    let is_it = |event: &Event| match event {
        Event::Sent { text, .. } | Event::Edited { text, .. } => **text == *said,
        _ => false,
    };
    api.until(|journal| journal.events().any(is_it)).await;
}

#[tokio::test]
async fn the_agent_streams_calls_its_tool_is_cut_and_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let api = BotApi::start(bot_api::Options::default()).await.unwrap();
    let model = OpenAi::start(openai::Options::default()).await.unwrap();
    let mut bot = Command::new(env!("CARGO_BIN_EXE_05-agent"));
    bot.env("TELEGRAM_BOT_TOKEN", "42:secret").env("TELEGRAM_API_URL", api.url());
    bot.env("OPENAI_BASE_URL", model.url()).env("OPENAI_API_KEY", "k").env("OPENAI_MODEL", "m");
    let _bot = Killed(bot.current_dir(folder.path()).stderr(Stdio::null()).spawn().unwrap());

    // The model is cut: the handler runs again, and the chat shows one whole answer.
    model.push(Turn::says("I will").fate(Fate::Cut(500)));
    model.push(Turn::calls("roll", &json!({ "sides": 1 })));
    model.push(Turn::says("You rolled a 1."));
    api.push(NewUpdate::message(7, "roll a die with one side"));
    shows(&api, "You rolled a 1.").await;
    let asked = model.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2].messages()[2], ("tool", "1"));

    let long = "A long story that has only just begun when ";
    model.push(Turn::says(format!("{long}somebody stops it.")).fate(Fate::Hang(1_700)));
    api.push(NewUpdate::message(7, "tell me a story"));
    model.until(|asked| asked.len() == 4).await;
    api.until(|journal| journal.shown(7).last().is_some_and(|text| text.starts_with("A long"))).await;
    api.push(NewUpdate::message(7, "/stop"));
    model.until(|asked| asked[3].ended == Some(Ended::Left)).await;
    api.push(NewUpdate::message(7, "thank you"));
    shows(&api, "You say: thank you").await;
    let asked = model.asked();
    let messages = asked[4].messages();
    assert_eq!(messages[1], ("assistant", "You rolled a 1."));
    assert!(long.starts_with(messages[3].1) && messages[3].1.starts_with("A long"), "{messages:?}");
}
