//! The stored shape of how a call is to be made.

use std::time::Duration;

use bytes::{BufMut, BytesMut};

use super::fields::{Fields, put_text};
use crate::Result;
use crate::runner::{CallOptions, Delivery};

/// What there is, by bits.
const AT_MOST_ONCE: u8 = 1;
const WITHIN: u8 = 2;
const JOINED: u8 = 4;
const REFERS: u8 = 8;
const STEPS: u8 = 16;

pub(super) fn put_options(out: &mut BytesMut, options: &CallOptions) {
    let CallOptions { delivery, within, join, refers, steps } = options;
    let at_most_once = if *delivery == Delivery::AtMostOnce { AT_MOST_ONCE } else { 0 };
    let has_within = if within.is_some() { WITHIN } else { 0 };
    let has_join = if join.is_some() { JOINED } else { 0 };
    let has_refers = if refers.is_some() { REFERS } else { 0 };
    out.put_u8(at_most_once | has_within | has_join | has_refers | if *steps { STEPS } else { 0 });
    if let Some(within) = within {
        out.put_u64_le(within.as_millis().try_into().unwrap_or(u64::MAX));
    }
    if let Some(join) = join {
        put_text(out, join);
    }
    if let Some(refers) = refers {
        refers.put(out);
    }
}

pub(super) fn read_options(fields: &mut Fields) -> Result<CallOptions> {
    let has = fields.u8()?;
    if has & !(AT_MOST_ONCE | WITHIN | JOINED | REFERS | STEPS) != 0 {
        return Err(fields.unknown("options", has));
    }
    let delivery = if has & AT_MOST_ONCE == 0 { Delivery::AtLeastOnce } else { Delivery::AtMostOnce };
    let within = if has & WITHIN == 0 { None } else { Some(Duration::from_millis(fields.u64()?)) };
    let join = if has & JOINED == 0 { None } else { Some(fields.text()?) };
    let refers = if has & REFERS == 0 { None } else { Some(fields.ticket()?) };
    Ok(CallOptions { delivery, within, join, refers, steps: has & STEPS != 0 })
}
