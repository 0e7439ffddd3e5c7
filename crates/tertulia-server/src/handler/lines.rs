//! The body of an answer, in lines as they come or whole, within bounds.

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use tertulia::bot;

use super::client::reason;
use super::failed::Failed;

/// The most bytes of an answer.
pub(super) const MAX_BODY: usize = 8 << 20;
/// The most bytes of a line.
pub(super) const MAX_LINE: usize = 1 << 20;

/// What is read of a body.
#[derive(Debug)]
pub(super) struct Lines {
    response: Response,
    /// Read and not given yet.
    buffer: BytesMut,
    /// How many bytes of it are known to have no end of a line.
    searched: usize,
    /// How many bytes were read in all.
    read: usize,
}

impl Lines {
    pub(super) fn new(response: Response) -> Self {
        Self { response, buffer: BytesMut::new(), searched: 0, read: 0 }
    }

    /// The next line, without its end; `None` at the end of the body.
    ///
    /// # Errors
    /// A failed try if the body is cut, or it or the line is too long.
    ///
    /// # Cancel safety
    /// Loses nothing: what was read is kept for the next call.
    pub(super) async fn next(&mut self) -> bot::Result<Option<Bytes>> {
        loop {
            let end = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            let end = end.map(|end| self.searched + end);
            if end.unwrap_or(self.buffer.len()) > MAX_LINE {
                return Err(Failed::new(format!(
                    "a line of the handler's answer has more than {MAX_LINE} bytes"
                ))
                .into());
            }
            if let Some(end) = end {
                self.searched = 0;
                let mut line = self.buffer.split_to(end + 1);
                line.truncate(end);
                return Ok(Some(line.freeze()));
            }
            self.searched = self.buffer.len();
            if !self.more().await? {
                self.searched = 0;
                // A last line need not be ended.
                return Ok((!self.buffer.is_empty()).then(|| self.buffer.split().freeze()));
            }
        }
    }

    /// Everything that is left.
    ///
    /// # Errors
    /// A failed try if the body is cut or too long.
    pub(super) async fn rest(mut self) -> bot::Result<Bytes> {
        while self.more().await? {}
        Ok(self.buffer.freeze())
    }

    /// Reads more, unless the body is at its end.
    async fn more(&mut self) -> bot::Result<bool> {
        let chunk = self.response.chunk().await;
        let chunk =
            chunk.map_err(|error| Failed::new(format!("the handler's answer was cut: {}", reason(error))))?;
        let Some(chunk) = chunk else { return Ok(false) };
        self.read += chunk.len();
        if self.read > MAX_BODY {
            return Err(Failed::new(format!("the handler's answer has more than {MAX_BODY} bytes")).into());
        }
        self.buffer.extend_from_slice(&chunk);
        Ok(true)
    }
}
