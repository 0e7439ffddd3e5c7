//! Connections that nobody reads along, as `sslmode` says.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use tertulia::error::Kind;
use tertulia_postgres::{Postgres, PostgresOptions};
use tertulia_testkit::servers::Server;

use crate::rig::{expect_error, run, schema, server};

/// A server with the certificate of `localhost`, which lets nobody in who can be read along.
fn secret() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = Server::postgres();
        let data = server.folder().join("data");
        // The server writes them itself, so that they are its own.
        for (name, text) in [
            ("server.pem", include_str!("../fixtures/server.pem")),
            ("server.key", include_str!("../fixtures/server.key")),
            ("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\nhostnossl all all 127.0.0.1/32 reject"),
        ] {
            let path = data.join(name);
            server.psql(&format!(
                "COPY (SELECT unnest(string_to_array($text${text}$text$, E'\\n'))) TO '{}'",
                path.display()
            ));
            // The server keeps its secrets to itself, or does not take them.
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
        for setting in ["ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'", "ssl = on"] {
            server.psql(&format!("ALTER SYSTEM SET {setting}"));
        }
        server.psql("SELECT pg_reload_conf()");
        server
    })
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

async fn connect(host: &str, parameters: &str) -> tertulia::Result<Postgres> {
    let url =
        format!("postgres://postgres@{host}:{}/postgres?hostaddr=127.0.0.1&{parameters}", secret().port());
    PostgresOptions::new().schema(schema()).connect(&url).await
}

#[test]
fn a_server_that_wants_secrecy_gets_it_unless_told_otherwise() {
    run(async || {
        connect("localhost", "").await.unwrap();
        connect("localhost", "sslmode=prefer").await.unwrap();
        connect("elsewhere", "sslmode=require").await.unwrap();
        expect_error(connect("localhost", "sslmode=disable").await, Kind::Invalid, &["pg_hba"]);
    });
}

#[test]
fn a_certificate_is_held_to_its_root_and_its_name() {
    run(async || {
        let (root, other) = (fixture("root.pem"), fixture("other_root.pem"));
        connect("localhost", &format!("sslmode=verify-full&sslrootcert={root}")).await.unwrap();
        connect("elsewhere", &format!("sslmode=verify-ca&sslrootcert={root}")).await.unwrap();
        let wrong = [
            ("elsewhere", format!("sslmode=verify-full&sslrootcert={root}")),
            ("localhost", format!("sslmode=verify-full&sslrootcert={other}")),
            ("localhost", format!("sslmode=verify-ca&sslrootcert={other}")),
            ("localhost", format!("sslmode=require&sslrootcert={other}")),
            ("localhost", "sslmode=verify-full".to_owned()),
        ];
        for (host, parameters) in wrong {
            expect_error(connect(host, &parameters).await, Kind::Unavailable, &["certificate"]);
        }
        let missing = connect("localhost", "sslmode=verify-full&sslrootcert=/nowhere.pem").await;
        expect_error(missing, Kind::Invalid, &["/nowhere.pem"]);
    });
}

#[test]
fn secrecy_that_is_wanted_is_not_given_up() {
    run(async || {
        let url = server().postgres_url();
        let open = PostgresOptions::new().schema(schema()).connect(&format!("{url}?sslmode=require")).await;
        expect_error(open, Kind::Unavailable, &["TLS"]);
    });
}
