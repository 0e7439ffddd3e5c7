use serde_json::json;

use super::*;

fn text(result: Result<impl fmt::Debug>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn values_are_set_and_had_again() {
    let mut state = Dynamic::of(&json!({ "name": "Ana", "calls": [1] })).unwrap();
    state.set("place", (1, "x")).unwrap();
    state.append("calls", 2).unwrap();
    state.extend("seen", ["a", "b"]).unwrap();
    state.increment("count", 2).unwrap();
    state.increment("count", -5).unwrap();
    assert!(state.remove("name").unwrap());
    assert!(!state.remove("name").unwrap());
    assert_eq!(state.get::<(u32, String)>("place").unwrap(), Some((1, "x".into())));
    assert_eq!(state.get::<Vec<u32>>("calls").unwrap(), Some(vec![1, 2]));
    assert_eq!(state.value("seen").unwrap(), Some(&json!(["a", "b"])));
    assert_eq!(state.get::<i32>("count").unwrap(), Some(-3));
    assert_eq!(state.get::<String>("name").unwrap(), None);
    assert_eq!(state.keys().collect::<Vec<_>>(), ["calls", "count", "place", "seen"]);
}

#[test]
fn a_state_is_encoded_as_its_fields() {
    let state = Dynamic::of(&json!({ "b": [1, null], "a": { "x": 0.5 } })).unwrap();
    let bytes = rmp_serde::to_vec_named(&state).unwrap();
    assert_eq!(rmp_serde::from_slice::<Dynamic>(&bytes).unwrap(), state);
    assert_eq!(serde_json::to_value(&state).unwrap(), json!({ "b": [1, null], "a": { "x": 0.5 } }));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut state = Dynamic::of(&json!({ "name": "Ana", "most": i64::MAX, "calls": [] })).unwrap();
    let before = state.clone();
    assert_eq!(text(state.append("name", 1)), "`name` is a text and no list");
    assert_eq!(text(state.increment("name", 1)), "`name` is no whole number of 64 bits");
    assert!(text(state.increment("most", 1)).contains("1 more is no number of 64 bits"));
    assert_eq!(text(state.set("x", f64::NAN)), "`x`: it is no JSON: infinities and NaN are no numbers");
    assert!(state.set("x", vec![(None::<u8>, f32::INFINITY)]).is_err());
    assert!(state.extend("calls", [1.0, f64::INFINITY]).is_err());
    assert!(state.set("x", u128::MAX).is_err());
    assert!(state.set("x", [([1], 2)].into_iter().collect::<std::collections::HashMap<_, _>>()).is_err());
    assert!(state.get::<u32>("name").is_err());
    assert!(Dynamic::of(&[1]).is_err());
    assert_eq!(state, before);
    // Null is a value like others.
    state.set("x", None::<u8>).unwrap();
    assert_eq!(state.value("x").unwrap(), Some(&Value::Null));
}

fn rules(reads: Option<&[&str]>, writes: Option<&[&str]>) -> Arc<Rules> {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Arc::new(Rules { action: "think".into(), reads: reads.map(names), writes: writes.map(names) })
}

#[test]
fn an_action_reads_and_writes_what_it_declares() {
    let mut state = Dynamic::of(&json!({ "a": 1, "b": [], "c": 3 })).unwrap();
    let before = state.clone();
    restrict(&mut state, Some(&rules(Some(&["a"]), Some(&["b"]))));
    assert_eq!(state.get::<u32>("a").unwrap(), Some(1));
    assert_eq!(text(state.get::<u32>("c")), "action `think` may not read `c`, but only `a`");
    assert_eq!(text(state.value("d")), "action `think` may not read `d`, but only `a`");
    for refused in [
        state.set("a", 2),
        state.append("a", 2),
        state.extend("a", [2]),
        state.increment("a", 1),
        state.remove("a").map(drop),
        state.set("d", 2),
    ] {
        let text = text(refused);
        assert!(
            text.starts_with("action `think` may not write `") && text.ends_with("but only `b`"),
            "{text}"
        );
    }
    assert_eq!(state, before);
    // What is only appended to is not read by it, what was set is known anyway.
    state.append("b", 1).unwrap();
    assert!(state.value("b").is_err());
    assert_eq!(state.keys().collect::<Vec<_>>(), ["a"]);
    state.set("b", 5).unwrap();
    assert_eq!(state.get::<u32>("b").unwrap(), Some(5));
    assert_eq!(state.keys().collect::<Vec<_>>(), ["a", "b"]);

    restrict(&mut state, None);
    assert_eq!(state.get::<u32>("c").unwrap(), Some(3));
    state.set("c", 4).unwrap();
}

#[test]
fn an_action_that_declares_nothing_may_do_all() {
    let mut state = Dynamic::new();
    restrict(&mut state, Some(&rules(None, None)));
    state.set("a", 1).unwrap();
    assert_eq!(state.get::<u32>("a").unwrap(), Some(1));
    restrict(&mut state, Some(&rules(None, Some(&[]))));
    assert_eq!(text(state.set("a", 2)), "action `think` may not write `a`, but only nothing");
    assert_eq!(state.get::<u32>("a").unwrap(), Some(1));
}
