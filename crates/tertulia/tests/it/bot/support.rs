//! What is said at the platforms of the test kit, and what is answered there.

use tertulia::Conversation;
use tertulia::bot::{Running, answer};
use tertulia::runner::Incoming;

use crate::runner::support::dead;
pub(crate) use tertulia_testkit::{Desk, Window};

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
