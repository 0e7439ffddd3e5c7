//! A platform for tests: updates are texts, calls are recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tertulia::bot::{Adapter, Outgoing, Running, Update, UpdateKind, User, answer};
use tertulia::runner::{About, Call, Incoming, Sender, Source};
use tertulia::storage::{BoxFuture, ItemId};
use tertulia::{Conversation, Name, Result};

use crate::runner::support::dead;

/// A platform that is called: what was sent is in `sent`, as conversation and text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk {
    pub(crate) sent: Arc<Mutex<Vec<(String, String)>>>,
}

/// A platform that is read: replies are answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window;

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
        decode(about)
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
            let text = String::from_utf8(call.body.to_vec()).unwrap();
            self.sent.lock().push((call.conversation.id().into_owned(), text));
            Ok(String::new())
        })
    }
}

impl Adapter for Window {
    fn name(&self) -> &'static str {
        "window"
    }

    fn source(&self) -> Option<Box<dyn Source>> {
        None
    }

    fn sender(&self) -> Option<Arc<dyn Sender>> {
        None
    }

    fn decode(&self, about: &About) -> Result<Update> {
        decode(about)
    }

    fn encode(&self, _: &Conversation, _: &Outgoing<'_>) -> Result<Option<Bytes>> {
        Ok(None)
    }
}

/// A text is a message, `>data` a pressed button, `!kind` something else; each may stand behind `@user `.
fn decode(about: &About) -> Result<Update> {
    let text = String::from_utf8(about.body.to_vec()).map_err(|_| tertulia::Error::invalid("not text"))?;
    let (user, text) = match text.strip_prefix('@').and_then(|text| text.split_once(' ')) {
        Some((user, text)) => (Some(user.to_owned()), text.to_owned()),
        None => (None, text),
    };
    let update = Update::new(if let Some(data) = text.strip_prefix('>') {
        UpdateKind::Callback { data: data.to_owned() }
    } else if let Some(kind) = text.strip_prefix('!') {
        UpdateKind::Other(kind.to_owned())
    } else {
        UpdateKind::Message { text: Some(text) }
    });
    Ok(match user {
        Some(id) => update.from(User { name: id.clone(), id }),
        None => update,
    })
}

/// An update with an id of its own.
pub(crate) fn update(source: &str, id: &str, text: &str) -> Incoming {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Incoming {
        conversation: Conversation::new(source, id).unwrap(),
        id: ItemId::Number(Name::from_static("test"), number),
        body: text.to_owned().into(),
        fault: None,
    }
}

/// Says something at the window and gives the replies.
pub(crate) async fn say(bot: &Running, id: &str, text: &str) -> answer::Answer {
    let update = update("window", id, text);
    let (conversation, number) = (update.conversation.clone(), update.id.clone());
    bot.door().intake.submit(update).await.unwrap();
    answer::wait(&*bot.door().storage, &conversation, &number).await.unwrap()
}

/// Replies as an answer.
pub(crate) fn replies(texts: &[&str]) -> answer::Answer {
    answer::Answer::Replies(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// Says what no handler can deal with, and gives the error that it is in `dead` with.
pub(crate) async fn refusal(bot: &Running, id: &str, text: &str) -> String {
    assert_eq!(say(bot, id, text).await, answer::Answer::GivenUp);
    let conversation = Conversation::new("window", id).unwrap();
    let dead = dead(&bot.door().storage).await.into_iter();
    dead.filter(|record| record.conversation == conversation).last().unwrap().error
}
