//! Servers reached over TLS. The certificates are of `tests/fixtures/tls`, made for 127.0.0.1 alone.

use std::path::Path;

use tertulia::error::Kind;
use tertulia::storage::{LogWrite, Storage};
use tertulia_testkit::servers::{Server, free_port};

use crate::rig::{self, commit, log, log_page};

fn path(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name).to_str().unwrap().to_owned()
}

fn pem(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

/// A server that asks who comes by TLS for a certificate, and the URL for that; `None` if it was built without TLS.
fn server() -> Option<(Server, u16)> {
    let version = std::process::Command::new("ldd").arg(which(&rig::program())).output();
    if version.is_ok_and(|libraries| !String::from_utf8_lossy(&libraries.stdout).contains("libssl")) {
        eprintln!("this program was built without TLS");
        return None;
    }
    let port = free_port();
    let (text, files) = (port.to_string(), ["server.pem", "server.key", "ca.pem"].map(path));
    let server = rig::server(&[
        "--tls-port",
        &text,
        "--tls-cert-file",
        &files[0],
        "--tls-key-file",
        &files[1],
        "--tls-ca-cert-file",
        &files[2],
        "--tls-auth-clients",
        "yes",
    ]);
    Some((server, port))
}

/// What a URL says of our certificates.
fn files() -> String {
    let (root, certificate, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    format!("root_certificates={root}&client_certificate={certificate}&client_key={key}")
}

fn which(program: &std::ffi::OsStr) -> std::path::PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(program));
    paths.find(|path| path.exists()).unwrap_or_else(|| program.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_reached_over_tls_and_told_by_its_certificate() {
    let Some((_server, port)) = server() else { return };
    let url = format!("rediss://127.0.0.1:{port}?prefix={}", rig::prefix());
    let options = || {
        rig::options()
            .client_certificate(pem("client.pem"), pem("client.key"))
            .root_certificates(pem("ca.pem"))
    };
    let store = options().connect(&url).await.unwrap();
    assert!(store.properties().name.starts_with("rediss://127.0.0.1:"), "{}", store.properties().name);
    let key = log("a");
    let waiting = store.changed(&key, None);
    let writing = commit(&store, [LogWrite::new(log("a")).append(vec![7; 1_000_000]).into()]);
    let (found, made) = futures_util::future::join(waiting, writing).await;
    assert_eq!(found.unwrap(), made.unwrap().heads[0]);
    assert_eq!(log_page(&store, &log("a")).await.entries[0].len(), 1_000_000);
    // Nobody whom the system trusts vouches for it.
    let stranger = rig::options().client_certificate(pem("client.pem"), pem("client.key"));
    let refused = stranger.connect(&url).await.unwrap_err();
    assert!(matches!(refused.kind(), Kind::Unavailable | Kind::Invalid), "{refused}");
    // It is a certificate for the address, not for the name.
    assert!(options().connect(&url.replace("127.0.0.1", "localhost")).await.is_err());
    // And it lets in only who shows one.
    assert!(rig::options().root_certificates(pem("ca.pem")).connect(&url).await.is_err());
    // The same by the URL alone.
    tertulia_redis::Redis::connect(&format!("{url}&{}", files())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_are_reached_over_tls_as_the_server_is() {
    let Some((_server, port)) = server() else { return };
    let own = free_port();
    let settings = format!(
        "tls-port {own}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-replication yes\n",
        path("server.pem"),
        path("server.key"),
        path("ca.pem")
    );
    let _sentinel = Server::sentinel_with(rig::program(), port, &settings);
    let url = format!("rediss-sentinel://127.0.0.1:{own}?master=main&prefix={}", rig::prefix());
    let store = rig::options().connect(&format!("{url}&{}", files())).await.unwrap();
    commit(&store, [LogWrite::new(log("a")).append("x").into()]).await.unwrap();
    assert!(rig::options().connect(&url).await.is_err(), "nobody whom the system trusts vouches for it");
}
