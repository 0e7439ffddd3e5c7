//! The names of a type's fields, which its `Deserialize` tells whoever it asks for a struct.

use std::fmt;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// The names of the fields that a `T` is deserialized from, with their aliases. `None` if it is no struct, or one with
/// `#[serde(flatten)]`: then any name may be one of them.
pub(super) fn fields<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    T::deserialize(Probe).err().and_then(|asked| asked.0)
}

/// Gives nothing and remembers what it was asked for.
struct Probe;

#[derive(Debug)]
struct Asked(Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Probe {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked(None))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(Some(fields)))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Asked> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

impl de::Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

impl std::error::Error for Asked {}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type was asked for its fields")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its fields' names matter")]
    struct Said {
        text: String,
        #[serde(rename = "lang", alias = "language", default)]
        tongue: Option<String>,
        #[serde(skip)]
        heard: bool,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its fields' names matter")]
    struct Wrapped(Box<Said>);

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its fields' names matter")]
    struct Flat {
        text: String,
        #[serde(flatten)]
        rest: HashMap<String, u32>,
    }

    #[test]
    fn the_fields_of_a_struct_are_those_it_is_read_from() {
        assert_eq!(fields::<Said>().unwrap(), ["text", "lang", "language"]);
        assert_eq!(fields::<Wrapped>(), fields::<Said>());
    }

    #[test]
    fn what_takes_any_names_has_no_fields() {
        assert_eq!(fields::<Flat>(), None);
        assert_eq!(fields::<HashMap<String, u32>>(), None);
        assert_eq!(fields::<(u32, u32)>(), None);
        assert_eq!(fields::<u32>(), None);
    }
}
