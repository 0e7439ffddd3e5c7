//! Platforms for tests: one that is called, of the test kit, and one that is read.

use std::sync::Arc;

use bytes::Bytes;
use tertulia::bot::{Adapter, Outgoing, Running, Update, answer};
use tertulia::runner::{About, Incoming, Sender, Source};
use tertulia::{Conversation, Result};

use crate::runner::support::dead;
pub(crate) use tertulia_testkit::Desk;

/// A platform that is read: replies are answers. Its updates are written as those of [`Desk`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window;

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
        Desk::new().decode(about)
    }

    fn encode(&self, _: &Conversation, _: &Outgoing<'_>) -> Result<Option<Bytes>> {
        Ok(None)
    }
}

/// An update with an id of its own.
pub(crate) fn update(source: &str, id: &str, text: &str) -> Incoming {
    Desk::update(Conversation::new(source, id).unwrap(), text).unwrap()
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
