//! API tokens by name: the tables `[tokens.<name>]` of the file, with secrets from the environment or other files.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt::Write;

use tertulia_http::Scopes;

use super::secret::MASK;
use super::{Secret, given, plain_name, token};

/// What a table may hold.
const KNOWN: &str = "scopes, secret, secret_file";
const ALLOWED_NAME: &str = "1 to 64 characters out of a-z, 0-9, _ and -";
const ALLOWED_SECRET: &str = "16 to 256 visible ASCII characters";

/// An API token.
#[derive(Debug)]
pub(crate) struct ApiToken {
    pub(crate) name: String,
    pub(crate) secret: Secret,
    pub(crate) scopes: Scopes,
    /// Where the secret is from.
    secret_from: String,
    /// Where the rest is from.
    from: String,
}

/// Reads the tables of the file.
///
/// # Errors
/// A line that names the key.
pub(super) fn read(
    file: &str,
    tables: toml::Table,
    variable: &impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<ApiToken>, String> {
    let mut secrets = HashSet::new();
    let mut tokens = Vec::with_capacity(tables.len());
    for (name, table) in tables {
        let token = one(file, name, table, variable)?;
        if !secrets.insert(token.secret.reveal().to_owned()) {
            return Err(format!("tokens.{}: another token has the same secret", token.name));
        }
        tokens.push(token);
    }
    Ok(tokens)
}

fn one(
    file: &str,
    name: String,
    table: toml::Value,
    variable: &impl Fn(&str) -> Option<OsString>,
) -> Result<ApiToken, String> {
    if plain_name(&name).is_none() {
        let name = name.escape_debug();
        return Err(format!("tokens: `{name}` (from {file}) is not allowed; allowed: {ALLOWED_NAME}"));
    }
    let toml::Value::Table(mut table) = table else {
        return Err(format!("tokens.{name}: a table is needed in {file}, with {KNOWN}"));
    };
    let scopes = table.remove("scopes").ok_or_else(|| format!("tokens.{name}.scopes: a value is needed"))?;
    let scopes = list(scopes).ok_or_else(|| {
        format!(
            "tokens.{name}.scopes: the value in {file} is not allowed; allowed: names, such as [\"chat\"]"
        )
    })?;
    let scopes = scopes.parse().map_err(|error| format!("tokens.{name}.scopes (from {file}): {error}"))?;
    let mut text = |key: &str| match table.remove(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("tokens.{name}.{key}: the value in {file} is not a text")),
    };
    let (here, elsewhere) = (text("secret")?, text("secret_file")?);
    if let Some(unknown) = table.keys().next() {
        let unknown = unknown.escape_debug();
        return Err(format!("{file}: `tokens.{name}.{unknown}` is not a key; known keys: {KNOWN}"));
    }
    let (secret, secret_from) = secret(file, &name, here, elsewhere, variable)?;
    Ok(ApiToken { name, secret, scopes, secret_from, from: file.to_owned() })
}

/// The secret and where it is from: the environment wins.
fn secret(
    file: &str,
    name: &str,
    here: Option<String>,
    elsewhere: Option<String>,
    variable: &impl Fn(&str) -> Option<OsString>,
) -> Result<(Secret, String), String> {
    let of = format!("TERTULIA_TOKEN_{}", name.to_ascii_uppercase().replace('-', "_"));
    let (text, from) = match (given(variable(&of)), here, elsewhere) {
        (Some(text), _, _) => (text.into_string().unwrap_or_default(), of),
        (None, Some(text), None) => (text, file.to_owned()),
        (None, None, Some(path)) => {
            let read = std::fs::read_to_string(&path)
                .map_err(|error| format!("tokens.{name}.secret_file: {path} cannot be read: {error}"))?;
            (read, path)
        }
        (None, None, None) => {
            return Err(format!("tokens.{name}: a secret is needed; set {of}, or secret_file in {file}"));
        }
        (None, Some(_), Some(_)) => {
            return Err(format!("tokens.{name}: secret and secret_file are both set in {file}"));
        }
    };
    let secret = token(text.trim());
    secret.map(|secret| (secret, from.clone())).ok_or_else(|| {
        format!("tokens.{name}.secret: `{MASK}` (from {from}) is not allowed; allowed: {ALLOWED_SECRET}")
    })
}

/// A text, or texts, with commas between them.
pub(super) fn list(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().filter(|text| !text.contains([',', ' '])));
            Some(texts.collect::<Option<Vec<_>>>()?.join(","))
        }
        _ => None,
    }
}

/// The tables as they are printed.
pub(super) fn print(tokens: &[ApiToken], out: &mut String) {
    for ApiToken { name, scopes, secret_from, from, .. } in tokens {
        let scopes: Vec<_> = scopes.iter().map(|scope| format!("\"{scope}\"")).collect();
        let (scopes, from) = (scopes.join(", "), from.escape_debug());
        let _ = write!(out, "\n[tokens.{name}]\nscopes = [{scopes}]  # {from}\n");
        let _ = writeln!(out, "secret = \"{MASK}\"  # {}", secret_from.escape_debug());
    }
}
