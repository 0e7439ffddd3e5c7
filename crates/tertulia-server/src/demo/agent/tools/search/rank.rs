//! Ranks texts by words: Okapi BM25.

use std::collections::HashMap;

/// How soon more of the same word counts no more; how much long texts are held back. The usual values.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// Words that say nothing about what a text is about.
const COMMON: [&str; 52] = [
    "a", "about", "all", "an", "and", "any", "are", "as", "at", "be", "by", "can", "do", "does", "for",
    "from", "has", "have", "how", "i", "if", "in", "is", "it", "its", "me", "my", "no", "not", "of", "on",
    "or", "so", "tell", "tertulia", "that", "the", "there", "this", "to", "was", "we", "what", "when",
    "where", "which", "who", "why", "will", "with", "work", "you",
];

/// The words of a text that count, in the form in which they are compared.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words
        .filter(|word| !word.is_empty() && !COMMON.contains(&word.as_str()))
        .map(|word| stem(&word).to_owned())
}

/// Without the endings that make several words of one.
fn stem(word: &str) -> &str {
    let long = |stem: &&str| stem.chars().count() >= 3;
    let ending =
        ["ing", "ed", "es", "s"].into_iter().find_map(|ending| word.strip_suffix(ending).filter(long));
    let stem = ending.unwrap_or(word);
    stem.strip_suffix('e').filter(long).unwrap_or(stem)
}

/// Texts that can be ranked.
#[derive(Debug)]
pub(super) struct Ranked {
    /// Of each text, how often it has each word, and how many it has in all.
    texts: Vec<(HashMap<String, u32>, f64)>,
    /// In how many texts each word is.
    spread: HashMap<String, u32>,
    average: f64,
}

impl Ranked {
    /// Texts, as their words.
    pub(super) fn new(texts: impl Iterator<Item = Vec<String>>) -> Self {
        let mut ranked = Self { texts: Vec::new(), spread: HashMap::new(), average: 1.0 };
        for text in texts {
            let (length, mut counts) = (text.len() as f64, HashMap::new());
            for word in text {
                *counts.entry(word).or_insert(0) += 1;
            }
            for word in counts.keys() {
                *ranked.spread.entry(word.clone()).or_insert(0) += 1;
            }
            ranked.texts.push((counts, length));
        }
        let total: f64 = ranked.texts.iter().map(|(_, length)| length).sum();
        ranked.average = (total / ranked.texts.len().max(1) as f64).max(1.0);
        ranked
    }

    /// The places of the best texts for a query, the best first; those that have nothing of it are left out.
    pub(super) fn best(&self, query: &str, most: usize) -> Vec<usize> {
        let mut wanted: Vec<String> = words(query).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let scores = self.texts.iter().map(|text| wanted.iter().map(|word| self.score(word, text)).sum());
        let mut scores: Vec<(usize, f64)> = scores.enumerate().filter(|(_, score)| *score > 0.0).collect();
        scores.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        scores.into_iter().take(most).map(|(index, _)| index).collect()
    }

    fn score(&self, word: &str, (counts, length): &(HashMap<String, u32>, f64)) -> f64 {
        let (Some(count), Some(spread)) = (counts.get(word), self.spread.get(word)) else { return 0.0 };
        let (count, spread, all) = (f64::from(*count), f64::from(*spread), self.texts.len() as f64);
        let rare = (1.0 + (all - spread + 0.5) / (spread + 0.5)).ln();
        rare * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / self.average))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_count_more_often_ones_soon_no_more_and_long_texts_less() {
        let texts = [
            "bread milk",
            "bread bread bread bread",
            "eggs",
            "bread and of the eggs in a long long long list",
        ];
        let ranked = Ranked::new(texts.iter().map(|text| words(text).collect()));
        assert_eq!(ranked.best("milk and bread", 9), [0, 1, 3]);
        assert_eq!(ranked.best("eggs", 9), [2, 3]);
        assert_eq!(ranked.best("bread eggs", 1), [2], "eggs is rarer");
        assert!(ranked.best("", 9).is_empty() && ranked.best("fish", 9).is_empty());
    }

    #[test]
    fn forms_of_a_word_are_one() {
        let stems = |text: &str| words(text).collect::<Vec<_>>();
        assert_eq!(stems("Streams, streaming: streamed"), ["stream"; 3]);
        assert_eq!(stems("notes note"), ["not"; 2]);
        assert_eq!(stems("ed is SQLite's"), ["ed", "sqlit", "s"]);
    }
}
