//! Compares what is left of live replies: their streams, their messages, the answers, and the log that tells of them.

use tertulia::bot::answer::Answer;
use tertulia::stream::{End, Event, EventKind, From, Limit, StreamId, Streams, StreamsOptions};
use tertulia::{Clock, Conversation, Error, Key, Name, Timestamp};

use super::figures::Counters;
use super::judge::Judge;
use super::plan::{Kind, POLLED, Written};
use super::platform::incoming;
use super::process::Chat;
use super::wall::Said;

/// What ends a text that broke off.
const BROKEN_OFF: &str = " …";

impl Judge<'_> {
    /// Each live reply of a conversation, as `chat` says what was applied.
    pub(super) async fn lives(&self, conversation: &Conversation, chat: &Chat) -> Result<(), Error> {
        let clock = Clock::starting_at(Timestamp(1_700_000_000_000), 0);
        let streams = Streams::with(Some(self.storage.clone()), clock, StreamsOptions::default());
        let told = self.log(Key::Log(conversation.clone(), Name::from_static("live"))).await?;
        for (number, written) in
            self.updates(conversation).filter(|(_, written)| written.kind.says().is_some())
        {
            let applied: Vec<_> = chat.lives.iter().filter(|(of, ..)| *of == number).collect();
            let lives = if written.kind.dies() { 1 } else { applied.len() };
            self.check(lives > 0, || format!("{number} has no live reply"));
            for nth in 0..u8::try_from(lives).unwrap_or(u8::MAX) {
                let stream = format!("{}/reply-{nth}", incoming(self.world, number).id);
                let named = format!("\"stream\":\"{stream}\"");
                let told =
                    told.iter().filter(|entry| String::from_utf8_lossy(entry).contains(&named)).count();
                self.check(told == 1, || format!("the live reply {stream} is told of {told} times"));
                let text = self.stream(&streams, conversation, &stream, written).await?;
                if let Some((_, _, applied)) = applied.get(usize::from(nth))
                    && (nth == 1 || matches!(written.kind, Kind::Live(..)))
                {
                    self.check(text == *applied, || format!("{stream} says {text:?} instead of {applied:?}"));
                }
                if conversation.source() == POLLED && !self.world.is_overlapped() {
                    Counters::add(&self.world.counters.lives);
                    self.wall(conversation, number, nth, &text, written);
                }
            }
        }
        Ok(())
    }

    /// What a stream says, which is to be what one run says, and to its end.
    async fn stream(
        &self,
        streams: &Streams,
        conversation: &Conversation,
        name: &str,
        written: &Written,
    ) -> Result<String, Error> {
        let Some(stream) = streams.get(&StreamId::new(conversation.clone(), name)?).await? else {
            self.check(false, || format!("there is no stream {name}"));
            return Ok(String::new());
        };
        let (mut from, mut text) = (From::Start, String::new());
        let end = loop {
            let page = stream.read(from, Limit::PAGE).await?;
            for entry in page.entries() {
                let event = Event::decode(&entry)?;
                self.check(event.kind == EventKind::Content, || format!("{name} has {event:?}"));
                text.push_str(&event.content);
            }
            if page.closed().is_some() || page.is_up_to_date() {
                break page.closed();
            }
            from = From::At(page.next());
        };
        let expected = if written.kind.dies() { End::Aborted } else { End::Complete };
        self.check(end == Some(expected), || format!("{name} ended as {end:?} instead of {expected:?}"));
        if !written.kind.dies() {
            self.check(self.live(&text).is_some(), || format!("{name} says {text:?}, which no run says"));
        }
        Ok(text)
    }

    /// Whose whole text this is.
    fn live(&self, text: &str) -> Option<Said> {
        let said = Said::of(text)?;
        let tokens = self.world.plan.updates.get(said.number)?.kind.says()?.tokens;
        (said.whole(tokens) == text).then_some(said)
    }

    /// What the platform shows of a live reply.
    fn wall(&self, conversation: &Conversation, number: usize, nth: u8, text: &str, written: &Written) {
        let ticket = format!("{}.{}", incoming(self.world, number).id, (1_u32 << 31) + u32::from(nth));
        let walls = self.world.platform.walls.lock();
        if written.kind.dies() {
            // A process that was killed between the end of the stream and the batch that buries the update leaves a
            // message that is over, whatever a run after it says.
            let newest = walls.get(conversation).and_then(|wall| wall.newest(&ticket)).unwrap_or_default();
            let is_broken_off = newest.ends_with(BROKEN_OFF) || newest.is_empty() && text.is_empty();
            return self.check(is_broken_off, || format!("{ticket} died and its message says {newest:?}"));
        }
        let judged = walls.get(conversation).map(|wall| wall.judge(self.world, &ticket, text));
        match judged {
            None => self.check(false, || format!("nothing is shown of {ticket}")),
            Some(Ok(())) => {}
            Some(Err(wrong)) => self.check(false, || format!("{ticket} in {conversation}: {wrong}")),
        }
    }

    /// An answer with the texts of live replies, each made the name of its update and its place in it.
    pub(super) fn unlive(&self, answer: Option<Answer>) -> Option<Answer> {
        let name = |text: String| match self.live(&text) {
            Some(Said { number, nth, .. }) => live_name(number, nth),
            None => text,
        };
        answer.map(|answer| match answer {
            Answer::Replies(replies) => Answer::Replies(replies.into_iter().map(name).collect()),
            other => other,
        })
    }

    /// What is replied to an update, as [`unlive`](Self::unlive) names it.
    pub(super) fn live_replies(&self, mut replies: Vec<String>, number: usize, chat: &Chat) -> Vec<String> {
        if self.world.plan.updates[number].kind.says().is_some() {
            replies.insert(replies.len().min(1), live_name(number, 0));
        }
        // What was asked for says the second of whoever asked.
        let asked = |(of, nth, _): &&(usize, u8, String)| {
            *nth == 1 && super::process::plain_after(self.world, *of) == Some(number)
        };
        replies.extend(chat.lives.iter().filter(asked).map(|(of, nth, _)| live_name(*of, *nth)));
        replies
    }
}

fn live_name(number: usize, nth: u8) -> String {
    format!("live reply {nth} of {number}")
}
