//! The events of a message, by conversation and message alone: two functions over streams.

use bytes::Bytes;

use super::streams::Streams;
use super::{Append, CreateOptions, Cursor, Event, From, Limit, StreamId, Visible};
use crate::error::Kind;
use crate::{Conversation, Result};

/// The events of a message from a place on.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// In order.
    pub events: Vec<Event>,
    /// Where to read on.
    pub next: Cursor,
    /// How the message's stream ended, if these are its last events.
    pub closed: Option<super::End>,
}

impl Streams {
    /// Appends an event to the stream named after a message, which is made if there is none: JSON, and visible at once.
    /// [`Complete`](super::EventKind::Complete) and [`Stop`](super::EventKind::Stop) close it, in the same append. Gives
    /// the cursor after the event.
    ///
    /// # Errors
    /// `Closed` if the message has come to its end; as [`Stream::write`](super::Stream::write).
    ///
    /// # Cancel safety
    /// If dropped, the event may be appended or not.
    pub async fn append_event(
        &self,
        conversation: &Conversation,
        message: &str,
        mut event: Event,
    ) -> Result<Cursor> {
        let id = StreamId::new(conversation.clone(), message)?;
        event.at.get_or_insert_with(|| self.0.clock.now());
        let append = || Append {
            entries: vec![Bytes::from(event.encode())],
            close: event.ends(),
            ..Append::default()
        };
        loop {
            let stream = match self.get(&id).await? {
                Some(stream) => stream,
                None => {
                    let content_type = "application/json".to_owned();
                    let options =
                        CreateOptions { content_type, visible: Visible::Live, ..CreateOptions::default() };
                    self.create(&id, options).await?.stream()
                }
            };
            match stream.write(append()).await {
                // It has just expired or was deleted: there is none.
                Err(error) if error.kind() == Kind::Gone => {}
                written => return written.map(super::Appended::end),
            }
        }
    }

    /// The events of a message from `from` on, at most a [page](Limit::PAGE); `None` if there is no such message.
    ///
    /// # Errors
    /// `Gone`, with a [`Resync`](super::Resync) if the place is not there any more; `Invalid` if an entry is no event;
    /// what the storage gives.
    ///
    /// # Cancel safety
    /// Reads nothing away.
    pub async fn get_events(
        &self,
        conversation: &Conversation,
        message: &str,
        from: From,
    ) -> Result<Option<Events>> {
        let id = StreamId::new(conversation.clone(), message)?;
        let Some(stream) = self.get(&id).await? else { return Ok(None) };
        let page = stream.read(from, Limit::PAGE).await?;
        let events = page.entries().map(|entry| Event::decode(&entry)).collect::<Result<_>>()?;
        Ok(Some(Events { events, next: page.next(), closed: page.closed() }))
    }
}
