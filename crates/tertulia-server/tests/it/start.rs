//! What it prints at start, and why it does not start.

use std::net::TcpListener;

use crate::support::Folder;

#[test]
fn it_prints_the_storage_what_that_survives_and_the_address() {
    let folder = Folder::new();
    let server = folder.serve();
    let path = folder.path().canonicalize().unwrap().join("tertulia.db");
    assert!(server.printed.contains(&format!("sqlite:{}", path.display())), "{}", server.printed);
    let survives = "survives a process kill: yes, a power loss: yes, a failover: no";
    assert!(server.printed.contains(survives), "{}", server.printed);
    assert!(server.printed.contains(&format!("curl -d '{{\"text\":\"hello\"}}' {}/chat/alice", server.url)));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = Folder::new();
    folder.run(&["--listen", &address]).failed(1, &["cannot listen on", &address, "in use"]);
    assert!(!folder.path().join("tertulia.db").exists(), "nothing was made");
}

#[test]
fn a_database_in_use_names_the_process_and_its_address() {
    let folder = Folder::new();
    let server = folder.serve();
    let second = folder.run(&["--listen", "127.0.0.1:0"]);
    second.failed(1, &["tertulia.db is in use by process", &server.pid().to_string(), &server.url]);
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    folder.write("file", "");
    for path in ["sqlite:missing/x.db", "sqlite:file/x.db", "sqlite:."] {
        folder.run(&["--listen", "127.0.0.1:0", "--storage", path]).failed(1, &["tertulia: "]);
    }
    folder.write("other.db", "this is no database, only a text of more than some bytes");
    folder.run(&["--listen", "127.0.0.1:0", "--storage", "sqlite:other.db"]).failed(1, &["other.db"]);
}

#[test]
fn unknown_flags_and_commands_are_usage_errors() {
    let folder = Folder::new();
    for arguments in [&["--bogus"][..], &["dance"], &["chat"], &["show"]] {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("Usage: tertulia"), "{ended:?}");
    }
}
