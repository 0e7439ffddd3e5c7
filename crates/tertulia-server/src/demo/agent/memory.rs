//! What the model is told of the conversation, and what is kept of it.

use tertulia::Log;

use crate::demo::model::{Message, Role};

/// The most messages that are kept, and that the model is given beside the answer under way.
const KEPT: usize = 200;
const GIVEN: usize = 40;
/// The most characters of them.
const MAX_CHARS: usize = 24_000;
/// The most characters that are kept of a message.
const MAX_MESSAGE: usize = 20_000;

/// What the model is to be.
pub(super) fn system(name: Option<&str>) -> String {
    let name = match name {
        Some(name) => format!("The user's name is {name}."),
        None => "You do not know the user's name yet.".to_owned(),
    };
    format!(
        "You are the demonstration agent of Tertulia, a runtime that keeps conversations. Answer briefly, in the \
         user's language. You keep notes and the user's name with your tools, calculate with `calculator`, and answer \
         questions about Tertulia from what `search` finds. {name}"
    )
}

/// As much of what is kept as may be given.
pub(super) fn last(kept: &Log<Message>) -> Vec<Message> {
    kept.last(GIVEN).to_vec()
}

/// The last messages that fit, from a message of the user on, and those of the answer under way.
pub(super) fn context(kept: &[Message], new: &[Message]) -> Vec<Message> {
    let mut chars = 0;
    let mut from = kept.len();
    for (index, message) in kept.iter().enumerate().rev() {
        chars += message.text.len() + message.calls.iter().map(|call| call.input.len()).sum::<usize>();
        if chars > MAX_CHARS {
            break;
        }
        if message.role == Role::User {
            from = index;
        }
    }
    kept[from..].iter().chain(new).filter(|message| message.role != Role::Unknown).cloned().collect()
}

/// Keeps what was said.
pub(super) fn keep(kept: &mut Log<Message>, new: Vec<Message>) {
    kept.extend(new.into_iter().map(|mut message| {
        if let Some((end, _)) = message.text.char_indices().nth(MAX_MESSAGE) {
            message.text.truncate(end);
        }
        message
    }));
    kept.keep_last(KEPT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_given_what_fits_from_a_message_of_the_user_on() {
        let mut kept = Log::new();
        for number in 0..60 {
            let said = [Message::user(format!("{number}")), Message::assistant("a".repeat(500), Vec::new())];
            keep(&mut kept, said.to_vec());
        }
        let given = context(&last(&kept), &[Message::user("now")]);
        assert_eq!((given.len(), given[0].text.as_str()), (41, "40"));
        keep(&mut kept, vec![Message::user("long"), Message::assistant("é".repeat(30_000), Vec::new())]);
        assert_eq!(kept.back().map(|message| message.text.chars().count()), Some(MAX_MESSAGE));
        assert_eq!(context(&last(&kept), &[Message::user("now")]).len(), 1, "half an exchange is not given");
        for _ in 0..200 {
            keep(&mut kept, vec![Message::user("more")]);
        }
        assert_eq!(kept.len(), KEPT);
    }
}
