//! Values for statements that are not prepared, each with its type.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

pub(crate) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// Has one type on the server.
pub(crate) trait Typed {
    const TYPE: Type;
}

/// A value with its type.
pub(crate) fn value<T: ToSql + Sync + Typed>(value: &T) -> Value<'_> {
    (value, T::TYPE)
}

/// Where a row is in its table, as the server has it: good within a transaction that keeps it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowPlace([u8; 6]);

impl<'a> FromSql<'a> for RowPlace {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.try_into()?))
    }

    accepts!(TID);
}

impl ToSql for RowPlace {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    accepts!(TID);
    to_sql_checked!();
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
    Vec<RowPlace>: TID_ARRAY,
    Vec<&str>: TEXT_ARRAY,
    Vec<Vec<u8>>: BYTEA_ARRAY,
    Vec<&[u8]>: BYTEA_ARRAY,
    Vec<Option<&[u8]>>: BYTEA_ARRAY,
}
