//! Buttons under a message.

use serde::Serialize;
use serde_json::{Value, json};
use tertulia::{Error, Result};

/// The most bytes of what a button carries: Telegram's limit.
const MAX_DATA: usize = 64;

/// Buttons under a message, in rows. What a button carries comes back as the text of a
/// [`Callback`](tertulia::bot::UpdateKind::Callback) when it is pressed.
///
/// ```
/// use tertulia_telegram::Keyboard;
///
/// let keyboard = Keyboard::new().button("Yes", "yes").button("No", "no").row().link("Help", "https://example.org");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a keyboard is given to what is sent"]
pub struct Keyboard {
    rows: Vec<Vec<Button>>,
    /// The next button begins a row.
    ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Button {
    text: String,
    #[serde(flatten)]
    does: Does,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Does {
    CallbackData(String),
    Url(String),
}

impl Keyboard {
    /// One without buttons, which is none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a button that carries `data`: 1 to 64 bytes.
    pub fn button(self, text: impl Into<String>, data: impl Into<String>) -> Self {
        self.add(text.into(), Does::CallbackData(data.into()))
    }

    /// Adds a button that opens a URL.
    pub fn link(self, text: impl Into<String>, url: impl Into<String>) -> Self {
        self.add(text.into(), Does::Url(url.into()))
    }

    /// Begins another row with the next button.
    pub fn row(mut self) -> Self {
        self.ended = true;
        self
    }

    fn add(mut self, text: String, does: Does) -> Self {
        let button = Button { text, does };
        match self.rows.last_mut() {
            Some(row) if !self.ended => row.push(button),
            _ => self.rows.push(vec![button]),
        }
        self.ended = false;
        self
    }

    /// The parameter `reply_markup`; `None` without buttons.
    ///
    /// # Errors
    /// `Invalid` if a button has no text, or carries nothing or more than 64 bytes.
    pub(crate) fn markup(&self) -> Result<Option<Value>> {
        for Button { text, does } in self.rows.iter().flatten() {
            if text.trim().is_empty() {
                return Err(Error::invalid("a button has no text, which Telegram refuses"));
            }
            if let Does::CallbackData(data) = does
                && !(1..=MAX_DATA).contains(&data.len())
            {
                let bytes = data.len();
                return Err(Error::invalid(format!(
                    "the button {text:?} carries {bytes} bytes, 1 to {MAX_DATA} are allowed"
                )));
            }
        }
        Ok((!self.rows.is_empty()).then(|| json!({ "inline_keyboard": self.rows })))
    }
}
