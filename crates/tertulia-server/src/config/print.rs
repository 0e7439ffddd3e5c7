//! The configuration as TOML, secrets masked, each value with where it comes from.

use std::fmt::Write;

use super::{Config, secret, tokens};

impl Config {
    /// What `--print-config` prints.
    pub(crate) fn print(&self) -> String {
        let mut out = String::new();
        let mut table = "";
        for (key, value) in &self.values {
            let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if of != table {
                let _ = writeln!(out, "\n[{of}]");
                table = of;
            }
            let _ = match value {
                None => writeln!(out, "# {name} is not set ({})", key.variable),
                Some(value) => {
                    let text =
                        if key.secret { secret::MASK.to_owned() } else { without_password(&value.text) };
                    let shown = match text.parse::<i64>() {
                        Ok(number) => toml::Value::Integer(number),
                        Err(_) => toml::Value::String(text),
                    };
                    writeln!(out, "{name} = {shown}  # {}", value.origin.escape_debug())
                }
            };
        }
        tokens::print(&self.tokens, &mut out);
        out
    }
}

/// A URL may carry a password, also one of several hosts, and one that cannot be understood.
pub(crate) fn without_password(text: &str) -> String {
    let parsed = reqwest::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    if let Some(mut url) = parsed {
        if url.password().is_some() {
            let _ = url.set_password(Some(secret::MASK));
            return url.into();
        }
        return text.to_owned();
    }
    let text = without_parameter(text);
    // Up to the last `@`: a password may hold what had to be escaped.
    let Some((before, host)) = text.rsplit_once('@') else { return text };
    let (scheme, rest) = before.split_at(before.find(':').map_or(0, |colon| colon + 1));
    match rest.split_once(':') {
        Some((user, _)) => format!("{scheme}{user}:{}@{host}", secret::MASK),
        None if rest.starts_with('/') => text,
        None => format!("{scheme}{}@{host}", secret::MASK),
    }
}

/// Without the values of passwords, and of URLs that may have some, behind the `?`, where the URLs of databases have them.
fn without_parameter(text: &str) -> String {
    let Some((front, query)) = text.split_once('?') else { return text.to_owned() };
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(&name.to_ascii_lowercase()) => format!("{name}={}", secret::MASK),
        _ => pair.to_owned(),
    });
    format!("{front}?{}", shown.collect::<Vec<_>>().join("&"))
}

fn is_secret(name: &str) -> bool {
    name.contains("pass") || name.ends_with("url")
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn no_password_is_shown_however_the_url_is_written() {
        for (text, shown) in [
            ("postgres://u:hunter2@h1:1,h2:2/db", "postgres://u:***@h1:1,h2:2/db"),
            ("redis-cluster://:hunter2@h1:1,h2:2", "redis-cluster://:***@h1:1,h2:2"),
            ("postgres://u:hunter2@h:port/db", "postgres://u:***@h:port/db"),
            ("postgres://u:hun/te@r2@h/db", "postgres://u:***@h/db"),
            ("redis://u:1/hunter2@h", "redis://u:***@h"),
            ("redis://u:hun?ter2#@h", "redis://u:***@h"),
            ("postgres:/u:hunter2@h/db", "postgres:/u:***@h/db"),
            ("u:hunter2@h", "u:***@h"),
            (
                "postgres://h:1/db?user=u&password=hunt@r2&schema=s",
                "postgres://h:1/db?user=u&password=***&schema=s",
            ),
            ("postgres://h/db?direct_url=postgres://u:hunter2@h/db", "postgres://h/db?direct_url=***"),
            (
                "redis-sentinel://:hunter2@h?master=m&sentinel_password=hunter2",
                "redis-sentinel://:***@h?master=m&sentinel_password=***",
            ),
            ("http://u:hunter2@h/v1", "http://u:***@h/v1"),
            ("http://h:8700/users/@me", "http://h:8700/users/@me"),
            ("postgres://u@h1:1,h2:2/db", "postgres://u@h1:1,h2:2/db"),
            ("sqlite:some/place.db", "sqlite:some/place.db"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }
}
