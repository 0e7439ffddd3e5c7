//! A connection that stays open: requests as bytes, and as much of the answers as is needed.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An HTTP/1.1 connection to a server on loopback.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What was read and is not used: `buffer[used..filled]`.
    used: usize,
    filled: usize,
}

/// The head of an answer, as far as it matters.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) next_offset: String,
    pub(crate) up_to_date: bool,
    length: Length,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Length {
    #[default]
    None,
    Bytes(usize),
    Chunked,
}

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 256 << 10], used: 0, filled: 0 })
    }

    /// Sends a request and reads its answer; each piece of the body is given to `piece`.
    pub(crate) async fn call(
        &mut self,
        request: &[u8],
        mut piece: impl FnMut(&[u8]),
    ) -> anyhow::Result<Head> {
        let head = self.begin(request).await?;
        match head.length {
            Length::None => {}
            Length::Bytes(bytes) => self.take(bytes, &mut piece).await?,
            Length::Chunked => loop {
                let line = self.line().await?;
                let size = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16)?;
                self.take(size, &mut piece).await?;
                ensure!(self.line().await?.is_empty(), "a chunk is longer than it says");
                if size == 0 {
                    break;
                }
            },
        }
        Ok(head)
    }

    /// Sends a request and reads the head of its answer alone.
    pub(crate) async fn begin(&mut self, request: &[u8]) -> anyhow::Result<Head> {
        self.stream.write_all(request).await?;
        let mut head = Head::default();
        let status = self.line().await?;
        head.status = status.get(9..12).context("no status line")?.parse()?;
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = Length::Bytes(value.parse()?),
                "transfer-encoding" => head.length = Length::Chunked,
                "stream-next-offset" => value.clone_into(&mut head.next_offset),
                "stream-up-to-date" => head.up_to_date = true,
                _ => {}
            }
        }
        Ok(head)
    }

    /// Reads what comes next of a body that has no end, without its framing being told apart.
    pub(crate) async fn more(&mut self) -> anyhow::Result<&[u8]> {
        if self.used == self.filled {
            self.fill().await?;
        }
        let more = &self.buffer[self.used..self.filled];
        self.used = self.filled;
        Ok(more)
    }

    async fn take(&mut self, mut bytes: usize, piece: &mut impl FnMut(&[u8])) -> anyhow::Result<()> {
        while bytes > 0 {
            if self.used == self.filled {
                self.fill().await?;
            }
            let end = self.filled.min(self.used + bytes);
            piece(&self.buffer[self.used..end]);
            bytes -= end - self.used;
            self.used = end;
        }
        Ok(())
    }

    /// A line without its end.
    async fn line(&mut self) -> anyhow::Result<String> {
        loop {
            let there = &self.buffer[self.used..self.filled];
            if let Some(end) = memchr::memchr(b'\n', there) {
                let line = std::str::from_utf8(&there[..end])?.trim_end_matches('\r').to_owned();
                self.used += end + 1;
                return Ok(line);
            }
            self.fill().await?;
        }
    }

    /// Reads more, behind what is not used yet.
    async fn fill(&mut self) -> anyhow::Result<()> {
        if self.used > 0 {
            self.buffer.copy_within(self.used..self.filled, 0);
            self.filled -= self.used;
            self.used = 0;
        }
        ensure!(self.filled < self.buffer.len(), "a line is longer than {} bytes", self.buffer.len());
        match self.stream.read(&mut self.buffer[self.filled..]).await? {
            0 => bail!("the server closed the connection"),
            read => self.filled += read,
        }
        Ok(())
    }
}

/// A request: its head, and its body if it has one.
pub(crate) fn request(method: &str, target: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A request without a body.
pub(crate) fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into_bytes()
}
