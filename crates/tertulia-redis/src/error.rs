//! What Redis's errors mean to a caller.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use tertulia::Error;
use tertulia::error::Kind;

/// The error for `cause`, which happened while `doing` (such as "cannot read") something that changes nothing.
pub(crate) fn failed(doing: &str, cause: RedisError) -> Error {
    Error::new(kind(&cause), format!("{doing}: {cause}")).with_source(cause)
}

/// The error of a commit: a refusal says that nothing was written, a broken connection says nothing at all.
pub(crate) fn not_committed(cause: RedisError) -> Error {
    if is_lost(&cause) {
        let text = format!("the answer to a commit was lost: {cause}");
        return Error::new(Kind::Unknown, text).with_source(cause);
    }
    failed("cannot commit", cause)
}

/// Whether the connection is of no more use, so that a command may or may not have been carried out.
pub(crate) fn is_lost(cause: &RedisError) -> bool {
    matches!(cause.kind(), ErrorKind::Io | ErrorKind::Parse) || cause.is_unrecoverable_error()
}

/// Whether the server does not know a script yet.
pub(crate) fn is_unknown_script(cause: &RedisError) -> bool {
    cause.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// Whether another node of a cluster has what was asked for, or none has it just now: nothing was done.
pub(crate) fn is_moved(cause: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, Moved, TryAgain};
    matches!(cause.kind(), ErrorKind::Server(Moved | Ask | TryAgain | ClusterDown))
}

/// Whether a slot of a cluster is on its way between two nodes: nothing was done.
pub(crate) fn is_moving(cause: &RedisError) -> bool {
    use ServerErrorKind::{Ask, TryAgain};
    matches!(cause.kind(), ErrorKind::Server(Ask | TryAgain))
}

/// The node, by its host and port, that has what was asked for though it has not its slot yet.
pub(crate) fn asked(cause: &RedisError) -> Option<(&str, u16)> {
    if cause.kind() != ErrorKind::Server(ServerErrorKind::Ask) {
        return None;
    }
    let (place, _) = cause.redirect_node()?;
    let (host, port) = place.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

/// Whether the server was the primary and is no more, so that another is to be found.
pub(crate) fn is_demoted(cause: &RedisError) -> bool {
    matches!(cause.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}

fn kind(cause: &RedisError) -> Kind {
    match cause.kind() {
        ErrorKind::InvalidClientConfig
        | ErrorKind::AuthenticationFailed
        | ErrorKind::RESP3NotSupported
        | ErrorKind::Server(ServerErrorKind::NoPerm | ServerErrorKind::CrossSlot) => Kind::Invalid,
        // What answers in another language is no Redis server, or not now.
        ErrorKind::Io
        | ErrorKind::Parse
        | ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask,
        ) => Kind::Unavailable,
        _ => match cause.code() {
            // Memory or disk is full, too few replicas, another script runs on.
            Some("OOM" | "MISCONF" | "NOREPLICAS" | "BUSY" | "UNBLOCKED") => Kind::Unavailable,
            Some("WRONGTYPE") => Kind::Corrupt,
            Some("NOAUTH" | "WRONGPASS") => Kind::Invalid,
            // What a script ran into is told in the text only.
            _ if cause.to_string().contains("WRONGTYPE") => Kind::Corrupt,
            _ if cause.to_string().contains("NOPERM") => Kind::Invalid,
            _ => Kind::Internal,
        },
    }
}

/// An answer that no script of ours gives.
pub(crate) fn unexpected(doing: &str) -> Error {
    Error::internal(format!("{doing}: Redis gave an answer of another form"))
}
