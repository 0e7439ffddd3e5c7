//! A picture as SVG: complete in itself, in the colours that the reader prefers, with a text for those who listen.
//!
//! `layout` says where everything lies, `draw` writes it down, `about` puts it into sentences.

mod about;
mod draw;
mod layout;
#[cfg(test)]
mod tests;
mod text;
