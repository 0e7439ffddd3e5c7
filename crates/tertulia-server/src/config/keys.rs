//! The table of keys: what can be configured, how it is called where, and what is allowed.

use crate::cli::Options;

/// Something that can be configured.
#[derive(Debug)]
pub(super) struct Key {
    /// In the file; `telegram.token` is `token` in the table `telegram`.
    pub(super) name: &'static str,
    /// In the environment.
    pub(super) variable: &'static str,
    /// On the command line. Secrets have no flag: others could read it in the list of processes.
    pub(super) flag: Option<Flag>,
    pub(super) default: Option<&'static str>,
    /// Whether it is masked wherever it would be shown.
    pub(super) secret: bool,
    /// Whether it may be a list in the file.
    pub(super) list: bool,
    pub(super) allowed: &'static str,
}

/// A flag and how to read it.
type Flag = (&'static str, fn(&Options) -> Option<String>);

const fn key(name: &'static str, variable: &'static str, allowed: &'static str) -> Key {
    Key { name, variable, flag: None, default: None, secret: false, list: false, allowed }
}

pub(super) const KEYS: [Key; 39] = [
    Key {
        flag: Some(("--listen", |options| options.listen.clone())),
        default: Some("127.0.0.1:7700"),
        ..key("listen", "TERTULIA_LISTEN", "an IP address with a port, such as 127.0.0.1:7700")
    },
    Key {
        flag: Some(("--storage", |options| options.storage.clone())),
        default: Some("sqlite:tertulia.db"),
        ..key("storage", "TERTULIA_STORAGE", "memory:, sqlite:<path>, redis://.. or postgres://..")
    },
    Key { secret: true, ..key("token", "TERTULIA_TOKEN", SECRET) },
    Key {
        flag: Some(("--log", |options| options.log.clone())),
        default: Some("info"),
        ..key(
            "log",
            "TERTULIA_LOG",
            "error, warn, info, debug, trace or off, or such by module, as in info,tertulia=debug",
        )
    },
    Key {
        default: Some("500"),
        ..key("concurrency", "TERTULIA_CONCURRENCY", "how many updates run at once, 1 to 100000")
    },
    Key { default: Some("60"), ..key("answer_timeout", "TERTULIA_ANSWER_TIMEOUT", "seconds, 1 to 3600") },
    Key { default: Some("10"), ..key("drain_timeout", "TERTULIA_DRAIN_TIMEOUT", "seconds, 1 to 3600") },
    Key {
        default: Some("14"),
        ..key("journal", "TERTULIA_JOURNAL", "for how many days turns are kept, 0 (not at all) to 3650")
    },
    Key { default: Some("14"), ..key("keep_dead", "TERTULIA_KEEP_DEAD", "days, 1 to 3650") },
    Key {
        flag: Some(("--handler", |options| options.handler.clone())),
        ..key("handler", "TERTULIA_HANDLER", "the URL of a handler, such as http://127.0.0.1:8700")
    },
    Key { secret: true, ..key("handler_secret", "TERTULIA_HANDLER_SECRET", SECRET) },
    Key {
        default: Some("handler"),
        ..key(
            "handler_session",
            "TERTULIA_HANDLER_SESSION",
            "1 to 64 characters out of a-z, 0-9, _ and -, but not demo",
        )
    },
    key("handler_cancel", "TERTULIA_HANDLER_CANCEL", "1 to 64 characters, such as /stop"),
    Key { default: Some("300"), ..key("handler_timeout", "TERTULIA_HANDLER_TIMEOUT", "seconds, 1 to 3600") },
    Key {
        flag: Some(("--model-url", |options| options.model_url.clone())),
        ..key(
            "agent.model_url",
            "TERTULIA_MODEL_URL",
            "the URL of an endpoint that speaks as OpenAI's does, such as http://127.0.0.1:11434/v1",
        )
    },
    Key {
        flag: Some(("--model", |options| options.model.clone())),
        ..key("agent.model", "TERTULIA_MODEL", "the name of a model, 1 to 256 bytes")
    },
    Key { secret: true, ..key("agent.api_key", "OPENAI_API_KEY", "1 to 1024 visible ASCII characters") },
    Key {
        default: Some("25"),
        ..key(
            "agent.pace",
            "TERTULIA_AGENT_PACE",
            "how many milliseconds a token of the script takes, 0 to 10000",
        )
    },
    Key {
        default: Some("8"),
        ..key(
            "agent.max_steps",
            "TERTULIA_AGENT_MAX_STEPS",
            "how many turns of the model an answer has, 1 to 100",
        )
    },
    Key {
        default: Some("120"),
        ..key(
            "agent.silence",
            "TERTULIA_AGENT_SILENCE",
            "for how many seconds a model may say nothing, 1 to 3600",
        )
    },
    Key {
        list: true,
        ..key(
            "http.origins",
            "TERTULIA_HTTP_ORIGINS",
            "origins of pages with commas between them, such as https://app.example.org, or *",
        )
    },
    Key {
        default: Some("64"),
        ..key(
            "http.connections_per_address",
            "TERTULIA_HTTP_CONNECTIONS_PER_ADDRESS",
            "how many connections an address may have that is not of this machine, 1 to 100000",
        )
    },
    Key { secret: true, ..key("http.capability_key", "TERTULIA_CAPABILITY_KEY", SECRET) },
    Key { secret: true, ..key("http.capability_key_previous", "TERTULIA_CAPABILITY_KEY_PREVIOUS", SECRET) },
    Key {
        default: Some("3600"),
        ..key("http.capability_seconds", "TERTULIA_CAPABILITY_SECONDS", "seconds, 1 to 86400")
    },
    Key {
        default: Some("60"),
        ..key("http.query_capability_seconds", "TERTULIA_QUERY_CAPABILITY_SECONDS", "seconds, 1 to 86400")
    },
    Key {
        default: Some("30"),
        ..key("streams.long_poll", "TERTULIA_STREAMS_LONG_POLL", "seconds, 1 to 3600, or such as 500ms")
    },
    Key {
        default: Some("256"),
        ..key("streams.memory", "TERTULIA_STREAMS_MEMORY", "MiB of memory for streams, 16 to 1048576")
    },
    Key {
        secret: true,
        ..key(
            "telegram.token",
            "TELEGRAM_BOT_TOKEN",
            "the token that @BotFather gave, such as 123456:ABC-def",
        )
    },
    key("telegram.api_url", "TELEGRAM_API_URL", "the URL of a Bot API server, such as http://127.0.0.1:8081"),
    Key {
        default: Some("on"),
        ..key(
            "telegram.rate",
            "TELEGRAM_RATE",
            "on, off, or at most so many messages a second in all, 1 to 1000",
        )
    },
    key(
        "telegram.webhook_url",
        "TELEGRAM_WEBHOOK_URL",
        "the public URL of this server, such as https://bot.example.org",
    ),
    Key { secret: true, ..key("telegram.webhook_secret", "TELEGRAM_WEBHOOK_SECRET", TELEGRAM_SECRET) },
    Key {
        secret: true,
        ..key("telegram.webhook_secret_previous", "TELEGRAM_WEBHOOK_SECRET_PREVIOUS", TELEGRAM_SECRET)
    },
    Key {
        default: Some("post"),
        ..key(
            "webhook.name",
            "TERTULIA_WEBHOOK_NAME",
            "1 to 64 characters out of a-z, 0-9, _ and -, but neither http nor telegram",
        )
    },
    Key { secret: true, ..key("webhook.secret", "TERTULIA_WEBHOOK_SECRET", SECRET) },
    Key { secret: true, ..key("webhook.secret_previous", "TERTULIA_WEBHOOK_SECRET_PREVIOUS", SECRET) },
    Key {
        default: Some("/conversation"),
        ..key("webhook.conversation", "TERTULIA_WEBHOOK_CONVERSATION", POINTER)
    },
    Key { default: Some("/text"), ..key("webhook.text", "TERTULIA_WEBHOOK_TEXT", POINTER) },
];

const SECRET: &str = "16 to 256 visible ASCII characters";
const TELEGRAM_SECRET: &str = "1 to 256 characters out of A-Z, a-z, 0-9, _ and -";
const POINTER: &str = "a JSON pointer, such as /customer/id";
