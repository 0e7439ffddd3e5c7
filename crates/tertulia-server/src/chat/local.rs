//! Follows the live replies of a bot in this process.

use std::collections::VecDeque;

use tertulia::bot::Door;
use tertulia::stream::{Event, Followed, From, StreamId, Tail};
use tertulia::{Conversation, Result};

use super::screen::Seen;

/// What is said in a conversation from here on.
pub(super) struct Following<'a> {
    door: &'a Door,
    conversation: &'a Conversation,
    /// The number of the first live reply that was not found yet.
    from: u64,
    /// The streams of those that were not followed yet.
    found: VecDeque<StreamId>,
    tail: Option<Tail>,
}

impl<'a> Following<'a> {
    /// # Errors
    /// What the storage gives.
    pub(super) async fn new(door: &'a Door, conversation: &'a Conversation) -> Result<Self> {
        let from = door.live(conversation, 0).await?.next;
        Ok(Self { door, conversation, from, found: VecDeque::new(), tail: None })
    }

    /// What comes next; if nothing is under way it waits, or gives nothing. May be dropped at any time.
    ///
    /// # Errors
    /// What the storage gives.
    pub(super) async fn next(&mut self, waits: bool) -> Result<Vec<Seen>> {
        loop {
            if let Some(tail) = &mut self.tail {
                match tail.next().await? {
                    Some(Followed::Page(page)) if page.is_empty() => {}
                    Some(Followed::Page(page)) => {
                        let events = page.entries().filter_map(|entry| Event::decode(&entry).ok());
                        return Ok(events.map(Seen::Event).collect());
                    }
                    Some(Followed::Reset(_)) => return Ok(vec![Seen::Reset]),
                    None => {
                        self.tail = None;
                        return Ok(vec![Seen::End]);
                    }
                }
                continue;
            }
            if let Some(id) = self.found.front() {
                let stream = self.door.streams.get(id).await?;
                self.tail = stream.map(|stream| stream.tail(From::Start));
                self.found.pop_front();
                continue;
            }
            let lives = self.door.live(self.conversation, self.from).await?;
            for (_, entry) in lives.entries {
                self.found.push_back(StreamId::new(self.conversation.clone(), &entry.stream)?);
            }
            self.from = self.from.max(lives.next);
            if self.found.is_empty() {
                if !waits {
                    return Ok(Vec::new());
                }
                self.door.live_changed(self.conversation, lives.etag).await?;
            }
        }
    }

    /// Asks what is said to stop.
    ///
    /// # Errors
    /// What the storage gives.
    pub(super) async fn stop(&self) -> Result<()> {
        self.door.stop_live(self.conversation).await.map(drop)
    }
}
