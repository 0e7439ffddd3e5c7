//! One name or several, as they are given to a graph, and as errors have them.

/// One name or several: `"think"` or `["think", "tidy"]`.
pub trait Names {
    /// All of them.
    fn names(self) -> Vec<String>;
}

impl Names for &str {
    fn names(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl Names for String {
    fn names(self) -> Vec<String> {
        vec![self]
    }
}

impl<T: Into<String>, const N: usize> Names for [T; N] {
    fn names(self) -> Vec<String> {
        self.map(Into::into).into()
    }
}

impl<T: Into<String>> Names for Vec<T> {
    fn names(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: Into<String> + Clone> Names for &[T] {
    fn names(self) -> Vec<String> {
        self.iter().cloned().map(Into::into).collect()
    }
}

/// Names as an error has them: `` `think`, `tidy` ``.
pub(super) fn listed(names: impl IntoIterator<Item: AsRef<str>>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{}`", name.as_ref().escape_debug())).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
