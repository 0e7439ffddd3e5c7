//! A webhook for any system that can sign its posts with a shared key.

mod hook;
mod place;
mod signature;

pub use hook::Signed;
