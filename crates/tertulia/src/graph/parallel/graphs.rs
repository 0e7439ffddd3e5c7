//! One graph or several.

use crate::graph::Graph;

/// One graph or several: `&square`, or `[&square, &cube]`.
pub trait Graphs<C> {
    /// All of them.
    fn graphs(self) -> Vec<Graph<C>>;
}

impl<C> Graphs<C> for Graph<C> {
    fn graphs(self) -> Vec<Graph<C>> {
        vec![self]
    }
}

impl<C> Graphs<C> for &Graph<C> {
    fn graphs(self) -> Vec<Graph<C>> {
        vec![self.clone()]
    }
}

impl<C, const N: usize> Graphs<C> for [Graph<C>; N] {
    fn graphs(self) -> Vec<Graph<C>> {
        self.into()
    }
}

impl<C, const N: usize> Graphs<C> for [&Graph<C>; N] {
    fn graphs(self) -> Vec<Graph<C>> {
        self.map(Graph::clone).into()
    }
}

impl<C> Graphs<C> for Vec<Graph<C>> {
    fn graphs(self) -> Vec<Graph<C>> {
        self
    }
}
