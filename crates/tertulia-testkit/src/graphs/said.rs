//! What actions say before their end, and what becomes of steps that say something.

use tertulia::graph::{self, Inputs, Item, State, Status, Step, Until};

use super::state::not_today;
use super::{Counter, Setting, once};

fn item(n: u64) -> Item {
    Item::Value(n.into())
}

/// An action that fails after three items: the items come, then the error; the step has failed.
pub async fn an_action_that_fails_after_some_items_has_failed(setting: &Setting<'_>) {
    async fn speak(mut state: State<Counter>, step: Step) -> graph::Result {
        for n in 0..3_u64 {
            state.count += 100;
            step.emit(Item::Value(n.into())).await?;
        }
        Err(not_today())
    }
    let graph = once(speak).await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    {
        let mut items = run.stream_result(Until::end(), Inputs::new());
        for n in 0..3 {
            assert_eq!(items.next().await.expect("it goes on"), Some(item(n)));
        }
        let error = items.next().await.expect_err("then it fails");
        assert!(error.to_string().contains("not today"), "{error}");
    }
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(again.state().await.expect("it is there").count, 1);
    let standing = again.standing().await.expect("it stands somewhere");
    assert_eq!((standing.seq, standing.status), (Some(1), Some(Status::Failed)));
}

/// Who stops listening gives the step up, at once.
pub async fn who_stops_listening_gives_the_step_up(setting: &Setting<'_>) {
    struct Told(tokio::sync::mpsc::UnboundedSender<()>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (sender, mut dropped) = tokio::sync::mpsc::unbounded_channel();
    let speak = move |mut state: State<Counter>, step: Step| {
        let told = Told(sender.clone());
        async move {
            let _told = told;
            for n in 0..1_000_u64 {
                state.count += 100;
                step.emit(Item::Value(n.into())).await?;
            }
            Ok(())
        }
    };
    let graph = once(speak).await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 1).await;
    {
        let mut items = run.stream_result(Until::end(), Inputs::new());
        assert_eq!(items.next().await.expect("it goes on"), Some(item(0)));
    }
    dropped.try_recv().expect("the action is dropped with the call");
    assert_eq!(run.state().await.expect("it is there").count, 1);
    setting.flush(&run).await;
    let standing = setting.standing(&graph, &id).await;
    assert_eq!((standing.seq, standing.status), (Some(1), Some(Status::Cancelled)));
    assert_eq!(standing.next.as_deref(), Some("second"));
}

/// All that is said comes, in its order, and the steps are stored.
pub async fn what_is_said_comes_in_its_order(setting: &Setting<'_>) {
    async fn speak(mut state: State<Counter>, step: Step) -> graph::Result<&'static str> {
        for n in 0..100_u64 {
            step.emit(Item::Value(n.into())).await?;
        }
        state.other = "said".into();
        Ok("done")
    }
    let graph = once(speak).await;
    let (runs, id) = (setting.runs(&graph), setting.id());
    let run = setting.stepped(&runs, &id, 0).await;
    let mut items = run.stream_result(Until::after("second"), Inputs::new());
    let mut heard = Vec::new();
    while let Some(item) = items.next().await.expect("it goes well") {
        heard.push(item);
    }
    assert_eq!(heard, (0..100).map(item).collect::<Vec<_>>());
    let halted = items.halted().expect("it is over").clone();
    assert_eq!((halted.steps, halted.result), (2, "done".into()));
    drop(items);
    setting.flush(&run).await;
    let again = setting.opened(&graph, &id).await;
    assert_eq!(again.state().await.expect("it is there").other, "said");
    assert_eq!(again.standing().await.expect("it stands somewhere").next.as_deref(), Some("third"));
}
