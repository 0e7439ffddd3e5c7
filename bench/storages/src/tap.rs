//! A proxy that writes down what is said to a server.

use std::sync::{Arc, Mutex};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

/// Everything that went to the server, of all connections, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// Takes what was written down so far.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics with it"))
    }
}

/// Listens for one who talks to `port`, and gives the port to talk to instead. Ends with the runtime.
pub(crate) async fn open(port: u16) -> anyhow::Result<(u16, Heard)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let (own, heard) = (listener.local_addr()?.port(), Heard::default());
    let notes = heard.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, port, notes.clone()));
        }
    });
    Ok((own, heard))
}

async fn pass(client: TcpStream, port: u16, heard: Heard) -> anyhow::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await.context("the server is gone")?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = async move { copy(&mut from_server, &mut to_client).await.map(drop) };
    let questions = async move {
        let mut part = vec![0; 64 << 10];
        loop {
            let length = from_client.read(&mut part).await?;
            if length == 0 {
                return Ok(());
            }
            heard.0.lock().expect("nobody panics with it").extend(&part[..length]);
            to_server.write_all(&part[..length]).await?;
        }
    };
    let result: std::io::Result<((), ())> = futures_util::future::try_join(answers, questions).await;
    result.map(drop).map_err(Into::into)
}
