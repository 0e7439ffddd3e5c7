//! However a value is changed, it is seen, and written once; what comes back to what it was is not written.
//!
//! Each style stands under a name, which a failure gives.

use std::mem;

use tertulia::Conversation;
use tertulia::session::Options;

use super::Setting;
use super::value::{Day, Item, Shape, State, Untagged, sample};

type Style = (&'static str, fn(&mut State));

fn helper(items: &mut Vec<Item>) {
    items[0].done = true;
    items.push(Item::default());
}

fn each(items: &mut [Item], mut callback: impl FnMut(&mut Item)) {
    for item in items {
        callback(item);
    }
}

const LISTS: [Style; 20] = [
    ("assignment by index", |s| s.items[1].id = 20),
    ("a loop over iter_mut", |s| {
        for item in s.items.iter_mut() {
            item.done = true;
        }
    }),
    ("for_each", |s| s.items.iter_mut().for_each(|item| item.id += 1)),
    ("position, then index", |s| {
        let at = s.items.iter().position(|item| item.id == 2).expect("it is there");
        s.items[at].done = true;
    }),
    ("find, then edit", |s| s.items.iter_mut().find(|item| item.id == 3).expect("it is there").done = true),
    ("a closure as callback", |s| each(&mut s.items, |item| item.id *= 2)),
    ("a function that takes &mut Vec", |s| helper(&mut s.items)),
    ("push", |s| s.items.push(Item { id: 4, done: true })),
    ("pop", |s| {
        s.items.pop();
    }),
    ("insert in front", |s| s.items.insert(0, Item::default())),
    ("retain", |s| s.items.retain(|item| item.id != 2)),
    ("drain", |s| drop(s.items.drain(..2))),
    ("sort", |s| s.numbers.sort_unstable()),
    ("reverse", |s| s.numbers.reverse()),
    ("dedup", |s| s.numbers.dedup()),
    ("swap of two items", |s| s.items.swap(0, 2)),
    ("extend_from_slice", |s| s.numbers.extend_from_slice(&[9, 9])),
    ("clear", |s| s.numbers.clear()),
    ("first_mut by pattern", |s| {
        if let [first, ..] = &mut s.items[..] {
            first.done = true;
        }
    }),
    ("the last byte of bytes", |s| *s.bytes.last_mut().expect("there are three") = 254),
];

const MAPS: [Style; 11] = [
    ("get_mut, then edit", |s| s.map.get_mut("b").expect("it is there").done = true),
    ("entry, and_modify", |s| drop(s.map.entry("a".to_owned()).and_modify(|item| item.id = 70))),
    ("entry, or_default", |s| s.map.entry("new".to_owned()).or_default().id = 4),
    ("entry of a list in a map", |s| s.by_number.entry(3).or_default().push("more".to_owned())),
    ("values_mut", |s| s.map.values_mut().for_each(|item| item.done = true)),
    ("insert over another", |s| {
        s.map.insert("c".to_owned(), Item { id: 30, done: false });
    }),
    ("remove from a BTreeMap", |s| {
        s.map.remove("b");
    }),
    ("remove from a HashMap", |s| drop(s.by_number.remove(&7))),
    ("retain in a HashMap", |s| s.by_number.retain(|number, _| number % 2 == 0)),
    ("insert into a HashSet", |s| assert!(s.set.insert("z".to_owned()))),
    ("remove from a HashSet", |s| assert!(s.set.remove("x"))),
];

const FIELDS: [Style; 24] = [
    ("Option::take", |s| {
        s.option.take();
    }),
    ("Option::insert", |s| s.option.insert(Item::default()).id = 11),
    ("Option::as_mut", |s| s.option.as_mut().expect("it is there").done = true),
    ("an Option made", |s| s.deep.below.as_mut().expect("it is there").below = Some(Box::default())),
    ("an enum matched and edited", |s| {
        if let Shape::Path { points } = &mut s.shape {
            points[1].1 = 2;
        }
    }),
    ("an enum's variant replaced", |s| s.shape = Shape::Circle { radius: 1.5 }),
    ("an enum's variant taken", |s| drop(mem::take(&mut s.shape))),
    ("an untagged enum's variant replaced", |s| s.untagged = Untagged::Number(7)),
    ("the month of a date", |s| s.day.month = 3),
    ("a date rolled over", |s| s.day = Day { year: 2025, month: 1, day: 1 }),
    ("push_str", |s| s.text.push_str(" jumps")),
    ("truncate", |s| s.text.truncate(3)),
    ("make_ascii_uppercase", |s| s.text.make_ascii_uppercase()),
    ("replace_range with other characters", |s| s.text.replace_range(4..9, "é😀")),
    ("a float by the least there is", |s| s.float = f64::from_bits(s.float.to_bits() + 1)),
    ("a float made infinite", |s| s.float = f64::INFINITY),
    ("a field of a tuple", |s| s.pair.0 -= 2),
    ("a text in a tuple", |s| s.pair.1.insert(0, '¿')),
    ("a struct below structs", |s| {
        s.deep.below.as_mut().expect("it is there").items.push(Item { id: 5, done: true });
    }),
    ("mem::swap of two fields", |s| mem::swap(&mut s.numbers, &mut s.other)),
    ("mem::take", |s| drop(mem::take(&mut s.items))),
    ("mem::replace", |s| drop(mem::replace(&mut s.text, "another".to_owned()))),
    ("destructured and edited", |s| {
        let State { items, pair: (number, _), .. } = s;
        *number += i32::try_from(items.len()).expect("there are few");
    }),
    ("the whole value replaced", |s| *s = State { text: "all new".to_owned(), ..State::default() }),
];

/// What comes back to what it was, in place.
const BACK: [Style; 14] = [
    ("nothing but taken mutably", |_| ()),
    ("added and subtracted", |s| {
        s.items[0].id += 1;
        s.items[0].id -= 1;
    }),
    ("pushed and popped", |s| {
        s.items.push(Item::default());
        s.items.pop();
    }),
    ("reversed twice", |s| {
        s.items.reverse();
        s.items.reverse();
    }),
    ("sorted and put back", |s| {
        s.numbers.sort_unstable();
        s.numbers = vec![3, 1, 2, 2];
    }),
    ("removed from a map and inserted again", |s| {
        let item = s.map.remove("b").expect("it is there");
        s.map.insert("b".to_owned(), item);
    }),
    ("a map built anew in another order", |s| {
        let pairs: Vec<_> = s.by_number.drain().collect();
        s.by_number = pairs.into_iter().rev().collect();
    }),
    ("the same inserted over itself", |s| {
        s.map.insert("a".to_owned(), Item { id: 1, done: false });
    }),
    ("taken and put back", |s| {
        let option = s.option.take();
        s.option = option;
    }),
    ("swapped twice", |s| {
        mem::swap(&mut s.numbers, &mut s.other);
        mem::swap(&mut s.numbers, &mut s.other);
    }),
    ("the same text again", |s| s.text = s.text.clone()),
    ("another text and the old one again", |s| {
        let old = mem::replace(&mut s.text, "another".to_owned());
        s.text = old;
    }),
    ("the same float again", |s| s.float = f64::from_bits(s.float.to_bits())),
    ("another variant and the old one again", |s| {
        let old = mem::replace(&mut s.shape, Shape::Circle { radius: 2.0 });
        s.shape = old;
    }),
];

/// How a program gets at a session.
#[derive(Clone, Copy, Debug)]
enum Way {
    Update,
    Guard,
}

/// Changes a stored session with what a patch or a whole state is written for, in both ways, and has each judged.
async fn judge(setting: &Setting<'_>, writes: u64, styles: &[Style], change: impl Fn(&Style, &mut State)) {
    let mut missed = Vec::new();
    for style in styles {
        for beside in [0, 4_000] {
            for way in [Way::Update, Way::Guard] {
                let before = sample(beside);
                let mut after = before.clone();
                change(style, &mut after);
                assert_eq!(writes > 0, after != before, "`{}` is listed where it belongs", style.0);
                let conversation = setting.conversation();
                setting.put(&conversation, &before).await;
                let counted =
                    changed(setting, &conversation, &after, way, |state| change(style, state)).await;
                if counted != (writes, writes) {
                    let (writes, batches) = counted;
                    let found = format!("{writes} writes in {batches} batches");
                    missed.push(format!("{} ({way:?}, {beside} bytes beside it): {found}", style.0));
                }
                if *setting.stored::<State>(&conversation).await != after {
                    missed.push(format!("{} ({way:?}, {beside} bytes beside it): another value", style.0));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// How many writes the change makes, and how many batches.
async fn changed(
    setting: &Setting<'_>,
    conversation: &Conversation,
    after: &State,
    way: Way,
    change: impl Fn(&mut State),
) -> (u64, u64) {
    let (counting, sessions) = setting.counted::<State>(Options::default());
    match way {
        Way::Update => setting.update(&sessions, conversation, change).await,
        Way::Guard => {
            let mut guard = sessions.load(conversation).await.expect("the session can be loaded");
            change(&mut guard);
            setting.save(&sessions, &mut guard).await.expect("the session can be saved");
        }
    }
    let counts = counting.take();
    let seen = sessions.get(conversation).await.expect("the session can be read");
    assert_eq!(*seen, *after, "who changed it sees the change");
    (counts.written("session/").writes, counts.batches)
}

/// Every way to change a list, its items and its bytes: one write, with the new value.
pub async fn every_change_of_a_list_is_written_once(setting: &Setting<'_>) {
    judge(setting, 1, &LISTS, |style, state| (style.1)(state)).await;
}

/// Every way to change a map or a set: one write, with the new value.
pub async fn every_change_of_a_map_is_written_once(setting: &Setting<'_>) {
    judge(setting, 1, &MAPS, |style, state| (style.1)(state)).await;
}

/// Every way to change fields, and the whole: one write, with the new value.
pub async fn every_change_of_a_field_is_written_once(setting: &Setting<'_>) {
    judge(setting, 1, &FIELDS, |style, state| (style.1)(state)).await;
}

/// Changed in every way and then set back to what it was: no write.
pub async fn what_is_set_back_is_not_written(setting: &Setting<'_>) {
    for styles in [&LISTS[..], &MAPS, &FIELDS] {
        judge(setting, 0, styles, |style, state| {
            let before = state.clone();
            (style.1)(state);
            *state = before;
        })
        .await;
    }
}

/// Changed and changed back in place: no write.
pub async fn what_is_changed_back_in_place_is_not_written(setting: &Setting<'_>) {
    judge(setting, 0, &BACK, |style, state| (style.1)(state)).await;
}

/// A set has no order of its own: it comes back in another one, and is the same.
pub async fn a_set_is_stored_whatever_its_order(setting: &Setting<'_>) {
    for size in [2, 20, 500] {
        let conversation = setting.conversation();
        let mut state = State { set: (0..size).map(|n| n.to_string()).collect(), ..sample(0) };
        setting.put(&conversation, &state).await;
        assert_eq!(*setting.stored::<State>(&conversation).await, state, "{size} items");
        state.set.insert("one more".to_owned());
        setting.put(&conversation, &state).await;
        assert_eq!(*setting.stored::<State>(&conversation).await, state, "{size} items and one");
    }
}
