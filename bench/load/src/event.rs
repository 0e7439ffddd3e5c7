//! Events as everybody appends them: JSON of about 100 bytes that holds a number.

use memchr::memmem;

/// What stands before an event's number, and nowhere else.
const MARK: &[u8] = b"\"t\":";
/// The most digits of a number.
const DIGITS: usize = 20;

/// An event with a number, 100 bytes long.
pub(crate) fn event(number: u64) -> Vec<u8> {
    const TEXT: &str =
        "and another piece of an answer, as models give them out, one token after the other, until it ends";
    let head = format!("{{\"t\":{number},\"text\":\"");
    let text = &TEXT[..98 - head.len()];
    format!("{head}{text}\"}}").into_bytes()
}

/// Events as an array, of which a JSON stream takes each as one.
pub(crate) fn array(events: &[Vec<u8>]) -> Vec<u8> {
    [&b"["[..], &events.join(&b','), b"]"].concat()
}

/// Finds the numbers of the events in a body that comes piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The end of the last piece, which may hold a part of a mark or of a number.
    rest: Vec<u8>,
}

impl Numbers {
    /// Gives the numbers whose last digit is seen to be the last.
    pub(crate) fn of(&mut self, piece: &[u8], mut found: impl FnMut(u64)) {
        let mut at = 0;
        if !self.rest.is_empty() {
            // Far enough into the piece that what began before it ends.
            let reach = piece.len().min(MARK.len() + DIGITS);
            let before = self.rest.len();
            self.rest.extend_from_slice(&piece[..reach]);
            let end = scan(&self.rest, &mut found);
            if reach == piece.len() {
                self.rest.drain(..end);
                return;
            }
            at = end.saturating_sub(before);
            self.rest.clear();
        }
        let end = at + scan(&piece[at..], &mut found);
        self.rest.extend_from_slice(&piece[end..]);
    }
}

/// Gives each number that ends in the text; gives where what is not understood yet begins.
fn scan(text: &[u8], found: &mut impl FnMut(u64)) -> usize {
    let mut at = 0;
    while let Some(mark) = memmem::find(&text[at..], MARK) {
        let digits = at + mark + MARK.len();
        let mut number = 0;
        let mut end = digits;
        while let Some(digit) = text.get(end).filter(|byte| byte.is_ascii_digit()) {
            number = number * 10 + u64::from(digit - b'0');
            end += 1;
        }
        if end == text.len() {
            return at + mark;
        }
        found(number);
        at = end;
    }
    at.max(text.len().saturating_sub(MARK.len() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_a_hundred_bytes() {
        assert_eq!([0, 7, 12_345_678_901].map(|number| event(number).len()), [100, 100, 100]);
    }

    #[test]
    fn the_numbers_are_found_wherever_the_text_is_cut() {
        let text: Vec<u8> = [7, 12_345_678_901, 42].iter().flat_map(|number| event(*number)).collect();
        for size in 1..text.len() {
            let (mut numbers, mut found) = (Numbers::default(), Vec::new());
            for piece in text.chunks(size) {
                numbers.of(piece, |number| found.push(number));
            }
            assert_eq!(found, [7, 12_345_678_901, 42], "pieces of {size}");
        }
    }
}
