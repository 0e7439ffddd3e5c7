//! Pictures of a graph, from its [`Shape`](super::Shape): Mermaid and DOT, which others render, and SVG.
//!
//! `options` says what is shown, `parts` what a picture consists of, whatever its language, and each language has a
//! file that writes those parts down. Names and conditions are users' text: each language escapes them its own way.

mod dot;
mod mermaid;
mod options;
mod parts;
mod svg;
#[cfg(test)]
mod tests;

pub use options::Picture;
