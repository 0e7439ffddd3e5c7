//! What an SVG says, where its parts lie, and that users' text stays text.

use roxmltree::{Document, Node};

use super::super::parts::{Parts, clean};
use super::super::tests::{NASTY, agent, nasty, shape};
use super::layout::lay_out;
use crate::error::Kind;
use crate::graph::{ActionKind, Picture, Shape};

/// Thirty actions in a row, with shortcuts, ways back, loops, and two ways between the same two.
fn thirty() -> Shape {
    let names: Vec<String> = (0..30).map(|number| format!("step {number}")).collect();
    let mut transitions = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let mut to = |target: usize, when| transitions.push((&**name, &*names[target], when));
        if number % 3 == 0 {
            to((number * 7 + 5) % 30, Some("state.status == \"late\""));
        }
        if number % 5 == 4 {
            to(number - 4, Some("retry"));
            to(number - 4, Some("retry once more"));
        }
        if number % 9 == 4 {
            to(number, Some("again"));
        }
        if number < 29 {
            to(number + 1, None);
        }
    }
    let actions: Vec<_> = names.iter().map(|name| (&**name, ActionKind::Async)).collect();
    shape(&actions, &transitions)
}

fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.map(|node| node.text().unwrap().to_owned()).collect()
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

/// Left, top, right, bottom.
fn rect(node: Node<'_, '_>) -> [f64; 4] {
    let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| number(node, name));
    [x, y, x + width, y + height]
}

#[test]
fn the_smallest_graph() {
    let svg = shape(&[("a", ActionKind::Plain)], &[]).svg(&Picture::default()).unwrap();
    let (head, rest) = svg.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    assert_eq!(
        head,
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="tertulia-graph" role="img" width="80" height="162" viewBox="-12 -12 80 162">
<title>Graph agent</title>
<desc>A run goes to a. After a it ends.</desc>
"#
    );
    assert_eq!(
        body,
        r#"
<rect class="back" x="-12" y="-12" width="80" height="162" rx="0"/>
<path class="line" d="M28 18Q28 34 28 42L28 43"/>
<path class="head" d="M28 50L24 42L32 42Z"/>
<path class="line" d="M28 88Q28 104 28 112L28 113"/>
<path class="head" d="M28 120L24 112L32 112Z"/>
<circle class="dot" cx="28" cy="9" r="8"/>
<g class="action">
<rect class="box" x="0" y="50" width="56" height="38" rx="0"/>
<text x="28" y="73.9">a</text>
</g>
<circle class="box" cx="28" cy="129" r="9"/>
<circle class="dot" cx="28" cy="129" r="5"/>
</svg>
"#
    );
}

#[test]
fn every_name_and_condition_is_there_whatever_it_is() {
    let svg = nasty().svg(&Picture::default()).unwrap();
    let texts = texts(&svg);
    for name in NASTY {
        let found = texts.iter().filter(|text| **text == clean(name)).count();
        let both = if name == NASTY[0] { 1 } else { 2 };
        assert_eq!(found, both, "{name} in {texts:?}");
    }
    let document = Document::parse(&svg).unwrap();
    let title = document.descendants().find(|node| node.has_tag_name("title")).unwrap();
    assert_eq!(title.text().unwrap(), format!("Graph {}", clean(&nasty().name)));
}

#[test]
fn boxes_do_not_overlap_and_nothing_is_cut_off() {
    for conditions in [true, false] {
        let svg = thirty().svg(&Picture { conditions, ..Picture::default() }).unwrap();
        check_places(&Document::parse(&svg).unwrap());
    }
}

fn check_places(document: &Document<'_>) {
    let rects: Vec<_> = document.descendants().filter(|node| node.has_tag_name("rect")).collect();
    let canvas = rect(rects[0]);
    let view: Vec<f64> = document
        .root_element()
        .attribute("viewBox")
        .unwrap()
        .split(' ')
        .map(|part| part.parse().unwrap())
        .collect();
    assert_eq!(canvas, [view[0], view[1], view[0] + view[2], view[1] + view[3]]);
    let boxes: Vec<_> = rects.iter().filter(|node| node.attribute("class") == Some("box")).collect();
    assert_eq!(boxes.len(), 30);
    let boxes: Vec<_> = boxes.into_iter().map(|node| rect(*node)).collect();
    for (place, [left, top, right, bottom]) in boxes.iter().enumerate() {
        for other in &boxes[place + 1..] {
            let apart = *right < other[0] || other[2] < *left || *bottom < other[1] || other[3] < *top;
            assert!(apart, "{:?} and {other:?}", boxes[place]);
        }
    }
    for node in &rects[1..] {
        let [left, top, right, bottom] = rect(*node);
        assert!(left > canvas[0] && top > canvas[1] && right < canvas[2] && bottom < canvas[3], "{node:?}");
    }
    for path in document.descendants().filter(|node| node.has_tag_name("path")) {
        let way = path.attribute("d").unwrap();
        let numbers = way.split(['M', 'L', 'Q', 'Z', ' ']).filter(|part| !part.is_empty());
        let numbers: Vec<f64> = numbers.map(|part| part.parse().unwrap()).collect();
        for point in numbers.chunks(2) {
            let inside =
                point[0] > canvas[0] && point[0] < canvas[2] && point[1] > canvas[1] && point[1] < canvas[3];
            assert!(inside, "{point:?} of {way} is outside of {canvas:?}");
        }
    }
}

#[test]
fn what_follows_is_drawn_below_whatever_the_order_of_conditions() {
    let svg = thirty().svg(&Picture::default()).unwrap();
    let document = Document::parse(&svg).unwrap();
    let boxes = document.descendants().filter(|node| node.has_tag_name("rect"));
    let boxes = boxes.filter(|node| node.attribute("class") == Some("box"));
    let tops: Vec<f64> = boxes.map(|node| number(node, "y")).collect();
    assert!(tops.is_sorted(), "{tops:?}");
}

#[test]
fn a_box_is_as_wide_as_its_text() {
    let long = "w".repeat(100);
    let svg = shape(&[(&long, ActionKind::Async)], &[]).svg(&Picture::default()).unwrap();
    let document = Document::parse(&svg).unwrap();
    let found = document.descendants().find(|node| node.attribute("class") == Some("box")).unwrap();
    assert!(number(found, "width") > 100.0 * 14.0 * 0.8, "{found:?}");
}

#[test]
fn a_run_is_marked_and_inputs_are_drawn() {
    let picture = Picture {
        current: Some("think".into()),
        passed: vec!["receive".into(), "think".into()],
        inputs: true,
        state: true,
        ..Picture::default()
    };
    let svg = agent().svg(&picture).unwrap();
    let document = Document::parse(&svg).unwrap();
    let of_class = |class: &str| {
        let groups = document.descendants().filter(|node| node.attribute("class") == Some(class));
        groups.map(texts_of).collect::<Vec<_>>()
    };
    assert_eq!(of_class("current"), [["think", "reads messages", "writes messages, calls"]]);
    assert_eq!(of_class("passed"), [["receive"]]);
    assert_eq!(of_class("inputs"), [["text", "lang"]]);
    assert_eq!(of_class("line inputs").len(), 1);
    assert_eq!(of_class("line if").len(), 2);
    assert_eq!(of_class("line").len(), 5);
    assert_eq!(of_class("head").len(), 7);
    assert!(svg.contains("<title>Graph agent, at think</title>"), "{svg}");
}

fn texts_of<'a>(node: Node<'a, 'a>) -> Vec<&'a str> {
    node.children().filter(|child| child.has_tag_name("text")).filter_map(|child| child.text()).collect()
}

#[test]
fn conditions_can_be_left_out() {
    let svg = agent().svg(&Picture { conditions: false, ..Picture::default() }).unwrap();
    assert_eq!(texts(&svg), ["receive", "think", "tools", "parallel", "answer", "streaming"]);
    assert!(svg.contains("goes to tools if calls != []"), "those who listen are told all the same");
}

#[test]
fn it_is_told_in_sentences() {
    let mut shape = agent();
    shape.transitions.pop();
    let svg = shape.svg(&Picture::default()).unwrap();
    let told = "<desc>A run goes to receive. After receive it goes to think. After think it goes to tools if \
                calls != [], goes to think if tired, goes to answer otherwise. After tools it ends. After answer it \
                ends.</desc>";
    assert!(svg.contains(told), "{svg}");
}

#[test]
fn a_layout_is_given_up_when_it_is_too_much_work() {
    let parts = Parts::of(&thirty(), &Picture::default());
    let error = lay_out(&parts, 10_000).err().unwrap();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(error.to_string(), "a picture of 32 boxes and 56 arrows is too large to be laid out");
}

#[test]
fn an_empty_shape_has_a_picture() {
    assert!(Document::parse(&shape(&[], &[]).svg(&Picture::default()).unwrap()).is_ok());
}
