//! What PostgreSQL's errors mean to a caller.

use tertulia::Error;
use tertulia::error::Kind;
use tokio_postgres::error::SqlState;

pub(crate) type Cause = tokio_postgres::Error;

/// The error for `cause`, which happened while `doing` (such as "cannot read").
pub(crate) fn failed(doing: &str, cause: Cause) -> Error {
    Error::new(kind(&cause), format!("{doing}: {}", text(&cause))).with_source(cause)
}

/// A stored row that cannot be understood.
pub(crate) fn corrupt(what: impl std::fmt::Display) -> Error {
    Error::corrupt(format!("{what}"))
}

/// Something took longer than it may.
pub(crate) fn late(doing: &str, limit: std::time::Duration) -> Error {
    Error::unavailable(format!("{doing}: the server did not answer within {limit:?}"))
}

/// Whether the transaction may well succeed if it is run again.
pub(crate) fn is_race(cause: &Cause) -> bool {
    matches!(
        cause.code(),
        Some(
            &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::T_R_DEADLOCK_DETECTED
                | &SqlState::UNIQUE_VIOLATION
        )
    )
}

/// Whether the connection is gone, or is about to go.
pub(crate) fn is_lost(cause: &Cause) -> bool {
    match cause.code() {
        Some(code) => {
            ["08", "57P"].iter().any(|class| code.code().starts_with(class))
                || code == &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        }
        None => cause.is_closed() || is_io(cause),
    }
}

fn is_io(cause: &Cause) -> bool {
    let mut source = std::error::Error::source(cause);
    while let Some(error) = source {
        if error.is::<std::io::Error>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn kind(cause: &Cause) -> Kind {
    let Some(code) = cause.code() else {
        return if is_lost(cause) { Kind::Unavailable } else { Kind::Internal };
    };
    // Classes of Appendix A of PostgreSQL's manual.
    match &code.code()[..2] {
        // Connections, resources, the operator, the system; races; a standby that only reads.
        "08" | "53" | "57" | "58" | "40" | "55" | "25" => Kind::Unavailable,
        // Who asks, and for which database; and rights.
        "28" | "3D" | "3F" => Kind::Invalid,
        "42" if code == &SqlState::INSUFFICIENT_PRIVILEGE => Kind::Invalid,
        // Nothing was done, and the newer program will do it.
        "42" if code == &SqlState::UNDEFINED_FUNCTION => Kind::Unavailable,
        "XX" if code != &SqlState::INTERNAL_ERROR => Kind::Corrupt,
        _ => Kind::Internal,
    }
}

fn text(cause: &Cause) -> String {
    match cause.as_db_error() {
        // A program finds each function that it knows when it starts.
        Some(error) if error.code() == &SqlState::UNDEFINED_FUNCTION => format!(
            "a newer program brought the schema up to date, and this one has to make way for it: {}",
            error.message()
        ),
        Some(error) => error.message().to_owned(),
        None => match std::error::Error::source(cause) {
            Some(source) => format!("{cause}: {source}"),
            None => cause.to_string(),
        },
    }
}
