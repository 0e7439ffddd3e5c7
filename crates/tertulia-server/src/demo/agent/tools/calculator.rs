//! Calculates: numbers, `+ - * / ^ %`, and parentheses, as school has it.

/// How deep parentheses and signs may go.
const DEEPEST: usize = 64;

/// The value of an expression.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn calculate(expression: &str) -> Result<f64, String> {
    let mut reader = Reader { text: expression, at: 0, depth: 0 };
    let value = reader.sum()?;
    match reader.peek() {
        Some(other) => Err(format!("`{other}` is not expected at character {}", reader.place())),
        None if value.is_finite() => Ok(value),
        None => Err("the result is no number, or too large for me".to_owned()),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let is = self.peek() == Some(wanted);
        self.at += if is { wanted.len_utf8() } else { 0 };
        is
    }

    /// Which character it is at, from 1.
    fn place(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        loop {
            if self.take('+') {
                value += self.product()?;
            } else if self.take('-') {
                value -= self.product()?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.signed()?;
        loop {
            if self.take('*') {
                value *= self.signed()?;
            } else if self.take('/') {
                value /= self.divisor()?;
            } else if self.take('%') {
                value %= self.divisor()?;
            } else {
                return Ok(value);
            }
        }
    }

    fn divisor(&mut self) -> Result<f64, String> {
        match self.signed()? {
            0.0 => Err("nothing can be divided by 0".to_owned()),
            value => Ok(value),
        }
    }

    fn signed(&mut self) -> Result<f64, String> {
        if self.depth == DEEPEST {
            return Err(format!("it goes deeper than {DEEPEST} levels"));
        }
        self.depth += 1;
        let value = if self.take('-') {
            self.signed().map(|value| -value)
        } else if self.take('+') {
            self.signed()
        } else {
            self.power()
        };
        self.depth -= 1;
        value
    }

    /// Binds to the right, and before a sign that stands in front: -2^2 is -4.
    fn power(&mut self) -> Result<f64, String> {
        let base = self.atom()?;
        if self.take('^') { Ok(base.powf(self.signed()?)) } else { Ok(base) }
    }

    fn atom(&mut self) -> Result<f64, String> {
        if self.take('(') {
            let value = self.sum()?;
            return match self.take(')') {
                true => Ok(value),
                false => Err(format!("a `)` is missing at character {}", self.place())),
            };
        }
        let _ = self.peek();
        let rest = &self.text[self.at..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let place = self.place();
        self.at += digits;
        rest[..digits].parse().map_err(|_| format!("a number is missing at character {place}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_calculates_as_school_has_it() {
        for (expression, value) in [
            ("12*(3+4)", 84.0),
            ("1 + 2 * 3 - 4 / 8", 6.5),
            ("-2^2", -4.0),
            ("2^3^2", 512.0),
            ("2^-1", 0.5),
            ("10 % 4", 2.0),
            ("((((7))))", 7.0),
            ("--3", 3.0),
            (".5+1.", 1.5),
        ] {
            assert_eq!(calculate(expression), Ok(value), "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_calculated_is_told_with_its_place() {
        let deep = "(".repeat(1_000);
        for (expression, error) in [
            ("", "a number is missing at character 1"),
            ("1+", "a number is missing at character 3"),
            ("(1", "a `)` is missing at character 3"),
            ("1 x", "`x` is not expected at character 3"),
            ("1..2", "a number is missing at character 1"),
            ("1/0", "nothing can be divided by 0"),
            ("9^999", "the result is no number, or too large for me"),
            (&deep, "it goes deeper than 64 levels"),
        ] {
            assert_eq!(calculate(expression), Err(error.to_owned()), "{expression}");
        }
    }
}
