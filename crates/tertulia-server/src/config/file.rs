//! The TOML file, flattened to the names of keys.

use super::keys::KEYS;

/// Reads the file's text: the names of keys and their values.
///
/// # Errors
/// A line that names the file, and the key or the line.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<(String, String)>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // Only the message: the rest of the error quotes the line, which may hold a secret.
        let line =
            error.span().map_or(1, |span| text.bytes().take(span.start).filter(|b| *b == b'\n').count() + 1);
        format!("{file}, line {line}: {}", error.message())
    })?;
    let mut found = Vec::new();
    flatten("", table, &mut found);
    found.into_iter().map(|(name, value)| Ok((name.clone(), scalar(file, &name, value)?))).collect()
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
        other => Err(format!(
            "{name}: the value in {file} is of the type {}; allowed: {}",
            other.type_str(),
            key.allowed
        )),
    }
}
