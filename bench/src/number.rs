//! Numbers as people read them.

/// A whole number with a comma between thousands.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits at least: `0.026`, `1.96`, `19.6`, `1,054`.
pub(crate) fn decimal(value: f64) -> String {
    match value {
        v if v >= 100.0 => grouped(v),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 0.1 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_by_commas() {
        let texts = [0.4, 999.0, 1_000.0, 61_900.2, 1_734_284.0].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "61,900", "1,734,284"]);
    }

    #[test]
    fn small_numbers_keep_their_digits() {
        assert_eq!([0.0258, 1.96, 19.63, 1_054.2].map(decimal), ["0.026", "1.96", "19.6", "1,054"]);
    }
}
