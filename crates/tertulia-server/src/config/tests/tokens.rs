//! API tokens by name, keys of capabilities, origins.

use axum::http::Request;
use axum::http::request::Parts;
use tertulia::{Clock, Conversation};
use tertulia_http::{Capabilities, Grant, Mint, Resource, Right, Scope};

use super::*;

const PAGE: &str = "a-token-of-the-page-0123";
const OPS: &str = "a-token-of-the-operators";

fn in_file_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    resolve(Options::default(), variables, Some(text))
}

fn parts(token: &str) -> Parts {
    let request = Request::get("/").header("authorization", format!("Bearer {token}"));
    request.body(()).unwrap().into_parts().0
}

fn grant(config: &Config, clock: &Clock, token: &str) -> Option<Grant> {
    config.access(clock).unwrap().check(&parts(token)).ok()
}

#[tokio::test]
async fn tokens_have_scopes_and_secrets_of_the_file_the_environment_or_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "a-token-of-another-file\n").unwrap();
    let file = format!(
        "[tokens.page]\nscopes = ['chat', 'streams:read']\nsecret = '{PAGE}'\n[tokens.ops-team]\nscopes = 'admin'\n\
         [tokens.other]\nscopes = 'metrics'\nsecret_file = '{}'",
        path.display()
    );
    let config = in_file_with(&file, &[("TERTULIA_TOKEN_OPS_TEAM", OPS)]).unwrap();
    let clock = Clock::system();
    let opens = |token: &str| {
        let grant = grant(&config, &clock, token).unwrap();
        let scopes = [Scope::Chat, Scope::StreamsRead, Scope::Admin, Scope::Metrics];
        scopes.map(|scope| u8::from(grant.needs(scope).is_ok()))
    };
    assert_eq!(opens(PAGE), [1, 1, 0, 0]);
    assert_eq!(opens(OPS), [0, 0, 1, 0]);
    assert_eq!(opens("a-token-of-another-file"), [0, 0, 0, 1]);
    assert!(grant(&config, &clock, "a-token-of-nobody-at-all").is_none());
    assert_eq!(config.token_for(Scope::Admin).unwrap().reveal(), OPS);
    assert!(config.token_for(Scope::SessionsRead).is_none());
    let printed = config.print();
    assert!(
        printed.contains("[tokens.page]\nscopes = [\"chat\", \"streams:read\"]  # tertulia.toml\n"),
        "{printed}"
    );
    assert!(printed.contains("secret = \"***\"  # TERTULIA_TOKEN_OPS_TEAM\n"), "{printed}");
    for secret in [PAGE, OPS, "a-token-of-another-file"] {
        assert!(!printed.contains(secret) && !format!("{config:?}").contains(secret), "{printed}");
    }
    assert!(printed.parse::<toml::Table>().is_ok(), "{printed}");
}

#[test]
fn a_named_token_opens_an_address_that_others_can_reach() {
    let file = format!("listen = '0.0.0.0:1'\n[tokens.page]\nscopes = 'chat'\nsecret = '{PAGE}'");
    assert!(in_file_with(&file, &[]).unwrap().needs_token());
}

#[test]
fn what_is_wrong_with_a_token_is_named_without_its_secret() {
    let page = "[tokens.page]\nscopes = 'chat'\n";
    for (file, expected) in [
        (
            "[tokens.page]\nscopes = 'chat, stream:read'\nsecret = 'canary-0123456789'".to_owned(),
            "tokens.page.scopes (from tertulia.toml): `stream:read` is not a scope; scopes: chat, streams:read",
        ),
        ("[tokens.page]\nsecret = 'canary-0123456789'".to_owned(), "tokens.page.scopes: a value is needed"),
        (
            "[tokens.page]\nscopes = [1]".to_owned(),
            "tokens.page.scopes: the value in tertulia.toml is not allowed",
        ),
        (page.to_owned(), "set TERTULIA_TOKEN_PAGE, or secret_file in tertulia.toml"),
        (format!("{page}secret = 'canary'"), "tokens.page.secret: `***` (from tertulia.toml) is not allowed"),
        (format!("{page}secret = 1"), "tokens.page.secret: the value in tertulia.toml is not a text"),
        (format!("{page}secret = 'canary'\nsecret_file = 'x'"), "secret and secret_file are both set"),
        (format!("{page}secret_file = '/nowhere/at/all'"), "/nowhere/at/all cannot be read"),
        (
            format!("{page}skopes = 'chat'"),
            "`tokens.page.skopes` is not a key; known keys: scopes, secret, secret_file",
        ),
        ("[tokens.Page]\nscopes = 'chat'".to_owned(), "tokens: `Page` (from tertulia.toml) is not allowed"),
        ("tokens = 'canary'".to_owned(), "tables are needed in tertulia.toml, such as [tokens.page]"),
        ("[tokens]\npage = 'canary'".to_owned(), "tokens.page: a table is needed"),
        (
            format!("{page}secret = '{PAGE}'\n[tokens.q]\nscopes = 'chat'\nsecret = '{PAGE}'"),
            "tokens.q: another token has the same secret",
        ),
        (format!("token = '{PAGE}'\n{page}secret = '{PAGE}'"), "tokens.page: `token` has the same secret"),
    ] {
        let error = in_file_with(&file, &[]).unwrap_err();
        assert!(error.contains(expected) && !error.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn capabilities_of_the_key_and_of_the_one_before_it_are_accepted_up_to_their_bounds() {
    let (new, old) = ("the-key-that-is-new-now", "the-key-that-was-before");
    let clock = Clock::system();
    let alice = Conversation::new("http", "alice").unwrap();
    let variables = [
        ("TERTULIA_CAPABILITY_KEY", new),
        ("TERTULIA_CAPABILITY_KEY_PREVIOUS", old),
        ("TERTULIA_HTTP_ORIGINS", "https://app.example.org"),
    ];
    let config = resolve(Options::default(), &variables, None).unwrap();
    for (key, opens) in [(new, true), (old, true), ("the-key-of-nobody-here", false)] {
        let capabilities = Capabilities::new(clock.clone(), key.as_bytes()).unwrap();
        let mint = Mint::new(Right::Read, Duration::from_secs(60));
        let token = capabilities.mint(Resource::Streams(&alice), mint).unwrap().token;
        let grant = grant(&config, &clock, &token).unwrap();
        assert_eq!(grant.allows(Resource::Stream(&alice, "a"), Right::Read), opens, "{key}");
    }
    let printed = config.print();
    assert!(printed.contains("capability_seconds = 3600  # default"), "{printed}");
    assert!(printed.contains("query_capability_seconds = 60  # default"), "{printed}");
    assert!(!printed.contains(new) && !printed.contains(old), "{printed}");
}

#[test]
fn the_connections_of_an_address_are_counted_up_to_what_is_configured() {
    let of = |variables: &[_]| resolve(Options::default(), variables, None).unwrap().server();
    assert_eq!(of(&[]).connections_per_address, 64);
    let name = "TERTULIA_HTTP_CONNECTIONS_PER_ADDRESS";
    assert_eq!(of(&[(name, "5000")]).connections_per_address, 5_000);
    assert!(in_environment(name, "0").contains("1 to 100000"));
}

#[test]
fn keys_and_origins_that_are_none_are_refused() {
    assert!(
        in_environment("TERTULIA_CAPABILITY_KEY", "canary").contains("`***` (from TERTULIA_CAPABILITY_KEY)")
    );
    let error = in_environment("TERTULIA_CAPABILITY_KEY_PREVIOUS", "0123456789abcdef");
    assert_eq!(error, "http.capability_key_previous: is set, but http.capability_key is not");
    let error = in_file("[http]\norigins = ['https://app.example.org/']");
    assert!(
        error.contains("http.origins: `https://app.example.org/` (from tertulia.toml) is not allowed"),
        "{error}"
    );
    assert!(
        in_file("[http]\norigins = [1]").contains("http.origins: the value in tertulia.toml is not a list")
    );
    in_file_with("[http]\norigins = ['https://a.example', 'https://b.example']", &[]).unwrap();
}
