//! However a value is changed, it is seen; and what was not changed is not written.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Watched, change, conversation, store};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    a: Vec<Item>,
    m: HashMap<String, Entry>,
    d: Duration,
    text: String,
    deep: Option<Box<State>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Item {
    id: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    n: i64,
}

impl Default for State {
    fn default() -> Self {
        let m = (1..5).map(|n| (format!("k{n}"), Entry { n })).collect();
        let a = vec![Item { id: 1 }, Item { id: 2 }];
        Self { a, m, d: Duration::from_secs(5), text: "x".repeat(2_000), deep: None }
    }
}

/// Applies the mutation to a stored session: one write with the new value, seen by another store.
async fn assert_written(mutate: fn(&mut State)) {
    let storage = Watched::new();
    let one = store::<State>(&storage);
    change(&storage, &one, |state| state.deep = Some(Box::default())).await.unwrap();
    storage.counts();
    change(&storage, &one, mutate).await.unwrap();
    assert_eq!(storage.counts().writes, 1);
    let mut expected = State { deep: Some(Box::default()), ..State::default() };
    mutate(&mut expected);
    assert_eq!(*store::<State>(&storage).load(&conversation()).await.unwrap().get(), expected);
}

/// Applies a mutation that comes back to the same value: no write.
async fn assert_not_written(mutate: fn(&mut State)) {
    let storage = Watched::new();
    let one = store::<State>(&storage);
    change(&storage, &one, |state| state.deep = Some(Box::default())).await.unwrap();
    storage.counts();
    change(&storage, &one, mutate).await.unwrap();
    assert_eq!(storage.counts().writes, 0);
}

macro_rules! written {
    ($($name:ident: $mutate:expr;)*) => { $(
        #[tokio::test]
        async fn $name() {
            assert_written($mutate).await;
        }
    )* };
}

macro_rules! not_written {
    ($($name:ident: $mutate:expr;)*) => { $(
        #[tokio::test]
        async fn $name() {
            assert_not_written($mutate).await;
        }
    )* };
}

fn helper(items: &mut [Item]) {
    items[1].id = 77;
}

written! {
    a_change_by_index_is_written: |state| state.a[0].id = 9;
    a_change_by_iterator_is_written: |state| state.a.iter_mut().for_each(|item| item.id += 1);
    a_change_by_find_is_written: |state| state.a.iter_mut().find(|item| item.id == 2).unwrap().id = 3;
    a_change_by_a_callback_is_written: |state| state.a.retain(|item| item.id != 1);
    a_change_by_a_nested_map_entry_is_written: |state| state.m.get_mut("k1").unwrap().n += 1;
    a_change_by_the_entry_interface_is_written: |state| state.m.entry("new".into()).or_insert(Entry { n: 0 }).n += 1;
    a_removed_map_entry_is_written: |state| {
        state.m.remove("k2");
    };
    a_change_of_a_duration_is_written: |state| state.d += Duration::from_millis(1);
    a_replaced_session_is_written: |state| *state = State { text: "new".into(), ..State::default() };
    a_change_by_mem_swap_is_written: |state| {
        let mut other = "swapped".to_owned();
        std::mem::swap(&mut state.text, &mut other);
    };
    a_change_by_mem_take_is_written: |state| drop(std::mem::take(&mut state.a));
    a_change_by_a_helper_is_written: |state| helper(&mut state.a);
    a_change_of_the_order_of_a_list_is_written: |state| state.a.reverse();
    a_change_deep_inside_is_written: |state| state.deep.as_mut().unwrap().m.get_mut("k3").unwrap().n = -1;
    a_change_in_the_middle_of_a_text_is_written: |state| state.text.replace_range(1_000..1_001, "é😀");
    an_option_set_to_none_is_written: |state| state.deep = None;
}

not_written! {
    a_value_changed_and_changed_back_is_not_written: |state| {
        state.a[0].id += 1;
        state.a[0].id -= 1;
    };
    the_same_value_set_again_is_not_written: |state| state.text = state.text.clone();
    the_same_map_entry_inserted_again_is_not_written: |state| {
        state.m.insert("k1".into(), Entry { n: 1 });
    };
    a_map_built_anew_in_another_order_is_not_written: |state| {
        let pairs: Vec<_> = state.m.drain().collect();
        state.m = pairs.into_iter().rev().collect();
        state.m.reserve(1_000);
    };
    an_equal_session_in_its_place_is_not_written: |state| *state = state.clone();
}
