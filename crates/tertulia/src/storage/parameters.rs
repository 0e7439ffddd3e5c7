//! What stands behind the `?` of a storage's URL.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::{Error, Result};

/// The parameters of a storage's URL, `name=value&name=value`, percent-encoded. An adapter takes those that it knows by
/// name; one that nobody has taken is an error.
///
/// Errors are `Invalid` and name the parameter.
///
/// ```
/// # use std::time::Duration;
/// # use tertulia::storage::Parameters;
/// let mut parameters = Parameters::new("prefix=my%20bots&timeout=2.5")?;
/// assert_eq!(parameters.text("prefix")?.as_deref(), Some("my bots"));
/// assert_eq!(parameters.seconds("timeout")?, Some(Duration::from_millis(2_500)));
/// assert!(!parameters.yes("hasty")?);
/// parameters.end()?;
/// # Ok::<(), tertulia::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Parameters {
    left: Vec<(String, String)>,
}

/// The longest time that a parameter says, in seconds.
const LONGEST: f64 = 3_600.0;

/// The shortest.
const SHORTEST: f64 = 0.001;

impl Parameters {
    /// Takes apart what is behind the `?`.
    ///
    /// # Errors
    /// `Invalid` for a parameter that is given twice, or is no UTF-8 once it is decoded.
    pub fn new(query: &str) -> Result<Self> {
        let mut left: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let wrong = |what: &str| match is_name(name) {
                true => Error::invalid(format!("the parameter `{name}` of the URL {what}")),
                false => no_parameter(),
            };
            let value = percent_decode_str(value).decode_utf8().map_err(|_| wrong("is not UTF-8"))?;
            if left.iter().any(|(known, _)| known == name) {
                return Err(wrong("is given twice"));
            }
            left.push((name.to_owned(), value.into_owned()));
        }
        Ok(Self { left })
    }

    /// Takes a text.
    ///
    /// # Errors
    /// `Invalid` if it is empty.
    pub fn text(&mut self, name: &str) -> Result<Option<String>> {
        let Some(at) = self.left.iter().position(|(known, _)| known == name) else { return Ok(None) };
        let (_, value) = self.left.remove(at);
        if value.is_empty() {
            return Err(Error::invalid(format!("the parameter `{name}` of the URL has no value")));
        }
        Ok(Some(value))
    }

    /// Takes a number.
    ///
    /// # Errors
    /// `Invalid` if it is none, or out of bounds.
    pub fn number<N>(&mut self, name: &str, allowed: RangeInclusive<N>) -> Result<Option<N>>
    where
        N: FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        let needed = || format!("a number from {} to {}", allowed.start(), allowed.end());
        number.map(Some).ok_or_else(|| wrong(name, &text, &needed()))
    }

    /// Takes a time in seconds, such as `10` or `0.5`: a millisecond to an hour.
    ///
    /// # Errors
    /// `Invalid` if it is none, or out of bounds.
    pub fn seconds(&mut self, name: &str) -> Result<Option<Duration>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let seconds = text.parse().ok().filter(|seconds| (SHORTEST..=LONGEST).contains(seconds));
        let needed = || format!("seconds from {SHORTEST} to {LONGEST}");
        seconds
            .map(|seconds| Some(Duration::from_secs_f64(seconds)))
            .ok_or_else(|| wrong(name, &text, &needed()))
    }

    /// Takes a `yes` or a `no`, which it is if it is not given.
    ///
    /// # Errors
    /// `Invalid` if it is neither.
    pub fn yes(&mut self, name: &str) -> Result<bool> {
        match self.text(name)?.as_deref() {
            None | Some("no") => Ok(false),
            Some("yes") => Ok(true),
            Some(text) => Err(wrong(name, text, "yes or no")),
        }
    }

    /// Says that no more are known.
    ///
    /// # Errors
    /// `Invalid` if one is left.
    pub fn end(self) -> Result<()> {
        match self.left.first() {
            None => Ok(()),
            Some((name, value)) if is_name(name) && !value.contains('@') => {
                Err(Error::invalid(format!("the parameter `{name}` of the URL is not known")))
            }
            Some(_) => Err(no_parameter()),
        }
    }
}

/// Names alone: a value may be a password.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.left.iter().map(|(name, _)| name).filter(|name| is_name(name));
        f.debug_set().entries(names).finish()
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn wrong(name: &str, text: &str, needed: &str) -> Error {
    let text = text.escape_debug();
    Error::invalid(format!("the parameter `{name}` of the URL is `{text}`: {needed} is needed"))
}

/// It is not repeated, since it may be the rest of a password.
fn no_parameter() -> Error {
    Error::invalid("what is behind the `?` of the URL is no parameter; within a password, `?` is written %3F")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn refused<T>(result: Result<T>, says: &str) {
        let Err(error) = result else { panic!("it is accepted") };
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains(says), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_parameter_is_said_with_its_name() {
        refused(Parameters::new("a=1&b=2&a=1"), "`a` of the URL is given twice");
        refused(Parameters::new("a=%ff"), "`a` of the URL is not UTF-8");
        let take = |query: &str| Parameters::new(query).unwrap();
        refused(take("a=").text("a"), "`a` of the URL has no value");
        refused(take("a").yes("a"), "`a` of the URL has no value");
        refused(take("a=true").yes("a"), "`a` of the URL is `true`: yes or no");
        for number in ["0", "11", "-1", "ten", "5.0"] {
            refused(
                take(&format!("n={number}")).number("n", 1..=10),
                &format!("`{number}`: a number from 1 to 10"),
            );
        }
        for seconds in ["0", "3601", "-1", "NaN", "inf", "soon"] {
            refused(take(&format!("t={seconds}")).seconds("t"), "seconds from 0.001 to 3600");
        }
        let mut one = take("a=1&other=2");
        one.text("a").unwrap();
        refused(one.end(), "`other` of the URL is not known");
    }

    #[test]
    fn the_bounds_are_allowed() {
        let mut parameters = Parameters::new("n=1&m=10&t=3600&s=0.001&y=yes&z=no").unwrap();
        assert_eq!(parameters.number("n", 1..=10).unwrap(), Some(1));
        assert_eq!(parameters.number("m", 1..=10).unwrap(), Some(10));
        assert_eq!(parameters.seconds("t").unwrap(), Some(Duration::from_secs(3_600)));
        assert_eq!(parameters.seconds("s").unwrap(), Some(Duration::from_millis(1)));
        assert_eq!((parameters.yes("y").unwrap(), parameters.yes("z").unwrap()), (true, false));
        parameters.end().unwrap();
    }

    #[test]
    fn the_rest_of_a_password_is_not_repeated() {
        // Of `redis://u:hun?ter2@h`, and others of its kind.
        for query in ["ter2@h", "ter2=x@h", "ter2%40", "t-er2=1"] {
            let error = Parameters::new(query).and_then(Parameters::end).unwrap_err();
            assert!(!format!("{error:?}").contains("er2"), "{error:?}");
            assert!(!format!("{:?}", Parameters::new("a=hunter2").unwrap()).contains("hunter2"));
        }
    }
}
