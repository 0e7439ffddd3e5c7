//! Tokens by name and capability tokens of a running server, and what it logs of them.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::{Folder, client};

const PAGE: &str = "page-canary-0123456789";
const OPS: &str = "ops-canary-0123456789";
const KEY: &str = "key-canary-0123456789";

#[tokio::test]
async fn each_token_opens_its_part_and_none_is_ever_logged() {
    let folder = Folder::new();
    folder.write("page-secret", PAGE);
    folder.write(
        "tertulia.toml",
        "log = 'trace'\n[tokens.page]\nscopes = ['chat', 'streams:read']\nsecret_file = 'page-secret'\n\
         [tokens.ops]\nscopes = 'admin'\n",
    );
    let variables = [("TERTULIA_TOKEN_OPS", OPS), ("TERTULIA_CAPABILITY_KEY", KEY)];
    let server = folder.serve_with(&[], &variables);
    assert!(server.printed.contains("a token is needed"), "{}", server.printed);
    let status = async |path: &str, token: &str| {
        let request = client().get(format!("{}{path}", server.url)).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!([status("/v1/dead", PAGE).await, status("/v1/dead", OPS).await], [403, 200]);
    assert_eq!([status("/metrics", PAGE).await, status("/health", PAGE).await], [403, 200]);
    assert_eq!(server.post("alice", "count", None).await.status, 401);

    let asked = json!({"conversation": "http:alice", "stream": "a", "rights": ["read"], "query": true});
    let mint = client().post(format!("{}/v1/tokens", server.url)).bearer_auth(PAGE).json(&asked);
    let minted: Value = mint.send().await.unwrap().json().await.unwrap();
    let token = minted["token"].as_str().unwrap();
    let url = format!("{}/v1/nothing?token={token}", server.url);
    let answer = client().get(url).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["referrer-policy"]),
        (404, &"no-referrer".parse().unwrap())
    );

    let mut malformed = TcpStream::connect(server.address()).unwrap();
    write!(malformed, "GET /v1/nothing?token={token} HTTP/1.1\r\nauthorization: Bearer {OPS}\r\n\0\r\n\r\n")
        .unwrap();
    malformed.read_to_end(&mut Vec::new()).unwrap();

    let mut chat = folder.command(&["chat", "alice", "--url", &server.url]);
    let chat = chat.envs(variables).output().unwrap();
    assert!(chat.status.success(), "with the page's token: {chat:?}");
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("a connection ended"), "what is wrong with requests is logged: {log}");
    for secret in [PAGE, OPS, KEY, token, &token[4..24]] {
        assert!(!log.contains(secret) && !server.printed.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn a_scope_that_is_none_ends_it_with_its_name() {
    let folder = Folder::new();
    folder.write("tertulia.toml", "[tokens.page]\nscopes = 'stream:read'\nsecret = '0123456789abcdef'");
    folder.run(&[]).failed(2, &["tokens.page.scopes", "`stream:read` is not a scope", "streams:read"]);
}
