//! Values for statements that are not prepared, each with its type.

use tokio_postgres::types::{ToSql, Type};

pub(crate) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// Has one type on the server.
pub(crate) trait Typed {
    const TYPE: Type;
}

/// A value with its type.
pub(crate) fn value<T: ToSql + Sync + Typed>(value: &T) -> Value<'_> {
    (value, T::TYPE)
}

macro_rules! typed {
    ($($rust:ty: $type:ident,)*) => {
        $(impl Typed for $rust {
            const TYPE: Type = Type::$type;
        })*
    };
}

typed! {
    bool: BOOL,
    i16: INT2,
    i32: INT4,
    i64: INT8,
    &str: TEXT,
    Option<&str>: TEXT,
    Vec<u8>: BYTEA,
    Vec<bool>: BOOL_ARRAY,
    Vec<i16>: INT2_ARRAY,
    Vec<i32>: INT4_ARRAY,
    Vec<Option<i32>>: INT4_ARRAY,
    Vec<i64>: INT8_ARRAY,
    Vec<Option<i64>>: INT8_ARRAY,
    Vec<&str>: TEXT_ARRAY,
    Vec<Vec<u8>>: BYTEA_ARRAY,
    Vec<&[u8]>: BYTEA_ARRAY,
    Vec<Option<&[u8]>>: BYTEA_ARRAY,
}
