//! Moments as RFC 3339 writes them, such as `2026-11-21T16:30:00.250Z`.

use tertulia::Timestamp;

const DAY: u64 = 86_400_000;

/// Reads a moment, to the millisecond; nothing if it is not of that form or before 1970.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    // A leap second is taken for the second that follows it.
    let real = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !real {
        return None;
    }
    let (millis, zone) = fraction(rest)?;
    let minutes = (hour * 60 + minute) * 60 + second;
    let local = days_before(year, month, day)? * DAY + minutes * 1_000 + millis;
    Some(Timestamp(local.checked_add_signed(-offset(zone)?)?))
}

/// Writes a moment in UTC.
pub(crate) fn format(at: Timestamp) -> String {
    let (days, millis) = (at.0 / DAY, at.0 % DAY);
    let (year, month, day) = date(days);
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

fn numbers<const N: usize>(text: &str, between: char, widths: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(between);
    let mut out = [0; N];
    for (out, width) in out.iter_mut().zip(widths) {
        *out = digits(parts.next().filter(|part| part.len() == width)?)?;
    }
    parts.next().is_none().then_some(out)
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The milliseconds, and what comes behind them.
fn fraction(rest: &str) -> Option<(u64, &str)> {
    let Some(rest) = rest.strip_prefix('.') else { return Some((0, rest)) };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (fraction, zone) = rest.split_at(end);
    let millis = fraction.chars().chain("000".chars()).take(3).collect::<String>();
    (!fraction.is_empty()).then(|| Some((digits(&millis)?, zone)))?
}

/// How many milliseconds the zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match zone.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let [hours, minutes] = numbers(&zone[1..], ':', [2, 2])?;
    let minutes = i64::try_from(hours * 60 + minutes).ok().filter(|_| hours < 24 && minutes < 60)?;
    Some(sign * minutes * 60_000)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970 to this one.
fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 {
        return None;
    }
    let leap = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap(year - 1) - leap(1969);
    Some(years + (1..month).map(|month| days_in(year, month)).sum::<u64>() + day - 1)
}

/// The date that many days after 1970 began.
fn date(days: u64) -> (u64, u64, u64) {
    let (mut year, mut left) = (1970 + days / 366, days);
    let begins = |year| days_before(year, 1, 1).unwrap_or_default();
    while begins(year + 1) <= days {
        year += 1;
    }
    left -= begins(year);
    let mut month = 1;
    while left >= days_in(year, month) {
        left -= days_in(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        for (text, millis) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2000-02-29T12:00:00.001Z", 951_825_600_001),
            ("2024-10-09T00:00:00.000Z", 1_728_432_000_000),
            ("2026-11-21T16:30:00.250Z", 1_795_278_600_250),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] {
            assert_eq!(parse(text), Some(Timestamp(millis)), "{text}");
            assert_eq!(format(Timestamp(millis)), text);
        }
    }

    #[test]
    fn zones_and_fractions_are_read() {
        let noon = parse("2026-01-01T12:00:00Z");
        assert_eq!(parse("2026-01-01T13:30:00+01:30"), noon);
        assert_eq!(parse("2026-01-01t11:00:00.0-01:00"), noon);
        assert_eq!(parse("2026-01-01T12:00:00.1239Z"), noon.map(|at| Timestamp(at.0 + 123)));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-01-01",
            "2026-01-01T12:00:00",
            "2026-13-01T12:00:00Z",
            "2026-02-29T12:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T12:00:00.Z",
            "2026-01-01T12:00:00+1:00",
            "1969-12-31T23:59:59Z",
            "+026-01-01T12:00:00Z",
            "2026-01-01T12:00:00Zé",
            "２０２６-01-01T12:00:00Z",
            "1970-01-01T00:00:00+01:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
