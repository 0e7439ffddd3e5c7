//! Files to send, and how long a caption may be.

use bytes::Bytes;
use serde_json::json;
use tertulia::bot::Method;
use tertulia::{Conversation, Error, Result};

use crate::call::Call;
use crate::file::{File, FileKind};
use crate::keyboard::Keyboard;
use crate::place::Place;
use crate::{MAX_CAPTION, NAME};

/// Sends a file that is with Telegram, by its id, or that Telegram is to fetch, by its URL. An edit of its ticket edits
/// the caption.
///
/// ```
/// use tertulia::bot::Context;
/// use tertulia_telegram::SendFile;
///
/// async fn cat(ctx: Context) -> tertulia::bot::Result {
///     let cat = ctx.call(SendFile::photo("https://example.org/cat.jpg").caption("a cat")).await?;
///     ctx.edit(&cat, "a black cat").await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call is made with `ctx.call(..)`"]
pub struct SendFile {
    kind: FileKind,
    file: String,
    caption: String,
    keyboard: Keyboard,
}

impl SendFile {
    /// A file of this kind.
    pub fn new(kind: FileKind, file: impl Into<String>) -> Self {
        Self { kind, file: file.into(), caption: String::new(), keyboard: Keyboard::new() }
    }

    /// A photo.
    pub fn photo(file: impl Into<String>) -> Self {
        Self::new(FileKind::Photo, file)
    }

    /// Any file.
    pub fn document(file: impl Into<String>) -> Self {
        Self::new(FileKind::Document, file)
    }

    /// Music.
    pub fn audio(file: impl Into<String>) -> Self {
        Self::new(FileKind::Audio, file)
    }

    /// A video.
    pub fn video(file: impl Into<String>) -> Self {
        Self::new(FileKind::Video, file)
    }

    /// A voice message.
    pub fn voice(file: impl Into<String>) -> Self {
        Self::new(FileKind::Voice, file)
    }

    /// The file that came with an update.
    pub fn again(file: &File) -> Self {
        Self::new(file.kind, file.id.clone())
    }

    /// A text under it: at most 1,024 UTF-16 units. Stickers and video notes have none.
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// Sets the buttons under it.
    pub fn keyboard(mut self, keyboard: Keyboard) -> Self {
        self.keyboard = keyboard;
        self
    }
}

impl Method for SendFile {
    const PLATFORM: &'static str = NAME;

    fn encode(&self, conversation: &Conversation) -> Result<Bytes> {
        let (method, field) = self.kind.names();
        if self.file.is_empty() {
            return Err(Error::invalid(format!("{method} in {conversation} names no file")));
        }
        let mut params = Place::of(conversation)?.params(conversation)?;
        params.insert(field.to_owned(), json!(self.file));
        if !self.caption.is_empty() {
            if matches!(self.kind, FileKind::Sticker | FileKind::VideoNote) {
                return Err(Error::invalid(format!("{method} in {conversation} takes no caption")));
            }
            check_caption(method, &self.caption)?;
            params.insert("caption".to_owned(), json!(self.caption));
        }
        if let Some(markup) = self.keyboard.markup()? {
            params.insert("reply_markup".to_owned(), markup);
        }
        Call::new(method, params).encode(conversation)
    }
}

/// # Errors
/// `Invalid` if a caption is too long.
pub(crate) fn check_caption(method: &str, caption: &str) -> Result<()> {
    match caption.encode_utf16().count() {
        0..=MAX_CAPTION => Ok(()),
        units => Err(Error::invalid(format!(
            "the caption of {method} has {units} UTF-16 units, at most {MAX_CAPTION} are allowed"
        ))),
    }
}
