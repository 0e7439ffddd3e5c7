//! Answers the one call a dispatcher makes before it starts: who am I.

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ANSWER: &str = r#"{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"Bench","username":"bench_bot",
"can_join_groups":false,"can_read_all_group_messages":false,"supports_inline_queries":false,
"can_connect_to_business":false,"has_main_web_app":false}}"#;

/// Serves one `getMe` on a free port of this machine and returns the address to call.
pub(crate) async fn serve() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on 127.0.0.1")?;
    let address = listener.local_addr().context("the listener has no address")?;
    tokio::spawn(async move {
        if let Err(error) = answer(listener).await {
            eprintln!("getMe was not answered: {error}");
        }
    });
    Ok(format!("http://{address}/"))
}

async fn answer(listener: TcpListener) -> std::io::Result<()> {
    let (mut stream, _) = listener.accept().await?;
    let mut request = Vec::new();
    // The call has no body worth waiting for: its end is the end of its head.
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        ANSWER.len(),
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(ANSWER.as_bytes()).await?;
    stream.shutdown().await
}
