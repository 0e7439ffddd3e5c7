//! What SQLite's errors mean to a caller.

use rusqlite::ErrorCode;
use tertulia::Error;
use tertulia::error::Kind;

/// The error for `cause`, which happened while `doing` (such as "cannot read").
pub(crate) fn failed(doing: &str, cause: rusqlite::Error) -> Error {
    Error::new(kind(&cause), format!("{doing}: {cause}")).with_source(cause)
}

/// A stored row that cannot be understood.
pub(crate) fn corrupt(what: impl std::fmt::Display) -> Error {
    Error::corrupt(format!("{what}"))
}

fn kind(cause: &rusqlite::Error) -> Kind {
    use rusqlite::Error as Cause;
    match cause {
        Cause::FromSqlConversionFailure(..)
        | Cause::IntegralValueOutOfRange(..)
        | Cause::InvalidColumnType(..)
        | Cause::Utf8Error(..) => Kind::Corrupt,
        Cause::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Kind::Corrupt,
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory => Kind::Unavailable,
            _ => Kind::Internal,
        },
        _ => Kind::Internal,
    }
}

/// Whether the disk had no room, so that SQLite took the whole transaction back.
pub(crate) fn is_full(cause: &rusqlite::Error) -> bool {
    cause.sqlite_error_code() == Some(ErrorCode::DiskFull)
}
