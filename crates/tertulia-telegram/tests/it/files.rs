//! Files that come in and go out.

use serde_json::{Value, json};
use tertulia::bot::{Adapter, Bot, Context, Data, Method};
use tertulia::error::Kind;
use tertulia_telegram::{File, FileKind, Keyboard, SendFile};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::fake::{Fake, PATIENCE};
use crate::sending::{chat, queued};

/// The file in each of these updates.
async fn found(updates: &[Value]) -> Vec<Option<File>> {
    let fake = Fake::start().await;
    let (tell, mut told) = unbounded_channel::<Option<File>>();
    let bot = Bot::new(fake.telegram()).data(tell).on_any(
        async |ctx: Context, tell: Data<UnboundedSender<Option<File>>>| {
            tell.send(File::of(&ctx))?;
            Ok(())
        },
    );
    let bot = bot.start().await.unwrap();
    let numbered = updates.iter().zip(1..).map(|(update, id)| {
        let mut update = update.clone();
        update["update_id"] = json!(id);
        update
    });
    fake.push(numbered);
    let mut files = Vec::new();
    for _ in updates {
        files.push(tokio::time::timeout(PATIENCE, told.recv()).await.expect("all are handled").unwrap());
    }
    assert_eq!(bot.shutdown(PATIENCE).await, []);
    files
}

#[tokio::test]
async fn the_file_of_a_message_is_found_and_of_a_photo_the_largest() {
    let chat = json!({ "id": 5, "type": "private" });
    let size =
        |id: &str, side: u64| json!({ "file_id": id, "file_unique_id": "u", "width": side, "height": side });
    let file = |id: &str| json!({ "file_id": id, "file_unique_id": "u" });
    let document = json!({
        "file_id": "D", "file_unique_id": "u", "file_size": 17, "file_name": "a.pdf", "mime_type": "application/pdf",
    });
    let updates = [
        json!({ "message": { "chat": chat, "photo": [size("small", 90), size("large", 800), size("middle", 320)] } }),
        json!({ "message": { "chat": chat, "document": document, "caption": "read this" } }),
        json!({ "message": { "chat": chat, "document": file("as document"), "animation": file("moving") } }),
        json!({ "edited_message": { "chat": chat, "voice": file("V") } }),
        json!({ "callback_query": { "id": "1", "from": { "id": 5 }, "message": { "chat": chat, "audio": file("A") } } }),
        json!({ "message": { "chat": chat, "text": "none" } }),
        json!({ "message": { "chat": chat, "photo": [], "video": file("fallback") } }),
        json!({ "message": { "chat": chat, "video_note": 5 } }),
    ];
    let found = found(&updates).await;
    let ids: Vec<Option<(FileKind, &str)>> =
        found.iter().map(|file| file.as_ref().map(|file| (file.kind, &*file.id))).collect();
    assert_eq!(
        ids,
        [
            Some((FileKind::Photo, "large")),
            Some((FileKind::Document, "D")),
            Some((FileKind::Animation, "moving")),
            Some((FileKind::Voice, "V")),
            Some((FileKind::Audio, "A")),
            None,
            Some((FileKind::Video, "fallback")),
            None,
        ]
    );
    let document = found[1].as_ref().unwrap();
    assert_eq!((document.size, document.name.as_deref()), (Some(17), Some("a.pdf")));
    assert_eq!((document.mime_type.as_deref(), &*document.unique_id), (Some("application/pdf"), "u"));
}

#[tokio::test]
async fn files_are_sent_by_id_or_url_each_by_its_own_method() {
    let fake = Fake::start().await;
    let sender = fake.telegram().sender().unwrap();
    let photo = SendFile::photo("https://example.org/cat.jpg").caption("a cat");
    let photo = photo.keyboard(Keyboard::new().button("More", "more")).encode(&chat("5")).unwrap();
    assert_eq!(sender.send(&queued(photo)).await.unwrap(), "1", "its ticket names a message");
    for file in [SendFile::document("D"), SendFile::audio("A"), SendFile::video("V"), SendFile::voice("O")] {
        sender.send(&queued(file.encode(&chat("business:b:42")).unwrap())).await.unwrap();
    }
    let sent: Vec<(String, Value)> =
        fake.look(|known| known.requests.iter().map(|r| (r.method.clone(), r.params.clone())).collect());
    let keyboard = json!({ "inline_keyboard": [[{ "text": "More", "callback_data": "more" }]] });
    let of_business =
        |field: &str, file: &str| json!({ "business_connection_id": "b", "chat_id": 42, field: file });
    assert_eq!(
        sent,
        [
            (
                "sendPhoto".to_owned(),
                json!({
                    "chat_id": 5,
                    "photo": "https://example.org/cat.jpg",
                    "caption": "a cat",
                    "reply_markup": keyboard,
                })
            ),
            ("sendDocument".to_owned(), of_business("document", "D")),
            ("sendAudio".to_owned(), of_business("audio", "A")),
            ("sendVideo".to_owned(), of_business("video", "V")),
            ("sendVoice".to_owned(), of_business("voice", "O")),
        ]
    );
}

#[test]
fn a_file_that_telegram_would_refuse_is_invalid() {
    let says = |file: SendFile| {
        let error = file.encode(&chat("5")).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        error.to_string()
    };
    assert!(SendFile::photo("P").caption("😀".repeat(512)).encode(&chat("5")).is_ok());
    assert_eq!(
        says(SendFile::photo("P").caption("😀".repeat(513))),
        "the caption of sendPhoto has 1026 UTF-16 units, at most 1024 are allowed"
    );
    assert_eq!(
        says(SendFile::new(FileKind::Sticker, "S").caption("ha")),
        "sendSticker in telegram:5 takes no caption"
    );
    assert_eq!(says(SendFile::document("")), "sendDocument in telegram:5 names no file");
}
