//! The platform of signed posts: which conversation and which update a post is.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tertulia::bot::{Adapter, Headers, Hook, Outgoing, Update, UpdateKind};
use tertulia::runner::{About, Incoming, Sender, Source};
use tertulia::storage::ItemId;
use tertulia::{Conversation, Name, Result, Timestamp};

use super::place::{Place, Pointer};
use super::signature::{Claim, Keys};
use crate::request::first_half;

/// A platform whose posts are signed with a key that both sides have: both the adapter, which the bot gets, and the
/// hook, which [`webhook`](crate::webhook()) gets; clones are the same.
///
/// | header | |
/// |---|---|
/// | `X-Webhook-Timestamp` | when the post is made: seconds since 1970, at most 300 from now |
/// | `X-Webhook-Signature` | `v1=` and the HMAC-SHA256, in hexadecimal, of `<timestamp>.<body>` |
/// | `X-Webhook-Id` | optional; 1 to 255 visible ASCII characters but dots. With it, the HMAC is of `<timestamp>:<id>.<body>` |
///
/// Timestamp and id are signed as they stand in the headers, the body byte by byte. Within a conversation the same id
/// counts once in 48 hours; without an id it is the same body that does, so whoever posts equal bodies that are not
/// the same event has to name them.
///
/// A post is an [`UpdateKind::Other`] with the platform's name, or a message if [`text`](Self::text) finds one; its
/// bytes are in `ctx.turn().about().body`. What is replied to it is kept as its
/// [`Answer`](tertulia::bot::answer::Answer) and sent nowhere.
///
/// ```
/// use tertulia::bot::{Bot, Context};
/// use tertulia_http::{Signed, WebhookOptions, webhook};
///
/// # async fn example() -> tertulia::Result<axum::Router> {
/// let shop = Signed::by_pointer("shop", "a-key-that-both-have", "/customer/id")?;
/// let bot = Bot::new(shop.clone()).on_any(async |ctx: Context| {
///     let order: serde_json::Value = serde_json::from_slice(&ctx.turn().about().body)?;
///     println!("{}: {order}", ctx.conversation());
///     Ok(())
/// });
/// let running = bot.start().await?;
/// let posts = webhook(running.door().clone(), shop, WebhookOptions::default());
/// Ok(axum::Router::new().route("/webhook/shop", posts))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Signed {
    name: Name,
    keys: Keys,
    place: Place,
    text: Option<Pointer>,
    /// The space of the update ids.
    space: Name,
}

impl Signed {
    /// The platform `name`, whose posts belong to the conversation whose id, a text or an integer, is where this JSON
    /// pointer points.
    ///
    /// # Errors
    /// `Invalid` if the name cannot be a conversation's source, the key has less than 16 bytes, or it is no pointer.
    pub fn by_pointer(name: &str, key: impl AsRef<[u8]>, pointer: &str) -> Result<Self> {
        Self::new(name, key.as_ref(), Place::Pointer(Pointer::new(pointer)?))
    }

    /// The platform `name`, whose posts belong to the conversation whose id `function` gives for their bodies. It is
    /// called while posts wait, so it must be quick. An error, or a panic, sends the post to `dead`.
    ///
    /// # Errors
    /// `Invalid` if the name cannot be a conversation's source, or the key has less than 16 bytes.
    pub fn by_function(
        name: &str,
        key: impl AsRef<[u8]>,
        function: impl Fn(&[u8]) -> Result<String> + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::new(name, key.as_ref(), Place::Function(Arc::new(function)))
    }

    fn new(name: &str, key: &[u8], place: Place) -> Result<Self> {
        Conversation::new(name, "any")?;
        let space = Name::new(format!("webhook/{name}"))?;
        Ok(Self { name: Name::new(name)?, keys: Keys::new(key)?, place, text: None, space })
    }

    /// Accepts posts that were signed with this key too: while the other side changes to the new one.
    ///
    /// # Errors
    /// `Invalid` if it has less than 16 bytes.
    pub fn previous_key(mut self, key: impl AsRef<[u8]>) -> Result<Self> {
        self.keys = self.keys.previous(key.as_ref())?;
        Ok(self)
    }

    /// Makes a post a message if there is a text where this JSON pointer points.
    ///
    /// # Errors
    /// `Invalid` if it is no pointer.
    pub fn text(mut self, pointer: &str) -> Result<Self> {
        self.text = Some(Pointer::new(pointer)?);
        Ok(self)
    }

    /// The update that an authentic post is.
    fn incoming(&self, id: Option<&[u8]>, body: Bytes) -> Result<Incoming> {
        let found = self.place.find(&body).and_then(|id| Conversation::new(self.name.as_str(), &id));
        let (conversation, fault) = match found {
            Ok(conversation) => (conversation, None),
            Err(error) => {
                let alone =
                    format!("unreadable:{:032x}", u128::from_be_bytes(first_half(&Sha256::digest(&body))));
                (Conversation::new(self.name.as_str(), &alone)?, Some(error.to_string()))
            }
        };
        // The conversation's text form ends at a byte that it cannot hold.
        let digest = Sha256::new().chain_update(conversation.as_str()).chain_update([0]);
        let digest = match id {
            Some(id) => digest.chain_update(b"id").chain_update(id),
            None => digest.chain_update(b"body").chain_update(Sha256::digest(&body)),
        };
        let id = ItemId::Bytes(self.space.clone(), first_half(&digest.finalize()));
        Ok(Incoming { conversation, id, body, fault })
    }
}

impl Hook for Signed {
    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn admit(&self, headers: &Headers<'_>, now: Timestamp) -> Result<()> {
        Claim::read(headers)?.check_time(now)
    }

    fn open(&self, headers: &Headers<'_>, body: Bytes) -> Result<Incoming> {
        let claim = Claim::read(headers)?;
        claim.verify(&self.keys, &body)?;
        self.incoming(claim.id, body)
    }
}

impl Adapter for Signed {
    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn source(&self) -> Option<Box<dyn Source>> {
        None
    }

    fn sender(&self) -> Option<Arc<dyn Sender>> {
        None
    }

    fn decode(&self, about: &About) -> Result<Update> {
        let text = self.text.as_ref().and_then(|pointer| pointer.text(&about.body));
        Ok(Update::new(match text {
            Some(text) => UpdateKind::Message { text: Some(text) },
            None => UpdateKind::Other(self.name.to_string()),
        }))
    }

    fn encode(&self, _: &Conversation, _: &Outgoing<'_>) -> Result<Option<Bytes>> {
        Ok(None)
    }
}
