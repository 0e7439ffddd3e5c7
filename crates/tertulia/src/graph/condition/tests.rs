use serde::Serialize;
use serde_json::json;

use super::*;
use crate::Log;

#[derive(Serialize)]
struct Agent {
    count: u32,
    share: f64,
    lang: &'static str,
    calls: Vec<Call>,
    tags: Vec<&'static str>,
    answer: Option<String>,
    done: bool,
}

#[derive(Serialize)]
struct Call {
    name: &'static str,
}

const AGENT: fn() -> Agent = || Agent {
    count: 3,
    share: 0.5,
    lang: "de",
    calls: vec![Call { name: "look" }],
    tags: vec![],
    answer: None,
    done: true,
};

fn holds(condition: Condition<Agent>) -> std::result::Result<bool, String> {
    let state = AGENT();
    let bytes = rmp_serde::to_vec_named(&state).unwrap();
    condition.holds(&state, &View::new(&bytes)).map_err(|error| error.to_string())
}

#[test]
fn a_test_of_a_field_holds_if_it_is_true() {
    let cases: Vec<(Condition<Agent>, bool)> = vec![
        (field("count").eq(3), true),
        (field("count").eq(3.0), true),
        (field("count").eq("3"), false),
        (field("count").ne(3), false),
        (field("count").ne(4), true),
        (field("count").lt(3), false),
        (field("count").lt(3.5), true),
        (field("count").le(3), true),
        (field("count").gt(3), false),
        (field("count").gt(-1), true),
        (field("count").ge(3), true),
        (field("share").gt(0), true),
        (field("share").lt(1), true),
        (field("lang").eq("de"), true),
        (field("lang").lt("en"), true),
        (field("lang").gt("en"), false),
        (field("lang").is_in(["en", "de"]), true),
        (field("lang").is_in(["en"]), false),
        (field("lang").not_in(["en", "de"]), false),
        (field("count").not_in([1, 2]), true),
        (field("calls").ne(json!([])), true),
        (field("calls").eq(json!([{ "name": "look" }])), true),
        (field("calls").contains(json!({ "name": "look" })), true),
        (field("calls").contains("look"), false),
        (field("calls.0.name").eq("look"), true),
        (field("calls.0").contains("name"), true),
        (field("calls.0").contains("look"), false),
        (field("lang").contains("d"), true),
        (field("lang").contains("x"), false),
        (field("calls").is_empty(), false),
        (field("tags").is_empty(), true),
        (field("answer").is_empty(), true),
        (field("lang").is_empty(), false),
        (field("answer").is_null(), true),
        (field("count").is_null(), false),
        (field("answer").eq(None::<u32>), true),
        (field("answer").exists(), true),
        (field("calls.1").exists(), false),
        (field("nothing").exists(), false),
        (field("done").eq(true), true),
    ];
    for (condition, expected) in cases {
        let text = condition.to_string();
        assert_eq!(holds(condition), Ok(expected), "{text}");
    }
}

#[test]
fn conditions_are_joined() {
    let yes = || when("yes", |_: &Agent| true);
    let no = || when("no", |_: &Agent| false);
    assert_eq!(holds(yes().and(no())), Ok(false));
    assert_eq!(holds(yes().and(yes())), Ok(true));
    assert_eq!(holds(no().or(yes())), Ok(true));
    assert_eq!(holds(no().or(no())), Ok(false));
    assert_eq!(holds(!no()), Ok(true));
    assert_eq!(holds(when("three", |agent: &Agent| agent.count == 3)), Ok(true));
}

#[test]
fn what_is_not_there_or_cannot_be_compared_is_an_error_and_not_false() {
    assert_eq!(holds(field("nothing").eq(1)), Err("the state has no `nothing`".into()));
    assert_eq!(holds(!field("calls.1.name").eq("look")), Err("the state has no `calls.1.name`".into()));
    assert_eq!(
        holds(field("answer").gt(3)),
        Err("`answer` is null, of which `answer > 3` says nothing".into())
    );
    assert_eq!(holds(field("lang").ge(3)), Err("`lang` is a text, of which `lang >= 3` says nothing".into()));
    assert!(holds(field("done").is_empty()).is_err());
    assert!(holds(field("count").contains(3)).is_err());
    // What is not asked cannot fail.
    let there = || field("nothing").exists();
    assert_eq!(holds(there().and(field("nothing").eq(1))), Ok(false));
    assert_eq!(holds((!there()).or(field("nothing").eq(1))), Ok(true));
}

#[test]
fn a_log_is_there_but_is_not_compared() {
    let view = [0x81, 0xa1, b'a', 0xd7, 0x4c, 0, 0, 0, 0, 0, 0, 0, 1];
    let view = View::new(&view);
    assert!(field("a").exists().holds(&Log::<u32>::new(), &view).unwrap());
    let error = field("a").is_empty().holds(&Log::<u32>::new(), &view).unwrap_err();
    assert_eq!(error.to_string(), "`a` is a Log or has one inside, whose items no test of a field can see");
}

#[test]
fn a_condition_reads_as_it_was_written() {
    let texts: Vec<(Condition<Agent>, &str)> = vec![
        (field("lang").eq("de"), r#"lang == "de""#),
        (field("count").is_in([1, 2]), "count in [1,2]"),
        (field("count").not_in([1]), "count not in [1]"),
        (!field("a").is_null().or(field("a.b").ge(2)), "not (a is null or a.b >= 2)"),
        (
            field("a").is_empty().and(field("b").exists()).or(!when("enough", |_| true)),
            "(a is empty and b exists) or not enough",
        ),
    ];
    for (condition, text) in texts {
        assert_eq!(condition.to_string(), text);
    }
}
