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

/// A URL may carry a password.
pub(super) fn without_password(text: &str) -> String {
    match reqwest::Url::parse(text) {
        Ok(mut url) if url.password().is_some() => {
            let _ = url.set_password(Some(secret::MASK));
            url.into()
        }
        _ => text.to_owned(),
    }
}
