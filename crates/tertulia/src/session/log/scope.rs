//! How logs take part in the encoding and decoding of their session: serde has no way to hand them anything, so a
//! value private to this file and to the thread does, for as long as a session is being encoded or decoded.

use std::cell::RefCell;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::place::Place;
use super::records::Tail;
use crate::session::msgpack::encoding;
use crate::{Error, Result};

thread_local! {
    static SCOPE: RefCell<Scope> = const { RefCell::new(Scope::Outside) };
}

/// Why a log cannot be there.
pub(super) const INSIDE_ITEM: &str = "a Log stands inside an item of another Log, where it cannot be stored";

/// What the thread is doing.
enum Scope {
    /// Something else: a log is an ordinary list.
    Outside,
    /// Encoding a session.
    Encoding(Encoded),
    /// Decoding a session with these logs inside.
    Decoding(Vec<Arc<Tail>>),
    /// Decoding a session from JSON, in which this mark stands for logs, of which these are there.
    Editing(String, Vec<Arc<Tail>>),
    /// Encoding or decoding a state on its way through migrations, in which logs are only marks.
    Passing,
    /// Encoding or decoding an item of a log; `refused` once a log inside it was met.
    Item { refused: bool },
}

/// What the encoding of a session found of logs.
#[derive(Debug, Default)]
pub(in crate::session) struct Encoded {
    /// The logs the session has; in the order of their numbers.
    pub(in crate::session) live: Vec<Arc<Place>>,
    /// The next number to give.
    pub(in crate::session) next: u64,
    /// Those that were met, with what is new in them.
    pub(in crate::session) met: Vec<(Arc<Place>, Option<NewItems>)>,
    /// Why the session cannot be stored, whatever serde makes of the error.
    refused: Option<Error>,
}

/// What is new in a log.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::session) struct NewItems {
    /// Its first position.
    pub(in crate::session) start: u64,
    /// Positions at and after this one are replaced by these items.
    pub(in crate::session) from: u64,
    pub(in crate::session) items: Vec<Vec<u8>>,
    /// How many items are loaded.
    pub(in crate::session) loaded: usize,
}

/// Puts back what was there before, in a panic too.
struct Guard(Option<Scope>);

impl Guard {
    fn enter(scope: Scope) -> Self {
        Self(Some(SCOPE.replace(scope)))
    }

    fn leave(mut self) -> Scope {
        SCOPE.replace(self.0.take().unwrap_or(Scope::Outside))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            drop(SCOPE.replace(before));
        }
    }
}

/// Encodes a session whose logs are `live`.
pub(in crate::session) fn encode<S: Serialize>(
    value: &S,
    live: Vec<Arc<Place>>,
    next: u64,
    out: &mut Vec<u8>,
) -> Result<Encoded> {
    let scope = Encoded { live, next, ..Encoded::default() };
    let guard = Guard::enter(Scope::Encoding(scope));
    let result = encoding::encode(value, out);
    let Scope::Encoding(mut encoded) = guard.leave() else {
        return Err(Error::internal("a session was encoded within another"));
    };
    if let Some(refused) = encoded.refused.take() {
        return Err(refused);
    }
    result.map_err(|e| Error::invalid(format!("cannot be encoded: {e}")).with_source(e))?;
    Ok(encoded)
}

/// Decodes a session with these logs inside.
pub(in crate::session) fn decode<S: DeserializeOwned>(
    bytes: &[u8],
    tails: Vec<Arc<Tail>>,
) -> Result<S, rmp_serde::decode::Error> {
    let guard = Guard::enter(Scope::Decoding(tails));
    let value = encoding::decode(bytes);
    drop(guard);
    value
}

/// Decodes a session from JSON in which an object with the field `mark` stands for one of these logs.
pub(in crate::session) fn decode_edited<S: DeserializeOwned>(
    value: &Value,
    mark: &str,
    tails: Vec<Arc<Tail>>,
) -> Result<S, serde_path_to_error::Error<serde_json::Error>> {
    let guard = Guard::enter(Scope::Editing(mark.to_owned(), tails));
    let value = serde_path_to_error::deserialize(value);
    drop(guard);
    value
}

/// Encodes a value on its way through migrations.
pub(in crate::session) fn encode_passing<S: Serialize>(value: &S) -> Result<Vec<u8>> {
    let _guard = Guard::enter(Scope::Passing);
    let mut out = Vec::new();
    encoding::encode(value, &mut out)
        .map_err(|e| Error::invalid(format!("cannot be stored: {e}")).with_source(e))?;
    Ok(out)
}

/// Decodes a value on its way through migrations.
pub(in crate::session) fn decode_passing<S: DeserializeOwned>(bytes: &[u8]) -> Result<S> {
    let _guard = Guard::enter(Scope::Passing);
    encoding::decode(bytes)
        .map_err(|e| Error::corrupt(format!("what is stored does not fit the type: {e}")).with_source(e))
}

/// What a log finds when it is serialized.
pub(super) enum Writing {
    /// It is an ordinary list.
    List,
    /// It is part of a session that is being encoded.
    Session,
    /// It is part of a state that is being migrated.
    Passing,
    /// It is inside an item of another log.
    Item,
}

pub(super) fn writing() -> Writing {
    SCOPE.with_borrow(|scope| match scope {
        Scope::Outside | Scope::Decoding(_) | Scope::Editing(..) => Writing::List,
        Scope::Encoding(_) => Writing::Session,
        Scope::Passing => Writing::Passing,
        Scope::Item { .. } => Writing::Item,
    })
}

/// Whether the log at this place is one of the session's and was not met yet: then it is that log, else a copy.
pub(super) fn owns(place: &Arc<Place>) -> bool {
    with_encoded(false, |encoded| {
        encoded.live.iter().any(|live| Arc::ptr_eq(live, place) || live.is_same_version(place))
            && !encoded.met.iter().any(|(met, _)| met.number == place.number)
    })
}

/// The place of a new log.
pub(super) fn new_place() -> Arc<Place> {
    Place::new(with_encoded(0, |encoded| {
        encoded.next += 1;
        encoded.next - 1
    }))
}

/// A log was met.
pub(super) fn met(place: Arc<Place>, new: Option<NewItems>) {
    if new.is_some() {
        place.fall_behind();
    }
    with_encoded((), |encoded| encoded.met.push((place, new)));
}

/// The session cannot be stored.
pub(super) fn refuse(error: Error) {
    SCOPE.with_borrow_mut(|scope| match scope {
        Scope::Encoding(encoded) => {
            encoded.refused.get_or_insert(error);
        }
        Scope::Item { refused } => *refused = true,
        Scope::Outside | Scope::Decoding(_) | Scope::Editing(..) | Scope::Passing => {}
    });
}

fn with_encoded<R>(outside: R, f: impl FnOnce(&mut Encoded) -> R) -> R {
    SCOPE.with_borrow_mut(|scope| match scope {
        Scope::Encoding(encoded) => f(encoded),
        _ => outside,
    })
}

/// Encodes an item; a log inside it is refused.
pub(super) fn encode_item<T: Serialize>(item: &T) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let guard = Guard::enter(Scope::Item { refused: false });
    let mut out = Vec::new();
    let result = encoding::encode(item, &mut out);
    if let Scope::Item { refused: true } = guard.leave() {
        return Err(serde::ser::Error::custom(INSIDE_ITEM));
    }
    result.map(|()| out)
}

/// Decodes an item.
pub(super) fn decode_item<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let _guard = Guard::enter(Scope::Item { refused: false });
    encoding::decode(bytes)
        .map_err(|e| Error::corrupt(format!("an item of a log does not fit its type: {e}")).with_source(e))
}

/// What a log finds when it is deserialized.
pub(super) enum Reading {
    /// It is an ordinary list.
    List,
    /// It is part of a session: a number of the session's, or a list from before it was a log. In JSON, what the session's
    /// log becomes, or a list that becomes one.
    Session,
    /// It is part of a state that is being migrated.
    Passing,
    /// It is inside an item of another log.
    Item,
}

pub(super) fn reading() -> Reading {
    SCOPE.with_borrow(|scope| match scope {
        Scope::Outside | Scope::Encoding(_) => Reading::List,
        Scope::Decoding(_) | Scope::Editing(..) => Reading::Session,
        Scope::Passing => Reading::Passing,
        Scope::Item { .. } => Reading::Item,
    })
}

/// The tail of the log with this number.
pub(super) fn tail(number: u64) -> Option<Arc<Tail>> {
    SCOPE.with_borrow(|scope| match scope {
        Scope::Decoding(tails) | Scope::Editing(_, tails) => {
            tails.iter().find(|tail| tail.place.number == number).cloned()
        }
        _ => None,
    })
}

/// Whether a field stands for a log in JSON.
pub(super) fn is_mark(field: &str) -> bool {
    SCOPE.with_borrow(|scope| matches!(scope, Scope::Editing(mark, _) if mark == field))
}
