//! What an action may not write, and what cannot be stored: an error that names it, and the state as before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::graph::{self, Graph, Inputs, State, Status};

use super::{Counter, Setting, once};

/// An undeclared write fails the step; the run stays as it was, and is there as failed.
pub async fn an_undeclared_write_fails_the_step(setting: &Setting<'_>) {
    async fn writes(mut state: State<Counter>) -> graph::Result {
        state.count += 1;
        state.other = "not mine".into();
        Ok(())
    }
    let graph = once(graph::action(writes).writes("count")).await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    let error = run.step(Inputs::new()).await.expect_err("it may not write that");
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("`second`") && error.to_string().contains("`other`"), "{error}");
    setting.flush(&run).await;
    for run in [run, setting.opened(&graph, &id).await] {
        assert_eq!(*run.state().await.expect("it is there"), Counter { count: 1, other: String::new() });
        let standing = run.standing().await.expect("it stands somewhere");
        assert_eq!((standing.seq, standing.status), (Some(1), Some(Status::Failed)));
        assert_eq!(standing.next.as_deref(), Some("second"));
    }
}

/// A state of one value.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Odd {
    value: Option<Value>,
}

/// What may be hard to store.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Value {
    Number(f64),
    Names(BTreeMap<String, u64>),
    Bytes(Vec<u8>),
    Pair((u64, String)),
    #[serde(serialize_with = "refuses")]
    Refused(u64),
}

fn refuses<S: serde::Serializer>(_: &u64, _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("this one is not for storing"))
}

async fn odd(value: impl Fn() -> Value + Send + Sync + 'static) -> Graph<Odd> {
    let set = move |mut state: State<Odd>| {
        state.value = Some(value());
        async move {
            drop(state);
            Ok(())
        }
    };
    let builder = Graph::<Odd>::new("odd").action("set", set).entrypoint("set");
    builder.build().await.expect("the graph is in order")
}

/// What serde can store comes back as it was: bytes, tuples, maps, the largest of numbers.
pub async fn values_come_back_as_they_were(setting: &Setting<'_>) {
    let values: [fn() -> Value; 5] = [
        || Value::Number(f64::MAX),
        || Value::Number(-0.0),
        || Value::Names([("a".to_owned(), u64::MAX), (String::new(), 0)].into()),
        || Value::Bytes(vec![0, 255, 127]),
        || Value::Pair((1, "two".into())),
    ];
    for value in values {
        let graph = odd(value).await;
        let (runs, id) = (setting.runs(&graph), setting.id());
        let run = setting.stepped(&runs, &id, 1).await;
        setting.flush(&run).await;
        let again = setting.opened(&graph, &id).await;
        assert_eq!(again.state().await.expect("it is there").value, Some(value()));
    }
}

/// What cannot be stored fails the step, never becomes something else.
pub async fn a_value_that_cannot_be_stored_fails_the_step(setting: &Setting<'_>) {
    let graph = odd(|| Value::Refused(1)).await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let error = run.step(Inputs::new()).await.expect_err("it cannot be stored");
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    assert!(error.to_string().contains("`set`") && error.to_string().contains("not for storing"), "{error}");
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(again.state().await.expect("it is there").value, None);
    let update = again.update_state(|state| state.value = Some(Value::Refused(2))).await;
    assert_eq!(update.expect_err("it cannot be stored").kind(), Kind::Invalid);
    assert_eq!(again.state().await.expect("it is there").value, None);
}
