//! What is different between two JSON values, as JSON Patch.

use serde_json::{Map, Value};

use crate::session::Operation;

/// The operations that make `new` of `old`; none if they are the same.
pub(super) fn diff(old: &Value, new: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    values(&mut String::new(), old, new, &mut operations);
    operations
}

fn values(path: &mut String, old: &Value, new: &Value, out: &mut Vec<Operation>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Object(old), Value::Object(new)) => objects(path, old, new, out),
        (Value::Array(old), Value::Array(new)) => arrays(path, old, new, out),
        _ => out.push(Operation::Replace { path: path.clone(), value: new.clone() }),
    }
}

fn objects(path: &mut String, old: &Map<String, Value>, new: &Map<String, Value>, out: &mut Vec<Operation>) {
    for field in old.keys().filter(|field| !new.contains_key(*field)) {
        below(path, &escape(field), |path| out.push(Operation::Remove { path: path.clone() }));
    }
    for (field, value) in new {
        below(path, &escape(field), |path| match old.get(field) {
            Some(old) => values(path, old, value, out),
            None => out.push(Operation::Add { path: path.clone(), value: value.clone() }),
        });
    }
}

/// A list mostly grows at its end, and a history is told by its last items, so that it loses some at its beginning.
fn arrays(path: &mut String, old: &[Value], new: &[Value], out: &mut Vec<Operation>) {
    let dropped = (0..old.len()).find(|dropped| new.starts_with(&old[*dropped..]));
    if let Some(dropped) = dropped {
        let first = format!("{path}/0");
        out.extend((0..dropped).map(|_| Operation::Remove { path: first.clone() }));
        out.extend(new[old.len() - dropped..].iter().map(|value| add(format!("{path}/-"), value)));
        return;
    }
    let same = |(old, new): &(&Value, &Value)| old == new;
    let head = old.iter().zip(new).take_while(same).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(same).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let both = old_end.min(new_end);
    for at in head..both {
        below(path, &at.to_string(), |path| values(path, &old[at], &new[at], out));
    }
    let next = format!("{path}/{both}");
    out.extend((both..old_end).map(|_| Operation::Remove { path: next.clone() }));
    out.extend((both..new_end).map(|at| add(format!("{path}/{at}"), &new[at])));
}

fn add(path: String, value: &Value) -> Operation {
    Operation::Add { path, value: value.clone() }
}

fn below(path: &mut String, field: &str, then: impl FnOnce(&mut String)) {
    let len = path.len();
    path.push('/');
    path.push_str(field);
    then(path);
    path.truncate(len);
}

fn escape(field: &str) -> String {
    field.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(old: &Value, new: &Value) -> Vec<Operation> {
        let operations = diff(old, new);
        let patch: json_patch::Patch = serde_json::from_value(json!(operations)).unwrap();
        let mut patched = old.clone();
        json_patch::patch(&mut patched, &patch).unwrap();
        assert_eq!(patched, *new, "{operations:?}");
        operations
    }

    #[test]
    fn equal_values_have_no_difference() {
        assert_eq!(check(&json!({ "a": [1, 2] }), &json!({ "a": [1, 2] })), []);
    }

    #[test]
    fn only_what_is_different_is_told() {
        let old = json!({ "name": "Ana", "a/b": 1, "gone": true, "list": [1, { "x": 1 }, 3] });
        let new = json!({ "name": "Eva", "a/b": 1, "new~": null, "list": [1, { "x": 2 }, 3] });
        let told = check(&old, &new);
        let expected = json!([
            { "op": "remove", "path": "/gone" },
            { "op": "replace", "path": "/list/1/x", "value": 2 },
            { "op": "replace", "path": "/name", "value": "Eva" },
            { "op": "add", "path": "/new~0", "value": null },
        ]);
        assert_eq!(json!(told), expected);
    }

    #[test]
    fn a_history_that_moves_on_loses_its_first_items_and_gets_new_ones() {
        let told = check(&json!([1, 2, 3]), &json!([2, 3, 4]));
        assert_eq!(
            json!(told),
            json!([{ "op": "remove", "path": "/0" }, { "op": "add", "path": "/-", "value": 4 }])
        );
    }

    #[test]
    fn any_two_lists_are_made_the_same() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..5_000 {
            let mut list = || (0..random.usize(..6)).map(|_| Value::from(random.u8(..3))).collect::<Value>();
            let (old, new) = (list(), list());
            check(&json!({ "l": old }), &json!({ "l": new }));
        }
    }
}
