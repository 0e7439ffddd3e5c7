//! Runs of graphs in a program without a runtime.

use serde::{Deserialize, Serialize};
use tertulia::Clock;
use tertulia::blocking::wait;
use tertulia::graph::{self, Graph, Inputs, Options, Runs, State, Until};
use tertulia::session::WriteMode;
use tertulia_sqlite::Sqlite;

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    count: u32,
}

fn count(mut state: State<Counter>) -> graph::Result {
    state.count += 1;
    Ok(())
}

#[test]
fn a_program_without_a_runtime_keeps_its_runs_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let again = graph::when("under 100", |counter: &Counter| counter.count < 100);
    let builder = Graph::<Counter>::new("counter").action("count", graph::plain(count));
    let builder = builder.transition_when("count", "count", again).entrypoint("count");
    let graph = builder.build_blocking().unwrap();
    let storage = wait(Sqlite::open(&path)).unwrap();
    for mode in [WriteMode::Transactional, WriteMode::FIRE_AND_FORGET] {
        let options = Options { mode, ..Options::default() };
        let runs = Runs::with(&graph, storage.clone(), Clock::system(), options);
        let name = format!("{mode:?}");
        let run = wait(runs.create(name.as_str(), Counter::default())).unwrap();
        wait(run.run(Until::end(), Inputs::new())).unwrap();
        wait(runs.flush_all()).unwrap();
        let file = Runs::new(&graph, wait(Sqlite::open_read_only(&path)).unwrap());
        let stored = wait(file.open(name.as_str())).unwrap().unwrap();
        assert_eq!(wait(stored.state()).unwrap().count, 100);
    }
}
