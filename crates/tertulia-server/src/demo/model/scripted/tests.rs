use super::super::{Message, Model, ModelEvent, Prompt};
use super::wish::Wish;
use super::*;

#[test]
fn it_knows_what_a_message_asks_for() {
    let search = |words, outright| Wish::Search { words, outright };
    for (text, wish) in [
        ("what is 12*(3+4)", Wish::Calculate("12*(3+4)")),
        ("How much is 7 × 8?", Wish::Calculate("7 × 8")),
        ("2+2=", Wish::Calculate("2+2")),
        ("calculate -3 - 4", Wish::Calculate("-3 - 4")),
        ("What time is it?", Wish::Clock),
        ("date", Wish::Clock),
        ("delete my notes", Wish::DeleteNotes),
        ("Forget my notes!", Wish::DeleteNotes),
        ("tell me a long story", Wish::Story),
        ("search bursts", search("bursts", true)),
        ("/search kill -9", search("kill -9", true)),
        ("How does a turn end?", search("How does a turn end", false)),
        ("tertulia", search("tertulia", false)),
        ("think about fish", Wish::Think("fish")),
        ("/think fish and chips", Wish::Think("fish and chips")),
        ("hello", Wish::Other),
        ("42", Wish::Other),
        ("-42", Wish::Other),
        ("what?", Wish::Other),
        ("search", Wish::Other),
        ("thinking", Wish::Other),
        ("", Wish::Other),
        ("é", Wish::Other),
    ] {
        assert_eq!(Wish::read(text), wish, "{text:?}");
    }
}

#[test]
fn a_story_is_long_and_every_token_is_a_word() {
    let story = pieces("1", &[Message::user("tell me a long story")]);
    let [Piece::Says(text)] = &*story else { panic!("{story:?}") };
    assert!((380..=460).contains(&text.split_whitespace().count()));
    let events = story[0].clone().events();
    let joined = events.iter().map(|event| match event {
        ModelEvent::Text(token) => token.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(joined.collect::<String>(), *text);
}

#[tokio::test(start_paused = true)]
async fn a_token_takes_its_time() {
    let model = Scripted::new(Clock::system(), Duration::from_millis(25));
    let messages = vec![Message::user("tell me a long story")];
    let prompt = Prompt { turn: "1".into(), system: String::new(), messages, tools: Vec::new() };
    let begun = tokio::time::Instant::now();
    let events: Vec<_> = model.answer(prompt).collect().await;
    assert_eq!(begun.elapsed(), Duration::from_millis(25) * (events.len() as u32 - 1));
    assert!((9..=12).contains(&begun.elapsed().as_secs()));
}
