//! What pictures say, character by character, and that users' text stays text.

use super::*;
use crate::graph::{ActionKind, ActionShape, Shape, TransitionShape};

/// A graph of actions without declarations: `(from, to, condition)`.
pub(super) fn shape(actions: &[(&str, ActionKind)], transitions: &[(&str, &str, Option<&str>)]) -> Shape {
    let action = |&(name, kind): &(&str, ActionKind)| ActionShape {
        name: name.into(),
        kind,
        reads: None,
        writes: None,
        inputs: Vec::new(),
        tags: Vec::new(),
    };
    let transition = |&(from, to, condition): &(&str, &str, Option<&str>)| TransitionShape {
        from: from.into(),
        to: to.into(),
        condition: condition.map(Into::into),
    };
    Shape {
        name: "agent".into(),
        entrypoint: actions.first().map(|(name, _)| (*name).into()).unwrap_or_default(),
        actions: actions.iter().map(action).collect(),
        transitions: transitions.iter().map(transition).collect(),
    }
}

/// The loop of an agent, with every kind, an input and declarations.
pub(super) fn agent() -> Shape {
    use ActionKind::{Async, Parallel, Plain, Streaming};
    let mut shape = shape(
        &[("receive", Plain), ("think", Async), ("tools", Parallel), ("answer", Streaming)],
        &[
            ("receive", "think", None),
            ("think", "tools", Some("calls != []")),
            ("think", "think", Some("tired")),
            ("think", "answer", None),
            ("tools", "think", None),
        ],
    );
    shape.actions[0].inputs = vec!["text".into(), "lang".into()];
    shape.actions[1].reads = Some(vec!["messages".into()]);
    shape.actions[1].writes = Some(vec!["messages".into(), "calls".into()]);
    shape.actions[3].writes = Some(Vec::new());
    shape
}

/// Names and a condition that would mean something in one language or another.
pub(super) const NASTY: [&str; 9] = [
    "end",
    "a\"] --> b[\"",
    "<b>bold</b> & &amp; &#65;",
    "back\\slash \\N \\",
    "%%{init: {\"theme\": \"dark\"}}%% #quot; #35;",
    "1. `code` *a* _b_ ~c~ $$d$$",
    "style:x#1; classDef:y#2;",
    "é 日本 🦜 ]]> -->",
    "two\nlines\u{1b}[0m\u{fffe}",
];

pub(super) fn nasty() -> Shape {
    let actions: Vec<_> = NASTY.iter().map(|name| (*name, ActionKind::Async)).collect();
    let transitions: Vec<_> = NASTY.windows(2).map(|pair| (pair[0], pair[1], Some(pair[1]))).collect();
    let mut shape = shape(&actions, &transitions);
    shape.name = NASTY.join(" ");
    shape
}

#[test]
fn mermaid_of_an_agent() {
    assert_eq!(
        agent().mermaid(),
        r#"---
title: "agent"
---
flowchart TD
  start(( ))
  a0["receive"]
  a1("think")
  a2[["tools<br>parallel"]]
  a3(["answer<br>streaming"])
  e3((("end")))
  start --> a0
  a0 --> a1
  a1 -.->|"calls != []"| a2
  a1 -.->|"tired"| a1
  a1 -->|"otherwise"| a3
  a2 --> a1
  a3 --> e3
"#
    );
}

#[test]
fn dot_of_an_agent() {
    assert_eq!(
        agent().dot(),
        r#"digraph {
  graph [label="agent", labelloc=t, fontname=Helvetica]
  node [shape=box, style=filled, fillcolor=white, fontname=Helvetica]
  edge [fontname=Helvetica]
  start [shape=circle, label="", width=0.2, fillcolor=black]
  a0 [label="receive"]
  a1 [label="think", style="rounded,filled"]
  a2 [label="tools\nparallel", peripheries=2]
  a3 [label="answer\nstreaming", style="rounded,filled"]
  e3 [shape=doublecircle, label="end"]
  start -> a0
  a0 -> a1
  a1 -> a2 [label="calls != []", style=dashed]
  a1 -> a1 [label="tired", style=dashed]
  a1 -> a3 [label="otherwise"]
  a2 -> a1
  a3 -> e3
}
"#
    );
}

#[test]
fn a_run_is_marked_and_declarations_and_inputs_are_shown() {
    let picture = Picture {
        current: Some("think".into()),
        passed: vec!["receive".into(), "think".into(), "gone".into()],
        conditions: false,
        inputs: true,
        state: true,
    };
    let mermaid = agent().mermaid_of(&picture);
    for line in [
        r#"  a1("think<br>reads messages<br>writes messages, calls")"#,
        r#"  a3(["answer<br>streaming<br>writes nothing"])"#,
        r#"  i0["text<br>lang"]"#,
        "  i0 -.- a0",
        "  a1 -.-> a2",
        "  class i0 inputs",
        "  class a0 passed",
        "  class a1 current",
    ] {
        assert!(mermaid.lines().any(|other| other == line), "no `{line}` in\n{mermaid}");
    }
    let dot = agent().dot_of(&picture);
    for line in [
        r##"  a1 [label="think\nreads messages\nwrites messages, calls", style="rounded,filled", fillcolor="#ffe1a6", color="#b36b00", penwidth=3]"##,
        r##"  a0 [label="receive", fillcolor="#d3eadb", color="#3c8558"]"##,
        r#"  i0 [label="text\nlang", style=dashed]"#,
        "  i0 -> a0 [style=dotted, arrowhead=none]",
        "  a1 -> a2 [style=dashed]",
    ] {
        assert!(dot.lines().any(|other| other == line), "no `{line}` in\n{dot}");
    }
}

#[test]
fn a_run_may_end_where_no_transition_has_to_hold() {
    let shape = shape(
        &[("a", ActionKind::Plain), ("b", ActionKind::Plain)],
        &[("a", "b", Some("x > 1")), ("b", "a", None)],
    );
    let mermaid = shape.mermaid();
    assert!(mermaid.contains("  a0 -.->|\"otherwise\"| e0\n"), "{mermaid}");
    assert!(!mermaid.contains("e1"), "{mermaid}");
}

#[test]
fn a_graph_that_never_ends_has_no_end() {
    let shape = shape(&[("a", ActionKind::Plain)], &[("a", "a", None)]);
    assert!(!shape.mermaid().contains("end"));
    assert!(!shape.dot().contains("end"));
}

#[test]
fn users_text_stays_text_in_mermaid() {
    let mermaid = nasty().mermaid();
    assert_eq!(mermaid.lines().count(), 4 + (1 + 9 + 9) + (1 + 8 + 9), "{mermaid}");
    for line in mermaid.lines().skip(4) {
        let text =
            line.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"')).map_or("", |(text, _)| text);
        assert!(!text.contains(['"', '<', '&', '\\', '`', '%', '{', '$']), "{line}");
    }
    let title = mermaid.lines().nth(1).unwrap().strip_prefix("title: ").unwrap();
    assert_eq!(serde_json::from_str::<String>(title).unwrap(), parts::clean(&nasty().name));
}

#[test]
fn users_text_stays_text_in_dot() {
    let dot = nasty().dot();
    assert_eq!(dot.lines().count(), 4 + (1 + 9 + 9) + (1 + 8 + 9) + 1, "{dot}");
    assert!(dot.contains(r#"  a1 [label="a\"] --> b[\"", "#), "{dot}");
    assert!(dot.contains(r#"  a2 [label="<b>bold</b> &amp; &amp;amp; &amp;#65;", "#), "{dot}");
    assert!(dot.contains(r#"  a3 [label="back\\slash \\N \\", "#), "{dot}");
    assert!(dot.contains(r#"  a8 [label="two lines [0m ", "#), "{dot}");
}

#[test]
fn long_conditions_are_cut_short() {
    let long = format!("x in [{}]", "1, ".repeat(100));
    let shape = shape(&[("a", ActionKind::Plain)], &[("a", "a", Some(&long))]);
    let cut = format!("|\"{}…\"|", &long[..59]);
    assert!(shape.mermaid().contains(&cut), "{}", shape.mermaid());
}

#[test]
fn a_shape_from_elsewhere_may_name_what_is_not_there() {
    let mut shape = shape(&[("a", ActionKind::Plain)], &[("a", "gone", None), ("gone", "a", None)]);
    shape.entrypoint = "gone".into();
    assert!(!shape.mermaid().contains("gone"));
    assert!(!shape.dot().contains("->"));
}
