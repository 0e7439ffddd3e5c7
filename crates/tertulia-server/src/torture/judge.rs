//! The judge: compares what was sent to the bot with what it answered.

use serde::Serialize;

/// What came of the updates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    /// How many updates were sent, without poison.
    pub(crate) updates: u64,
    /// How many have an answer.
    pub(crate) answered: u64,
    /// How many have none.
    pub(crate) lost: u64,
    /// How many of these the bot had confirmed.
    pub(crate) lost_though_confirmed: u64,
    /// How many were answered after a later one of the same chat.
    pub(crate) reordered: u64,
    /// How often a counter moved on without an update.
    pub(crate) doubled: u64,
    /// How often a counter did not move on, or went back.
    pub(crate) state_lost: u64,
    /// How often the same answer was sent again.
    pub(crate) repeated: u64,
    /// How many texts are no answers.
    pub(crate) strange: u64,
    /// The last counters of all chats, added up. It is `updates` if all is well.
    pub(crate) counted: u64,
}

/// What is known of each chat.
#[derive(Debug)]
pub(crate) struct Judge {
    chats: Vec<Chat>,
    /// The chat and the number of each update, by its id, which begin at 1; the number of a poison is 0.
    updates: Vec<(u32, u32)>,
    confirmed: Vec<bool>,
    /// How many updates have no answer and none is expected any more.
    written_off: u64,
    verdict: Verdict,
}

#[derive(Clone, Debug, Default)]
struct Chat {
    /// The counter in the last answer to each update; 0 if there is none.
    answers: Vec<u32>,
    /// The last update that was answered in order.
    last: u32,
    /// The last counter.
    counter: u32,
    /// Up to this update, those without an answer are written off.
    written_off: u32,
}

impl Judge {
    /// For chats from 0 up.
    pub(crate) fn new(chats: u32) -> Self {
        let chats = (0..chats).map(|_| Chat::default()).collect();
        let (updates, confirmed, written_off) = (Vec::new(), Vec::new(), 0);
        Self { chats, updates, confirmed, written_off, verdict: Verdict::default() }
    }

    /// The number that the chat's next update will have.
    pub(crate) fn next(&self, chat: u32) -> u32 {
        self.chat(chat)
            .map_or(0, |chat| chat.answers.len())
            .try_into()
            .map_or(u32::MAX, |count: u32| count + 1)
    }

    /// The next update was sent to a chat.
    pub(crate) fn sent(&mut self, chat: u32, poison: bool) {
        let number = if poison { 0 } else { self.next(chat) };
        self.updates.push((chat, number));
        self.confirmed.push(false);
        if !poison && let Some(chat) = self.chats.get_mut(chat as usize) {
            chat.answers.push(0);
            self.verdict.updates += 1;
        }
    }

    /// The bot confirmed an update.
    pub(crate) fn confirmed(&mut self, update: u64) {
        let place = usize::try_from(update).ok().and_then(|update| update.checked_sub(1));
        if let Some(confirmed) = place.and_then(|place| self.confirmed.get_mut(place)) {
            *confirmed = true;
        }
    }

    /// The bot sent a text to a chat.
    pub(crate) fn heard(&mut self, chat: u32, text: &str) {
        let Some((counter, number)) = parse(text) else {
            self.verdict.strange += 1;
            return;
        };
        let Some(chat) = self.chats.get_mut(chat as usize) else {
            self.verdict.strange += 1;
            return;
        };
        let place = (number as usize).wrapping_sub(1);
        let Some(answer) = chat.answers.get_mut(place) else {
            self.verdict.strange += 1;
            return;
        };
        let verdict = &mut self.verdict;
        if *answer != 0 {
            if *answer == counter {
                verdict.repeated += 1;
            } else {
                // Given again, it found its own effect, or less than was there.
                match counter < chat.counter {
                    true => verdict.state_lost += 1,
                    false => verdict.doubled += 1,
                }
                (*answer, chat.counter) = (counter, counter);
            }
            return;
        }
        *answer = counter;
        verdict.answered += 1;
        self.written_off -= u64::from(number <= chat.written_off);
        if number < chat.last {
            verdict.reordered += 1;
            chat.counter = chat.counter.max(counter);
            return;
        }
        // Updates between that were lost may have counted or not.
        let most = number - chat.last;
        match counter.checked_sub(chat.counter) {
            None | Some(0) => verdict.state_lost += 1,
            Some(moved) => verdict.doubled += u64::from(moved.saturating_sub(most)),
        }
        chat.counter = counter;
        chat.last = number;
    }

    /// How many updates have no answer so far.
    pub(crate) fn unanswered(&self) -> u64 {
        self.verdict.updates - self.verdict.answered
    }

    /// How many of these are still expected to have one.
    pub(crate) fn expected(&self) -> u64 {
        self.unanswered() - self.written_off
    }

    /// Expects no answers to what was sent so far. One that comes all the same counts.
    pub(crate) fn write_off(&mut self) {
        self.written_off = self.unanswered();
        for chat in &mut self.chats {
            chat.written_off = chat.answers.len().try_into().unwrap_or(u32::MAX);
        }
    }

    /// What is known so far.
    pub(crate) fn so_far(&self) -> &Verdict {
        &self.verdict
    }

    /// The judgement, when nothing more will come.
    pub(crate) fn verdict(&self) -> Verdict {
        let lost = |(chat, number): (u32, u32)| {
            let place = (number as usize).wrapping_sub(1);
            let answer = self.chat(chat).and_then(|chat| chat.answers.get(place));
            answer == Some(&0)
        };
        let confirmed = self.updates.iter().zip(&self.confirmed).filter(|(_, confirmed)| **confirmed);
        let lost_though_confirmed = confirmed.filter(|(update, _)| lost(**update)).count() as u64;
        let counted = self.chats.iter().map(|chat| u64::from(chat.counter)).sum();
        Verdict { lost: self.unanswered(), lost_though_confirmed, counted, ..self.verdict.clone() }
    }

    fn chat(&self, chat: u32) -> Option<&Chat> {
        self.chats.get(chat as usize)
    }
}

impl Verdict {
    /// What is wrong, in words; `None` if nothing is.
    pub(crate) fn wrong(&self) -> Option<String> {
        let found = [
            (self.lost, "lost"),
            (self.reordered, "reordered"),
            (self.doubled, "doubled"),
            (self.state_lost, "counters went back"),
        ];
        let found: Vec<String> = found
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        (!found.is_empty()).then(|| found.join(", "))
    }
}

/// The text of an update.
pub(crate) fn text(number: u32) -> String {
    format!("u{number}")
}

/// The counter and the update's number in an answer.
fn parse(text: &str) -> Option<(u32, u32)> {
    let (counter, text) = text.split_once(' ')?;
    let counter: u32 = counter.parse().ok().filter(|counter| *counter > 0)?;
    Some((counter, text.strip_prefix('u')?.parse().ok()?))
}

#[cfg(test)]
#[path = "judge/tests.rs"]
mod tests;
