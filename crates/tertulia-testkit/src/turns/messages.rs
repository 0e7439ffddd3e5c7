//! Messages that are changed, and in which order they are.

use serde::{Deserialize, Serialize};
use tertulia::bot::{Bot, Context, Session};
use tertulia::runner::Ticket;

use super::Setting;
use crate::Board;

/// What a conversation has ordered, and the message that shows it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Order {
    shown: Option<Ticket>,
    items: u32,
}

fn ordering(bot: Bot) -> Bot {
    let bot = bot.session::<Order>("order");
    bot.on_message(async |ctx: Context, mut order: Session<Order>| {
        order.items += 1;
        let text = format!("{} items", order.items);
        match &order.shown {
            Some(ticket) if ctx.text() == "clear" => ctx.delete(ticket).await?,
            Some(ticket) => ctx.edit(ticket, text).await?,
            None => order.shown = Some(ctx.reply(text).await?),
        }
        ctx.reply(format!("did {}", ctx.text())).await?;
        Ok(())
    })
}

/// A message that an earlier process has sent is edited and deleted by those that follow, each change before what was
/// replied after it.
pub async fn a_message_is_changed_over_restarts(setting: &Setting<'_>) {
    let board = Board::new();
    let mut bot = setting.start(board.clone(), ordering).await;
    let said = [("add", "1 items"), ("more", "2 items"), ("clear", "")];
    let mut done = Vec::new();
    for (text, shows) in said {
        setting.tell(&bot, text).await;
        done.push(format!("did {text}"));
        let shown = [shows].into_iter().filter(|shows| !shows.is_empty());
        let expected: Vec<&str> = shown.chain(done.iter().map(String::as_str)).collect();
        setting.shown(&board, &expected).await;
        bot = setting.after(bot, board.clone(), ordering).await;
    }
    setting.end_all(bot).await;
    assert_eq!(board.requests(), ["+1 items", "+did add", "=2 items", "+did more", "-", "+did clear"]);
}
