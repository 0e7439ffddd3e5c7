//! A run to which things happen at random, beside a plain list of what it has to be.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use tertulia::Log;
use tertulia::error::Kind;
use tertulia::graph::{self, Data, Graph, Input, Inputs, Run, RunId, Runs, State, Status};
use tokio::sync::Notify;

use super::state::not_today;
use super::{Flow, Setting};
use crate::{Call, Fault, Faulty, Played};

/// What is run: a history, a map and a text.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Tale {
    words: Log<u64>,
    marks: BTreeMap<String, u64>,
    text: String,
}

/// The same as a plain value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    words: Vec<u64>,
    marks: BTreeMap<String, u64>,
    text: String,
}

/// A change of either.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Edit {
    Push(Vec<u64>),
    Pop,
    Keep(usize),
    Last(u64),
    Mark(String, u64),
    Unmark(String),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Well,
    Fails,
    Hangs,
}

#[derive(Deserialize)]
struct Asked {
    edits: Vec<Edit>,
    end: End,
}

async fn tell(mut tale: State<Tale>, asked: Input<Asked>, hangs: Data<Arc<Notify>>) -> graph::Result {
    asked.edits.iter().for_each(|edit| tale.edit(edit));
    match asked.end {
        End::Well => Ok(()),
        End::Fails => Err(not_today()),
        End::Hangs => {
            hangs.notify_one();
            std::future::pending().await
        }
    }
}

impl Tale {
    fn edit(&mut self, edit: &Edit) {
        match edit.clone() {
            Edit::Push(words) => words.into_iter().for_each(|word| self.words.push(word)),
            Edit::Pop => drop(self.words.pop()),
            Edit::Keep(n) => self.words.keep_last(n),
            Edit::Last(word) => {
                if let Some(last) = self.words.back_mut() {
                    *last = word;
                }
            }
            Edit::Mark(key, n) => drop(self.marks.insert(key, n)),
            Edit::Unmark(key) => drop(self.marks.remove(&key)),
            Edit::Text(text) => self.text = text,
        }
    }

    fn told(&self) -> Told {
        Told { words: self.words.tail().to_vec(), marks: self.marks.clone(), text: self.text.clone() }
    }
}

impl Told {
    fn edit(&mut self, edit: &Edit) {
        match edit.clone() {
            Edit::Push(words) => self.words.extend(words),
            Edit::Pop => drop(self.words.pop()),
            Edit::Keep(n) => drop(self.words.drain(..self.words.len().saturating_sub(n))),
            Edit::Last(word) => {
                if let Some(last) = self.words.last_mut() {
                    *last = word;
                }
            }
            Edit::Mark(key, n) => drop(self.marks.insert(key, n)),
            Edit::Unmark(key) => drop(self.marks.remove(&key)),
            Edit::Text(text) => self.text = text,
        }
    }
}

fn edits(rng: &mut Rng) -> Vec<Edit> {
    let key = |rng: &mut Rng| format!("mark {}", rng.u8(..20));
    let edit = |rng: &mut Rng| match rng.u8(..12) {
        0..5 => Edit::Push((0..rng.usize(1..5)).map(|_| rng.u64(..)).collect()),
        5 => Edit::Pop,
        6 => Edit::Keep(rng.usize(..12)),
        7 => Edit::Last(rng.u64(..)),
        8 | 9 => Edit::Mark(key(rng), rng.u64(..)),
        10 => Edit::Unmark(key(rng)),
        _ => Edit::Text("x".repeat(rng.usize(..3_000))),
    };
    (0..rng.usize(..4)).map(|_| edit(rng)).collect()
}

/// A checkpoint, as it has to be.
#[derive(Clone, Debug)]
struct Page {
    parent: Option<u64>,
    status: Status,
    told: Told,
}

/// What has to be stored, and where the run that is open stands.
#[derive(Debug, Default)]
struct Model {
    /// The state that it begins with, and the checkpoint that this is of.
    beginning: (Option<u64>, Told),
    pages: BTreeMap<u64, Page>,
    at: Option<u64>,
    /// A step was given up, of which no checkpoint tells yet.
    noted: bool,
}

impl Model {
    fn last(&self) -> Option<u64> {
        self.pages.last_key_value().map_or(self.beginning.0, |(seq, _)| Some(*seq))
    }

    fn told(&self) -> &Told {
        let page = self.at.and_then(|at| self.pages.get(&at));
        page.map_or(&self.beginning.1, |page| &page.told)
    }

    /// One checkpoint more.
    fn write(&mut self, status: Status, edits: &[Edit]) -> u64 {
        self.note();
        let mut told = self.told().clone();
        edits.iter().for_each(|edit| told.edit(edit));
        let seq = self.last().map_or(0, |last| last + 1);
        self.pages.insert(seq, Page { parent: self.at, status, told });
        self.at = Some(seq);
        seq
    }

    /// That of a step which was given up.
    fn note(&mut self) {
        if std::mem::take(&mut self.noted) {
            self.write(Status::Cancelled, &[]);
        }
    }

    fn reload(&mut self) {
        (self.at, self.noted) = (self.last(), false);
    }
}

struct Story<'a> {
    setting: &'a Setting<'a>,
    graph: Graph<Tale>,
    faulty: Faulty,
    flow: Flow,
    id: RunId,
    runs: Runs<Tale>,
    run: Run<Tale>,
    model: Model,
    /// An action hangs.
    hangs: Arc<Notify>,
    rng: Rng,
}

/// Whatever happens to a run, it is what a plain list of its checkpoints says: all branches, before and after faults, in
/// this process and in others.
pub async fn a_run_is_what_its_story_says(setting: &Setting<'_>) {
    let played = Played::new(484, 6);
    for round in 0..played.rounds {
        let builder = Graph::<Tale>::new("tale").action("tell", tell).transition("tell", "tell");
        let hangs = Arc::new(Notify::new());
        let graph =
            builder.entrypoint("tell").data(Arc::clone(&hangs)).build().await.expect("the graph is in order");
        let (faulty, flow) = setting.faulty();
        let (runs, id) = (flow.runs(&graph, setting.options()), setting.id());
        let run = runs.create(&id, Tale::default()).await.expect("it can be made");
        let rng = Rng::with_seed(played.seed.wrapping_add(round as u64));
        let model = Model::default();
        let mut story = Story { setting, graph, faulty, flow, id, runs, run, model, hangs, rng };
        for _ in 0..60 {
            story.turn().await;
            assert_eq!(story.run.state().await.expect("it is there").told(), *story.model.told());
        }
        story.check().await;
    }
}

impl Story<'_> {
    async fn turn(&mut self) {
        match self.rng.u8(..24) {
            0..9 => self.step().await,
            9 => self.fails().await,
            10 | 11 => self.gives_up().await,
            12 => {
                let edits = edits(&mut self.rng);
                let change = |tale: &mut Tale| edits.iter().for_each(|edit| tale.edit(edit));
                let seq = self.run.update_state(change).await.expect("it can be updated");
                assert_eq!(seq, self.model.write(Status::Updated, &edits));
            }
            13 => {
                let seq = self.run.reset().await.expect("it can be reset");
                assert_eq!(seq, self.model.write(Status::Reset, &[]));
            }
            14..17 => self.goes_back().await,
            17 => {
                self.run.reload().await.expect("it can be loaded again");
                self.model.reload();
            }
            18 => {
                self.flush().await;
                self.runs = self.flow.runs(&self.graph, self.setting.options());
                self.run = self.runs.open(&self.id).await.expect("it can be opened").expect("it is there");
                self.model.reload();
            }
            19 => self.is_pruned().await,
            20 => self.is_forked().await,
            21 | 22 => self.meets_a_fault().await,
            _ => self.check().await,
        }
    }

    fn inputs(edits: &[Edit], end: End) -> Inputs {
        let edits = serde_json::to_value(edits).expect("edits are JSON");
        let end = serde_json::to_value(end).expect("an end is JSON");
        Inputs::new().with("edits", edits).with("end", end)
    }

    async fn step(&mut self) {
        let edits = edits(&mut self.rng);
        let stepped = self.run.step(Self::inputs(&edits, End::Well)).await.expect("the step goes well");
        let seq = self.model.write(Status::Completed, &edits);
        assert_eq!(stepped.expect("it has no end").seq, seq);
    }

    async fn fails(&mut self) {
        let edits = edits(&mut self.rng);
        let error = self.run.step(Self::inputs(&edits, End::Fails)).await.expect_err("the action fails");
        assert_eq!(error.kind(), Kind::Failed, "{error}");
        self.model.write(Status::Failed, &[]);
    }

    async fn gives_up(&mut self) {
        let edits = edits(&mut self.rng);
        let mut step = pin!(self.run.step(Self::inputs(&edits, End::Hangs)));
        tokio::select! {
            biased;
            ended = &mut step => panic!("it hangs: {ended:?}"),
            () = self.hangs.notified() => {}
        }
        self.model.noted = true;
    }

    async fn goes_back(&mut self) {
        let seqs: Vec<u64> = self.model.pages.keys().copied().collect();
        let to = self.rng.choice(&seqs).copied().filter(|_| self.rng.u8(..8) > 0);
        self.run.rewind(to).await.expect("it can go back");
        self.model.note();
        self.model.at = to.or(self.model.beginning.0);
    }

    async fn flush(&mut self) {
        self.run.flush().await.expect("all can be stored");
        self.model.note();
    }

    async fn is_pruned(&mut self) {
        self.flush().await;
        let keep = self.rng.usize(..30);
        let forgotten = self.runs.prune(&self.id, keep as u64).await.expect("it can be pruned");
        assert_eq!(forgotten as usize, self.model.pages.len().saturating_sub(keep));
        for _ in 0..forgotten {
            let (seq, page) = self.model.pages.pop_first().expect("there are as many");
            self.model.beginning = (Some(seq), page.told);
        }
        self.run.reload().await.expect("it can be loaded again");
        self.model.reload();
        self.check().await;
    }

    async fn is_forked(&mut self) {
        self.flush().await;
        let seqs: Vec<u64> = self.model.pages.keys().copied().collect();
        let seq = self.rng.choice(&seqs).copied();
        let at = seq.or(self.model.beginning.0);
        let told =
            at.and_then(|at| self.model.pages.get(&at)).map_or(&self.model.beginning.1, |page| &page.told);
        let (mut told, edits, fork_id) = (told.clone(), edits(&mut self.rng), self.setting.id());
        let fork = self.runs.fork(&self.id, seq, &fork_id).await.expect("it can be forked");
        assert_eq!(fork.state().await.expect("it is there").told(), told);
        fork.step(Self::inputs(&edits, End::Well)).await.expect("the step goes well");
        edits.iter().for_each(|edit| told.edit(edit));
        self.setting.flush(&fork).await;
        let there = self.setting.opened(&self.graph, &fork_id).await;
        assert_eq!(there.state().await.expect("it is there").told(), told);
        assert!(self.runs.delete(&fork_id).await.expect("it can be deleted"));
    }

    /// A step meets a fault: it is stored or not, and the run is what is stored.
    async fn meets_a_fault(&mut self) {
        self.flush().await;
        let faults = [Fault::Refuse(Kind::Internal), Fault::LoseAnswer, Fault::LoseRequest];
        let fault = self.rng.choice(faults).expect("there are some");
        self.faulty.next(Call::Commit, fault);
        let edits = edits(&mut self.rng);
        let stepped = self.run.step(Self::inputs(&edits, End::Well)).await;
        let ended = match &stepped {
            Ok(_) => self.run.flush().await.map_err(|error| error.kind()),
            Err(error) => Err(error.kind()),
        };
        let history = self.setting.history(&self.graph, &self.id).await;
        let is_stored = history.len() > self.model.pages.len();
        match ended {
            Ok(()) => assert!(is_stored, "it returned, and is not there"),
            Err(Kind::Unknown | Kind::Internal) => {}
            Err(kind) => panic!("{kind}"),
        }
        if is_stored {
            self.model.write(Status::Completed, &edits);
        }
        self.run.reload().await.expect("it can be loaded again");
        self.model.reload();
    }

    /// All is there, as another process sees it.
    async fn check(&mut self) {
        self.flush().await;
        let history = self.setting.history(&self.graph, &self.id).await;
        let there: Vec<_> = history.iter().rev().map(|c| (c.seq, c.parent, c.status)).collect();
        let pages = self.model.pages.iter().map(|(seq, page)| (*seq, page.parent, page.status));
        assert_eq!(there, pages.collect::<Vec<_>>());
        let runs = self.setting.runs(&self.graph);
        for (seq, page) in &self.model.pages {
            let tale: Tale = runs.state_at(&self.id, *seq).await.expect("every checkpoint loads");
            assert_eq!(tale.told(), page.told, "checkpoint {seq}");
        }
    }
}
