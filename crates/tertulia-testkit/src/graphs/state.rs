//! The states and graphs that cases work on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tertulia::Log;
use tertulia::graph::{self, Graph, Input, IntoAction, State};

/// Counts steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Steps.
    pub count: u64,
    /// Something that steps leave alone.
    pub other: String,
}

/// A state with something of everything: a history, a map, a text that grows and shrinks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Diary {
    /// The how manieth page is the last.
    pub pages: u64,
    /// Some of the pages.
    pub marks: BTreeMap<String, u64>,
    /// The last page.
    pub text: String,
    /// All pages.
    pub log: Log<u64>,
}

/// What a page of a [`Diary`] is given.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    text: String,
}

/// Two actions, `a` and `b`, which count in turn and have no end. Each lets others run in its middle.
pub async fn turns() -> Graph<Counter> {
    let builder = Graph::<Counter>::new("turns").action("a", count).action("b", count);
    let builder = builder.transition("a", "b").transition("b", "a").entrypoint("a");
    builder.build().await.expect("the graph is in order")
}

/// An action that counts, and lets others run meanwhile.
pub(super) async fn count(mut state: State<Counter>) -> graph::Result<u64> {
    tokio::task::yield_now().await;
    state.count += 1;
    tokio::task::yield_now().await;
    Ok(state.count)
}

/// `first`, which counts, then this action as `second`, then `third`, which counts; and no more.
pub async fn once<M>(action: impl IntoAction<Counter, M>) -> Graph<Counter> {
    let builder = Graph::<Counter>::new("once").action("first", count).action("second", action);
    let builder = builder.action("third", count).transition("first", "second").transition("second", "third");
    builder.entrypoint("first").build().await.expect("the graph is in order")
}

/// An action that does nothing.
pub(super) async fn nothing() -> graph::Result {
    Ok(())
}

/// What an action may fail with.
pub(super) fn not_today<E: From<tertulia::Error>>() -> E {
    tertulia::Error::new(tertulia::error::Kind::Failed, "not today").into()
}

/// One action, `write`, that writes a page, again and again.
pub async fn diary() -> Graph<Diary> {
    let builder = Graph::<Diary>::new("diary").action("write", write).transition("write", "write");
    builder.entrypoint("write").build().await.expect("the graph is in order")
}

async fn write(mut state: State<Diary>, page: Input<Page>) -> graph::Result {
    state.write(&page.text);
    Ok(())
}

impl Diary {
    /// One page more, and every seventh time all pages but the last three are torn out.
    pub fn write(&mut self, text: &str) {
        let page = self.pages + 1;
        self.pages = page;
        text.clone_into(&mut self.text);
        self.log.push(page);
        if page.is_multiple_of(7) {
            self.log.keep_last(3);
        }
        self.marks.insert(format!("page {}", page % 10), page);
        if page.is_multiple_of(4) {
            self.marks.remove(&format!("page {}", (page + 3) % 10));
        }
    }

    /// One of so many pages, of which the last says this.
    pub fn of(pages: u64, text: &str) -> Self {
        let mut diary = Self::default();
        for page in 1..=pages {
            diary.write(if page == pages { text } else { "" });
        }
        diary
    }
}

impl PartialEq for Diary {
    fn eq(&self, other: &Self) -> bool {
        let fields = |diary: &Self| (diary.pages, diary.marks.clone(), diary.text.clone());
        fields(self) == fields(other) && self.log.tail() == other.log.tail()
    }
}
