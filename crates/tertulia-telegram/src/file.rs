//! The file that came with an update.

use serde::Deserialize;
use serde_json::Value;
use tertulia::bot::Context;
use tertulia::runner::About;

use crate::envelope::Envelope;
use crate::origin::is_telegram;

/// What kind of file Telegram takes one for. A file id is good for sending the file again as the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "they have Telegram's names")]
pub enum FileKind {
    Photo,
    Animation,
    Document,
    Audio,
    Video,
    VideoNote,
    Voice,
    Sticker,
}

impl FileKind {
    /// In the order in which they are looked for: an animation is told as a document too.
    const ALL: [Self; 8] = [
        Self::Photo,
        Self::Animation,
        Self::Document,
        Self::Audio,
        Self::Video,
        Self::VideoNote,
        Self::Voice,
        Self::Sticker,
    ];

    /// The method that sends one, and the field that holds it.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Photo => ("sendPhoto", "photo"),
            Self::Animation => ("sendAnimation", "animation"),
            Self::Document => ("sendDocument", "document"),
            Self::Audio => ("sendAudio", "audio"),
            Self::Video => ("sendVideo", "video"),
            Self::VideoNote => ("sendVideoNote", "video_note"),
            Self::Voice => ("sendVoice", "voice"),
            Self::Sticker => ("sendSticker", "sticker"),
        }
    }
}

/// A file that is with Telegram.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// What it is taken for.
    pub kind: FileKind,
    /// The bot's id of it, to send it again or to fetch it with `getFile`.
    pub id: String,
    /// The same for every bot and at any time; for comparing, and nothing else.
    pub unique_id: String,
    /// In bytes, if Telegram tells.
    pub size: Option<u64>,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What whoever sent it says it is.
    pub mime_type: Option<String>,
}

#[derive(Deserialize)]
struct Raw {
    file_id: String,
    #[serde(default)]
    file_unique_id: String,
    file_size: Option<u64>,
    file_name: Option<String>,
    mime_type: Option<String>,
    /// Of a photo: it comes in several sizes.
    #[serde(default)]
    width: u64,
    #[serde(default)]
    height: u64,
}

impl File {
    /// The file of the update's message, or of the message whose button was pressed; of a photo the largest size.
    /// `None` if there is none.
    ///
    /// ```
    /// use tertulia::bot::Context;
    /// use tertulia_telegram::{File, SendFile};
    ///
    /// async fn echo(ctx: Context) -> tertulia::bot::Result {
    ///     if let Some(file) = File::of(&ctx) {
    ///         ctx.call(SendFile::again(&file).caption("yours")).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn of(ctx: &Context) -> Option<Self> {
        Self::with(ctx.turn().about())
    }

    /// As [`of`](Self::of), of another update, such as one that a handler has waited for.
    pub fn with(about: &About) -> Option<Self> {
        if !is_telegram(&about.conversation.source()) {
            return None;
        }
        let content = Envelope::open(&about.body).ok()?.value()?;
        Self::find(&content).or_else(|| Self::find(content.get("message")?))
    }

    /// The file in a message.
    fn find(message: &Value) -> Option<Self> {
        FileKind::ALL.into_iter().find_map(|kind| {
            let found = message.get(kind.names().1)?;
            let raw = match found {
                Value::Array(sizes) => {
                    let sizes = sizes.iter().filter_map(|size| Raw::deserialize(size).ok());
                    sizes.max_by_key(|size| size.width.saturating_mul(size.height))
                }
                one => Raw::deserialize(one).ok(),
            };
            let Raw { file_id, file_unique_id, file_size, file_name, mime_type, .. } = raw?;
            let (id, unique_id, size, name) = (file_id, file_unique_id, file_size, file_name);
            Some(Self { kind, id, unique_id, size, name, mime_type })
        })
    }
}
