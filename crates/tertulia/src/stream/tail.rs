//! Following a stream: what is there, then what comes.

use super::read::resync;
use super::stream::Stream;
use super::watch::Following;
use super::{End, From, Limit, Lost, Page, Resync};
use crate::Result;

/// A reader that catches up and then waits for more, without gaps and without polling.
///
/// It holds no more than the page it gives: a slow reader costs the stream nothing.
#[derive(Debug)]
pub struct Tail {
    stream: Stream,
    from: From,
    limit: Limit,
    /// From when it has read once: what others write is looked for from then on.
    following: Option<Following>,
    /// Whether the end was given.
    ended: Option<End>,
}

/// What comes next to a reader that follows.
#[derive(Clone, Debug)]
pub enum Followed {
    /// Entries, at least one, or the end, or both.
    Page(Page),
    /// What was read after `earliest` is being said anew, or what comes next was dropped; the next page begins at
    /// `earliest`.
    Reset(Resync),
}

impl Stream {
    /// Follows the stream from a place on.
    pub fn tail(&self, from: From) -> Tail {
        Tail { stream: self.clone(), from, limit: Limit::PAGE, following: None, ended: None }
    }
}

impl Tail {
    /// How much comes at once.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// Where the next page begins.
    pub fn from(&self) -> From {
        self.from
    }

    /// What comes next; `None` after the end. Waits for it.
    ///
    /// # Errors
    /// `Gone` if the stream is no longer there, or the place it began at is of another stream; what the storage gives.
    ///
    /// # Cancel safety
    /// If dropped, nothing is skipped.
    pub async fn next(&mut self) -> Result<Option<Followed>> {
        if self.ended.is_some() {
            return Ok(None);
        }
        loop {
            let read = match (&self.following, self.from) {
                (Some(_), From::At(cursor)) => self.stream.next_page(cursor, self.limit).await,
                _ => self.stream.read(self.from, self.limit).await,
            };
            let page = match read {
                Ok(page) => page,
                Err(error) => match resync(&error) {
                    // What it has read was of this stream: a branch that was shown and never stored.
                    Some(lost) if lost.why != Lost::Foreign || self.following.is_some() => {
                        let why = if lost.why == Lost::Foreign { Lost::Superseded } else { lost.why };
                        let lost = Resync { why, ..lost };
                        self.from = From::At(lost.earliest);
                        return Ok(Some(Followed::Reset(lost)));
                    }
                    _ => return Err(error),
                },
            };
            let stream = &self.stream;
            self.following.get_or_insert_with(|| Following::new(&stream.streams, &stream.live));
            self.from = From::At(page.next());
            self.ended = page.closed();
            if !page.is_empty() || self.ended.is_some() {
                return Ok(Some(Followed::Page(page)));
            }
        }
    }

    /// How the stream ended, once the end was given.
    pub fn ended(&self) -> Option<End> {
        self.ended
    }
}
