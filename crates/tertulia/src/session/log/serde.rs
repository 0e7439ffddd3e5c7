//! A log to serde and back: inside a session as its number, elsewhere as a list.

use std::fmt;
use std::marker::PhantomData;

use rmp_serde::MSGPACK_EXT_STRUCT_NAME;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::{self, Serializer};
use serde::{Deserialize, Serialize};

use super::scope::{self, INSIDE_ITEM, NewItems, Reading, Writing};
use super::{EXTENSION, Link, Log, Mutex, Place};
use crate::Error;

impl<T: Serialize> Serialize for Log<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match scope::writing() {
            Writing::Session => {
                let number = self.encode().map_err(refused)?;
                serializer.serialize_newtype_struct(MSGPACK_EXT_STRUCT_NAME, &(EXTENSION, Number(number)))
            }
            Writing::Passing => match self.mark() {
                None => serializer.collect_seq(&self.items),
                Some(_) if !self.items.is_empty() => {
                    Err(ser::Error::custom("a migration cannot add items to a Log that is stored"))
                }
                Some(number) => {
                    serializer.serialize_newtype_struct(MSGPACK_EXT_STRUCT_NAME, &(EXTENSION, Number(number)))
                }
            },
            Writing::Item => Err(refused(INSIDE_ITEM)),
            Writing::List if self.not_loaded() > 0 => Err(ser::Error::custom(format_args!(
                "{} items of a Log are not loaded and would be left out",
                self.not_loaded()
            ))),
            Writing::List => serializer.collect_seq(&self.items),
        }
    }
}

impl<T> Log<T> {
    /// What stands for a stored log in a state that is being migrated.
    fn mark(&self) -> Option<u64> {
        self.link.lock().place.as_ref().map(|place| place.number)
    }

    /// The log with this number, in a state that is being migrated.
    fn of_mark(number: u64) -> Self {
        let place = (number != 0).then(|| Place::new(number));
        Self { link: Mutex::new(Link { place, is_mark: true, ..Link::default() }), ..Self::new() }
    }
}

/// A number of a log, as the bytes of an extension.
struct Number(u64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0.to_be_bytes())
    }
}

impl<T: Serialize> Log<T> {
    /// Hands over what is new, and gives the number that stands for the log; 0 for one that was never anything but
    /// empty. From here on it takes itself for stored.
    fn encode(&self) -> Result<u64, String> {
        let mut link = self.link.lock();
        let place = match link.place.take().filter(scope::owns) {
            Some(place) => place,
            None if self.is_empty() => {
                *link = Link::default();
                return Ok(0);
            }
            None if self.not_loaded() > 0 => {
                return Err(format!(
                    "a copy of a Log with {} items that are not loaded cannot be stored, load them before",
                    self.not_loaded()
                ));
            }
            None => {
                // No start is this one, so that the first record is written.
                *link = Link { start: u64::MAX, end: self.start, clean: self.start, ..Link::default() };
                scope::new_place()
            }
        };
        let (number, end) = (place.number, self.end());
        let from = link.clean.max(self.start);
        let changed = link.start != self.start || link.end != end || from < end;
        let new = if changed { Some(self.new_items(from)?) } else { None };
        *link = Link { place: Some(place.clone()), start: self.start, end, clean: end, is_mark: false };
        scope::met(place, new);
        Ok(number)
    }

    fn new_items(&self, from: u64) -> Result<NewItems, String> {
        let index = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        let items = self.items.get(index..).unwrap_or_default().iter().map(scope::encode_item);
        let items = items.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        Ok(NewItems { start: self.start, from, items, loaded: self.items.len() })
    }
}

/// The session is refused even if a serializer on the way drops the error.
fn refused<E: ser::Error>(why: impl fmt::Display) -> E {
    scope::refuse(Error::invalid(why.to_string()));
    E::custom(why)
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Log<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match scope::reading() {
            Reading::List => Vec::deserialize(deserializer).map(Self::from),
            Reading::Session | Reading::Passing => deserializer.deserialize_any(LogVisitor(PhantomData)),
            Reading::Item => Err(de::Error::custom(INSIDE_ITEM)),
        }
    }
}

struct LogVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for LogVisitor<T> {
    type Value = Log<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number of a log, or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Log<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Log<T>, D::Error> {
        let (extension, Digits(digits)) = <(i8, Digits)>::deserialize(deserializer)?;
        if extension != EXTENSION {
            return Err(de::Error::custom(format_args!("extension {extension} is not a log")));
        }
        let number = u64::from_be_bytes(digits);
        if number == 0 {
            return Ok(Log::new());
        }
        if matches!(scope::reading(), Reading::Passing) {
            return Ok(Log::of_mark(number));
        }
        stored(number)
    }

    /// What the log of a session becomes: its number, how many of its loaded items it keeps, and those that come after.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Log<T>, A::Error> {
        let field: Option<String> = map.next_key()?;
        if !field.is_some_and(|field| scope::is_mark(&field)) {
            return Err(de::Error::invalid_type(Unexpected::Map, &"a list"));
        }
        let (number, keep, items): (u64, usize, Vec<T>) = map.next_value()?;
        let mut log = stored::<T, A::Error>(number)?;
        if keep < log.items.len() {
            log.dirty(keep);
            log.items.truncate(keep);
        }
        log.extend(items);
        Ok(log)
    }
}

/// The log of the session with this number.
fn stored<T: DeserializeOwned, E: de::Error>(number: u64) -> Result<Log<T>, E> {
    let tail = scope::tail(number)
        .ok_or_else(|| de::Error::custom(format_args!("log {number} is not one of the session's")))?;
    let items: Vec<T> = tail.decode().map_err(de::Error::custom)?;
    let end = tail.first + items.len() as u64;
    let link =
        Link { place: Some(tail.place.for_value()), start: tail.start, end, clean: end, is_mark: false };
    Ok(Log { items, first: tail.first, start: tail.start, link: Mutex::new(link) })
}

/// Eight bytes, which serde has no type for.
struct Digits([u8; 8]);

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DigitsVisitor;

        impl Visitor<'_> for DigitsVisitor {
            type Value = Digits;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("8 bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Digits, E> {
                bytes.try_into().map(Digits).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }

        deserializer.deserialize_bytes(DigitsVisitor)
    }
}
