//! A bot platform for tests: updates are texts, and whatever is sent is written down.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tertulia::bot::{Adapter, Outgoing, Update, UpdateKind, User};
use tertulia::runner::{About, Call, Incoming, Sender, Source};
use tertulia::storage::{BoxFuture, ItemId};
use tertulia::{Conversation, Error, Name, Result};

/// A platform called `desk`, for bots under test. It brings no updates by itself: a test submits those of
/// [`Desk::update`]. What the bot sends goes nowhere and is in [`sent`](Self::sent). Clones are one platform.
///
/// An update's body is a text: a message, `>data` for a pressed button, `!kind` for something else; each may stand
/// behind `@user `, who sent it.
///
/// ```
/// # use std::time::Duration;
/// # use tertulia::bot::{Bot, Context};
/// # use tertulia_testkit::Desk;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tertulia::Result<()> {
/// let desk = Desk::new();
/// let bot = Bot::new(desk.clone()).on_message(async |ctx: Context| {
///     ctx.reply(format!("{}?", ctx.text())).await?;
///     Ok(())
/// });
/// let bot = bot.start().await?;
/// bot.door().intake.submit(Desk::update("desk:7", "hello")?).await?;
/// assert_eq!(bot.shutdown(Duration::from_secs(10)).await, []);
/// assert_eq!(desk.sent(), [("7".to_owned(), "hello?".to_owned())]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Desk {
    /// Written by the sender, read by the test.
    sent: Arc<Mutex<Vec<(String, String)>>>,
}

impl Desk {
    /// One that has sent nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was sent so far, in that order: the conversation's id, and the text.
    pub fn sent(&self) -> Vec<(String, String)> {
        self.sent.lock().clone()
    }

    /// An update of a conversation, of this platform or another, with an id that no other of this process has.
    ///
    /// # Errors
    /// `Invalid` for a conversation that is none.
    pub fn update<K>(conversation: K, text: &str) -> Result<Incoming>
    where
        K: TryInto<Conversation>,
        Error: From<K::Error>,
    {
        static NEXT: AtomicI64 = AtomicI64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Incoming {
            conversation: conversation.try_into()?,
            id: ItemId::Number(Name::from_static("desk"), number),
            body: Bytes::copy_from_slice(text.as_bytes()),
            fault: None,
        })
    }
}

impl Adapter for Desk {
    fn name(&self) -> &'static str {
        "desk"
    }

    fn source(&self) -> Option<Box<dyn Source>> {
        None
    }

    fn sender(&self) -> Option<Arc<dyn Sender>> {
        Some(Arc::new(self.clone()))
    }

    fn decode(&self, about: &About) -> Result<Update> {
        let text = std::str::from_utf8(&about.body).map_err(|_| Error::invalid("not a text"))?;
        let (user, text) = match text.strip_prefix('@').and_then(|text| text.split_once(' ')) {
            Some((user, text)) => (Some(user), text),
            None => (None, text),
        };
        let update = Update::new(if let Some(data) = text.strip_prefix('>') {
            UpdateKind::Callback { data: data.to_owned() }
        } else if let Some(kind) = text.strip_prefix('!') {
            UpdateKind::Other(kind.to_owned())
        } else {
            UpdateKind::Message { text: Some(text.to_owned()) }
        });
        Ok(match user {
            Some(id) => update.from(User { id: id.to_owned(), name: id.to_owned() }),
            None => update,
        })
    }

    fn encode(&self, _: &Conversation, outgoing: &Outgoing<'_>) -> Result<Option<Bytes>> {
        match outgoing {
            Outgoing::Reply { text } => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
            _ => Ok(None),
        }
    }
}

impl Sender for Desk {
    fn send<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let text = String::from_utf8_lossy(&call.body).into_owned();
            self.sent.lock().push((call.conversation.id().into_owned(), text));
            Ok(String::new())
        })
    }
}
