//! The TOML file, flattened to the names of keys.

use super::keys::KEYS;
use super::tokens;

/// The table of API tokens, whose names are anybody's.
const TOKENS: &str = "tokens";

/// Reads the file's text: the names of keys and their values, and the tables of API tokens.
///
/// # Errors
/// A line that names the file, and the key or the line.
pub(super) fn read(file: &str, text: &str) -> Result<(Vec<(String, String)>, toml::Table), String> {
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // Only the message: the rest of the error quotes the line, which may hold a secret.
        let line =
            error.span().map_or(1, |span| text.bytes().take(span.start).filter(|b| *b == b'\n').count() + 1);
        format!("{file}, line {line}: {}", error.message())
    })?;
    let tokens = match table.remove(TOKENS) {
        None => toml::Table::new(),
        Some(toml::Value::Table(tokens)) => tokens,
        Some(_) => return Err(format!("{TOKENS}: tables are needed in {file}, such as [{TOKENS}.page]")),
    };
    let mut found = Vec::new();
    flatten("", table, &mut found);
    let values = found.into_iter().map(|(name, value)| Ok((name.clone(), scalar(file, &name, value)?)));
    Ok((values.collect::<Result<_, String>>()?, tokens))
}

fn flatten(prefix: &str, table: toml::Table, found: &mut Vec<(String, toml::Value)>) {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        match value {
            toml::Value::Table(inner) if KEYS.iter().all(|key| key.name != name) && !inner.is_empty() => {
                flatten(&format!("{name}."), inner, found);
            }
            value => found.push((name, value)),
        }
    }
}

fn scalar(file: &str, name: &str, value: toml::Value) -> Result<String, String> {
    let Some(key) = KEYS.iter().find(|key| key.name == name) else {
        let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        return Err(format!(
            "{file}: `{}` is not a key; known keys: {}",
            name.escape_debug(),
            known.join(", ")
        ));
    };
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        list @ toml::Value::Array(_) if key.list => {
            tokens::list(list).ok_or_else(|| format!("{name}: the value in {file} is not a list of texts"))
        }
        other => Err(format!(
            "{name}: the value in {file} is of the type {}; allowed: {}",
            other.type_str(),
            key.allowed
        )),
    }
}
