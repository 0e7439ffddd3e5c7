//! Bots over one storage that know nothing of each other.

use tertulia::Conversation;
use tertulia::bot::{Bot, Context, Session};

use super::{Heard, Setting};
use crate::Board;
use crate::process::until;

fn echo(bot: Bot) -> Bot {
    bot.on_message(async |ctx: Context, mut heard: Session<Heard>| {
        heard.texts.push(ctx.text().to_owned());
        ctx.reply(format!("{} {}", ctx.conversation().id(), ctx.text())).await?;
        Ok(())
    })
}

/// Two bots with conversations of their own: each is heard and answered once, and in its order.
pub async fn two_bots_have_conversations_of_their_own(setting: &Setting<'_>) {
    let board = Board::new();
    let bots = [setting.start(board.clone(), echo).await, setting.start(board.clone(), echo).await];
    let conversations = ["1", "2"].map(|id| Conversation::new("desk", id).expect("a valid conversation"));
    for n in 0..5 {
        for (bot, conversation) in bots.iter().zip(&conversations) {
            setting.tell_in(bot, conversation, &n.to_string()).await;
        }
    }
    let [one, two] = bots;
    setting.end(one).await;
    setting.end_all(two).await;
    for conversation in &conversations {
        assert_eq!(setting.heard_in(conversation).await, ["0", "1", "2", "3", "4"]);
        let mut replies = board.messages();
        replies.retain(|reply| reply.starts_with(&*conversation.id()));
        let expected: Vec<String> = (0..5).map(|n| format!("{} {n}", conversation.id())).collect();
        assert_eq!(replies, expected);
    }
}

/// Two bots that take updates of one conversation: each is heard once, in the order of the inbox, and answered once.
pub async fn two_bots_hear_each_update_of_a_conversation_once(setting: &Setting<'_>) {
    let board = Board::new();
    let bots = [setting.start(board.clone(), echo).await, setting.start(board.clone(), echo).await];
    for n in 0..10 {
        setting.tell(&bots[n % 2], &n.to_string()).await;
    }
    until(async || setting.queued().await[0] == 0).await;
    let [one, two] = bots;
    setting.end(one).await;
    setting.end_all(two).await;
    let expected: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(setting.heard().await, expected);
    let mut replies = board.messages();
    // Who makes which call is not agreed, so neither is their order.
    replies.sort();
    assert_eq!(replies, expected.iter().map(|n| format!("7 {n}")).collect::<Vec<_>>());
}
