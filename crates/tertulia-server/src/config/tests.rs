use std::ffi::OsString;

use super::*;

mod tokens;

fn resolve(options: Options, variables: &[(&str, &str)], file: Option<&str>) -> Result<Config, String> {
    let variable =
        |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
    Config::resolve(&options, variable, file.map(|text| ("tertulia.toml".to_owned(), text.to_owned())))
}

fn in_file(text: &str) -> String {
    resolve(Options::default(), &[], Some(text)).unwrap_err()
}

fn in_environment(name: &str, value: &str) -> String {
    resolve(Options::default(), &[(name, value)], None).unwrap_err()
}

#[test]
fn without_anything_the_defaults_apply() {
    let config = resolve(Options::default(), &[], None).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:7700");
    assert_eq!(config.storage.to_string(), "sqlite:tertulia.db");
    assert_eq!(config.answer_timeout, Duration::from_secs(60));
    assert_eq!(config.keep_dead, tertulia::runner::dead::KEPT);
    assert!(config.token.is_none() && config.telegram_token.is_none());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "listen = '127.0.0.1:1'\nstorage = 'sqlite:file.db'\nlog = 'debug'\nanswer_timeout = 5";
    let variables = [("TERTULIA_LISTEN", "127.0.0.1:2"), ("TERTULIA_STORAGE", "sqlite:variable.db")];
    let options = Options { listen: Some("127.0.0.1:3".into()), ..Options::default() };
    let config = resolve(options, &variables, Some(file)).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.storage, Place::Sqlite("variable.db".into()));
    assert_eq!((config.log.as_str(), config.answer_timeout.as_secs()), ("debug", 5));
    assert_eq!(config.drain_timeout.as_secs(), 10);
}

#[test]
fn a_long_poll_waits_for_seconds_or_for_less() {
    let of = |text| {
        let config = resolve(Options::default(), &[("TERTULIA_STREAMS_LONG_POLL", text)], None);
        config.unwrap().streams_long_poll
    };
    assert_eq!(
        (of("7"), of("500ms"), of("")),
        (Duration::from_secs(7), Duration::from_millis(500), Duration::from_secs(30))
    );
}

#[test]
fn the_rate_of_telegram_is_on_off_or_a_number() {
    let of = |rate| resolve(Options::default(), &[("TELEGRAM_RATE", rate)], None).unwrap().telegram_rate;
    assert_eq!(
        (of(""), of("on"), of("off")),
        (RateLimits::default(), RateLimits::default(), RateLimits::none())
    );
    assert_eq!(of("25"), RateLimits::default().in_all(25));
    let wrong = in_file("[telegram]\nrate = 0");
    assert_eq!(
        wrong,
        "telegram.rate: `0` (from tertulia.toml) is not allowed; allowed: on, off, or at most so many messages a second \
         in all, 1 to 1000"
    );
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let config = resolve(Options::default(), &[("TERTULIA_TOKEN", "")], None).unwrap();
    assert!(config.token.is_none());
}

#[test]
fn a_wrong_value_names_the_key_the_value_where_it_is_from_and_what_is_allowed() {
    let options = Options { listen: Some("here".into()), ..Options::default() };
    assert_eq!(
        resolve(options, &[], None).unwrap_err(),
        "listen: `here` (from --listen) is not allowed; allowed: an IP address with a port, such as 127.0.0.1:7700"
    );
    assert_eq!(
        in_environment("TERTULIA_STORAGE", "postgres:"),
        "storage: `postgres:` (from TERTULIA_STORAGE) is not allowed; allowed: memory:, sqlite:<path>, redis://.. or postgres://.."
    );
    assert_eq!(
        in_file("answer_timeout = 0"),
        "answer_timeout: `0` (from tertulia.toml) is not allowed; allowed: seconds, 1 to 3600"
    );
    for (name, value) in [
        ("TERTULIA_STORAGE", "sqlite:"),
        ("TERTULIA_STORAGE", "memory:x"),
        ("TERTULIA_LOG", "tertulia=loud"),
        ("TERTULIA_CONCURRENCY", "-1"),
        ("TERTULIA_DRAIN_TIMEOUT", "1e9"),
        ("TERTULIA_KEEP_DEAD", "0"),
        ("TELEGRAM_API_URL", "ftp://example.org"),
        ("TELEGRAM_API_URL", "api.telegram.org"),
        ("TELEGRAM_WEBHOOK_URL", "bot.example.org"),
        ("TERTULIA_WEBHOOK_NAME", "telegram"),
        ("TERTULIA_WEBHOOK_NAME", "http"),
        ("TERTULIA_WEBHOOK_NAME", "a/b"),
        ("TERTULIA_WEBHOOK_CONVERSATION", "customer"),
        ("TERTULIA_HANDLER", "localhost:8700"),
        ("TERTULIA_HANDLER_SESSION", "demo"),
        ("TERTULIA_HANDLER_SESSION", "a/b"),
        ("TERTULIA_HANDLER_TIMEOUT", "0"),
        ("TERTULIA_STREAMS_LONG_POLL", "0ms"),
        ("TERTULIA_STREAMS_LONG_POLL", "1m"),
    ] {
        let error = in_environment(name, value);
        assert!(error.contains(&format!("`{value}` (from {name}) is not allowed; allowed: ")), "{error}");
    }
}

#[test]
fn a_wrong_secret_is_not_shown() {
    for (name, value) in [
        ("TERTULIA_TOKEN", "short-canary"),
        ("TELEGRAM_BOT_TOKEN", "1:canary/../x"),
        ("TELEGRAM_WEBHOOK_SECRET", "a canary"),
        ("TERTULIA_WEBHOOK_SECRET", "a-canary"),
        ("TERTULIA_HANDLER_SECRET", "a-canary"),
    ] {
        let error = in_environment(name, value);
        assert!(error.contains("`***`") && error.contains(name) && !error.contains("canary"), "{error}");
    }
    let error = in_file("token = \"a secret that is long\nx");
    assert!(error.starts_with("tertulia.toml, line ") && !error.contains("secret"), "{error}");
}

#[test]
fn unknown_keys_and_types_in_the_file_are_refused_by_name() {
    assert!(
        in_file("lisen = 'x'")
            .starts_with("tertulia.toml: `lisen` is not a key; known keys: listen, storage")
    );
    assert!(in_file("[telegram]\ntokn = 'x'").starts_with("tertulia.toml: `telegram.tokn` is not a key"));
    assert!(in_file("[other]").starts_with("tertulia.toml: `other` is not a key"));
    assert!(in_file("listen = ['x']").starts_with("listen: the value in tertulia.toml is of the type array"));
    assert!(in_file("\n\nlisten = = 1").starts_with("tertulia.toml, line 3: "));
}

#[test]
fn an_address_that_others_can_reach_needs_a_token() {
    for address in ["0.0.0.0:7700", "[::]:7700", "192.0.2.1:80"] {
        let error = in_environment("TERTULIA_LISTEN", address);
        assert!(error.contains(address) && error.contains("no token is set"), "{error}");
        let token = ("TERTULIA_TOKEN", "0123456789abcdef");
        resolve(Options::default(), &[("TERTULIA_LISTEN", address), token], None).unwrap();
    }
    for address in ["127.0.0.2:1", "[::1]:1", "localhost:1"] {
        resolve(Options::default(), &[("TERTULIA_LISTEN", address)], None).unwrap();
    }
}

#[test]
fn what_is_printed_is_masked_says_where_it_is_from_and_is_toml() {
    let file =
        "token = '0123456789abcdef'\n[telegram]\ntoken = '1:secret'\napi_url = 'http://me:pass@localhost:1/'";
    let config = resolve(Options::default(), &[("TERTULIA_LISTEN", "127.0.0.1:1")], Some(file)).unwrap();
    let printed = config.print();
    assert!(printed.contains("listen = \"127.0.0.1:1\"  # TERTULIA_LISTEN\n"), "{printed}");
    assert!(printed.contains("token = \"***\"  # tertulia.toml\n"), "{printed}");
    assert!(printed.contains("answer_timeout = 60  # default\n"), "{printed}");
    for secret in ["0123456789abcdef", "1:secret", ":pass@"] {
        assert!(!printed.contains(secret) && !format!("{config:?}").contains(secret), "{printed}");
    }
    assert!(printed.parse::<toml::Table>().is_ok(), "{printed}");
}

#[test]
fn a_public_url_without_a_path_gets_the_one_that_is_served() {
    for (given, expected) in [
        ("https://bot.example.org", "https://bot.example.org/webhook/telegram"),
        ("https://bot.example.org/", "https://bot.example.org/webhook/telegram"),
        ("https://example.org/bot", "https://example.org/bot"),
    ] {
        let config = resolve(Options::default(), &[("TELEGRAM_WEBHOOK_URL", given)], None).unwrap();
        assert_eq!(config.telegram_webhook.url.unwrap(), expected);
    }
}

#[test]
fn a_handler_on_another_machine_needs_a_secret() {
    for url in
        ["http://192.0.2.1:8700", "https://handler.example.org", "http://me:canary@localhost.example.org"]
    {
        let error = in_environment("TERTULIA_HANDLER", url);
        assert!(error.contains("is on another machine") && !error.contains("canary"), "{error}");
        let secret = ("TERTULIA_HANDLER_SECRET", "0123456789abcdef");
        resolve(Options::default(), &[("TERTULIA_HANDLER", url), secret], None).unwrap();
    }
    for url in ["http://127.0.0.2:1/updates", "http://[::1]:1", "https://localhost"] {
        let options = Options { handler: Some(url.to_owned()), ..Options::default() };
        let handler = resolve(options, &[], None).unwrap().handler.unwrap();
        assert_eq!((handler.session.as_str(), handler.time_limit.as_secs()), ("handler", 300));
    }
}

#[test]
fn the_runner_gives_a_handler_its_time() {
    let variables = [("TERTULIA_HANDLER", "http://127.0.0.1:1"), ("TERTULIA_HANDLER_TIMEOUT", "7")];
    let config = resolve(Options::default(), &variables, None).unwrap();
    assert_eq!(config.runner().time_limit, Some(Duration::from_secs(7)));
}

#[test]
fn a_model_has_a_url_and_a_name_and_its_key_is_not_shown() {
    let of = |variables: &[_]| resolve(Options::default(), variables, None);
    let (url, name) = (("TERTULIA_MODEL_URL", "http://127.0.0.1:1/v1"), ("TERTULIA_MODEL", "m"));
    let config = of(&[url, name, ("OPENAI_API_KEY", "canary")]).unwrap();
    assert_eq!(config.model().as_deref(), Some("m at 127.0.0.1"));
    assert!(!config.agent(&tertulia::Clock::system()).scripted && !config.print().contains("canary"));
    assert!(of(&[name]).unwrap().agent(&tertulia::Clock::system()).scripted);
    let error = of(&[url]).err().unwrap();
    assert_eq!(error, "agent.model_url: a model is needed too; set TERTULIA_MODEL to its name");
    let options = Options { model_url: Some("nowhere".into()), ..Options::default() };
    let error = resolve(options, &[name], None).unwrap_err();
    assert!(error.starts_with("agent.model_url: `nowhere` (from --model-url) is not allowed"), "{error}");
}
