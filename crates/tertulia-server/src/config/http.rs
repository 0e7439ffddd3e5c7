//! What is configured of HTTP: who may come in, and how many.

use std::time::Duration;

use tertulia_http::{Access, Capabilities, Origins, Scope, Scopes, ServerOptions};

use super::{ApiToken, Config, Secret, Values, number, token};

/// Capability tokens, and pages of other origins.
#[derive(Debug)]
pub(crate) struct HttpAccess {
    origins: Option<Origins>,
    /// Without one there are no capability tokens.
    key: Option<Secret>,
    previous: Option<Secret>,
    longest: Duration,
    longest_in_query: Duration,
    /// How many connections an address may have.
    connections: usize,
}

/// # Errors
/// A line that names the key.
pub(super) fn access(get: &Values<'_>) -> Result<HttpAccess, String> {
    let day = |text: &str| Some(Duration::from_secs(number(text, 1, 86_400)? as u64));
    let access = HttpAccess {
        origins: get.optional("http.origins", |text| text.parse().ok())?,
        key: get.optional("http.capability_key", token)?,
        previous: get.optional("http.capability_key_previous", token)?,
        longest: get.needed("http.capability_seconds", day)?,
        longest_in_query: get.needed("http.query_capability_seconds", day)?,
        connections: get.needed("http.connections_per_address", |text| number(text, 1, 100_000))?,
    };
    if access.key.is_none() && access.previous.is_some() {
        return Err("http.capability_key_previous: is set, but http.capability_key is not".to_owned());
    }
    Ok(access)
}

impl Config {
    /// Who may use the server over HTTP.
    ///
    /// # Errors
    /// `Invalid` if a key is none, which was looked at before.
    pub(crate) fn access(&self, clock: &tertulia::Clock) -> tertulia::Result<Access> {
        let HttpAccess { origins, key, previous, longest, longest_in_query, .. } = &self.http;
        let mut access = Access::local();
        if let Some(token) = &self.token {
            access = access.token("token", token.reveal(), Scopes::all());
        }
        for ApiToken { name, secret, scopes, .. } in &self.tokens {
            access = access.token(name, secret.reveal(), *scopes);
        }
        if let Some(origins) = origins {
            access = access.origins(origins.clone());
        }
        let Some(key) = key else { return Ok(access) };
        let capabilities = Capabilities::new(clock.clone(), key.reveal().as_bytes())?;
        let capabilities = match previous {
            Some(previous) => capabilities.previous(previous.reveal().as_bytes())?,
            None => capabilities,
        };
        Ok(access.capabilities(capabilities.at_most(*longest, *longest_in_query)))
    }

    /// The limits of the server.
    pub(crate) fn server(&self) -> ServerOptions {
        let mut options = ServerOptions::default();
        options.connections_per_address = self.http.connections;
        options
    }

    /// Whether a request needs a token.
    pub(crate) fn needs_token(&self) -> bool {
        self.token.is_some() || !self.tokens.is_empty()
    }

    /// A token with this scope, for commands that ask a server with the same configuration.
    pub(crate) fn token_for(&self, scope: Scope) -> Option<Secret> {
        let named = || self.tokens.iter().find(|token| token.scopes.contains(scope));
        self.token.clone().or_else(|| named().map(|token| token.secret.clone()))
    }
}
