//! Medians, ratios and aims of one case.

use serde::Serialize;

use crate::case::{Aim, Case, Group};
use crate::measurement::Line;
use crate::peer::{OURS, Peer};

/// What the peers reached in one case.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) case: &'static str,
    #[serde(skip)]
    pub(crate) group: Group,
    pub(crate) title: &'static str,
    pub(crate) updates: u64,
    pub(crate) chats: u64,
    pub(crate) slots: u64,
    pub(crate) sleep_ms: u64,
    /// The peer that the ratios compare with.
    pub(crate) reference: &'static str,
    pub(crate) peers: Vec<Standing>,
    pub(crate) aims: Vec<AimReached>,
}

/// What one peer reached.
#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    pub(crate) peer: &'static str,
    pub(crate) family: &'static str,
    /// Whether it is the best of several variants.
    pub(crate) best_of_family: bool,
    pub(crate) updates_per_second: Spread,
    pub(crate) cpu_us_per_update: Spread,
    pub(crate) written_bytes_per_update: Option<Spread>,
    /// How many times this peer's updates per second the reference reaches.
    pub(crate) reference_rate: f64,
    /// How many times the reference's CPU for an update this peer takes.
    pub(crate) cpu_over_reference: f64,
    pub(crate) runs: Vec<Line>,
}

/// Several measurements of one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// An aim beside what was reached.
#[derive(Debug, Serialize)]
pub(crate) struct AimReached {
    pub(crate) aim: String,
    pub(crate) reached: f64,
    pub(crate) met: bool,
}

impl Summary {
    /// Sums up a case; `None` if no peer finished a run of it.
    pub(crate) fn of(case: &Case, peers: &[&'static Peer], lines: &[Line], updates: u64) -> Option<Self> {
        let mut standings: Vec<Standing> =
            peers.iter().filter_map(|peer| standing(case, peer, lines)).collect();
        mark_best(&mut standings);
        let reference = best(&standings, OURS).or(standings.first())?;
        let (name, rate, cpu) =
            (reference.peer, reference.updates_per_second.median, reference.cpu_us_per_update.median);
        for standing in &mut standings {
            standing.reference_rate = rate / standing.updates_per_second.median;
            standing.cpu_over_reference = standing.cpu_us_per_update.median / cpu;
        }
        Some(Self {
            case: case.name,
            group: case.group,
            title: case.title,
            updates,
            chats: case.chats,
            slots: case.slots,
            sleep_ms: case.sleep_ms,
            reference: name,
            aims: case.aims.iter().filter_map(|aim| reached(*aim, &standings)).collect(),
            peers: standings,
        })
    }

    /// Whether its case is of a group.
    pub(crate) fn is_of(&self, group: Group) -> bool {
        self.group == group
    }
}

fn standing(case: &Case, peer: &'static Peer, lines: &[Line]) -> Option<Standing> {
    let own = |line: &&Line| line.case == case.name && line.peer == peer.name;
    let runs: Vec<Line> = lines.iter().filter(own).cloned().collect();
    let spread = |value: fn(&Line) -> f64| Spread::of(runs.iter().map(value));
    Some(Standing {
        peer: peer.name,
        family: peer.family,
        best_of_family: false,
        updates_per_second: spread(|line| line.updates_per_second)?,
        cpu_us_per_update: spread(|line| line.cpu_us_per_update)?,
        written_bytes_per_update: Spread::of(runs.iter().filter_map(|line| line.written_bytes_per_update)),
        reference_rate: 1.0,
        cpu_over_reference: 1.0,
        runs,
    })
}

impl Standing {
    /// A field of the peers' own.
    pub(crate) fn extra(&self, name: &str) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|run| run.extra.get(name)?.as_f64()))
    }
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (min, max, middle) = (*values.first()?, *values.last()?, values.len() / 2);
        let median = match values.len() % 2 {
            1 => values[middle],
            _ => (values[middle - 1] + values[middle]) / 2.0,
        };
        Some(Self { median, min, max })
    }
}

/// The fastest peer of a family.
fn best<'a>(standings: &'a [Standing], family: &str) -> Option<&'a Standing> {
    let rate = |standing: &Standing| standing.updates_per_second.median;
    standings.iter().filter(|s| s.family == family).max_by(|a, b| rate(a).total_cmp(&rate(b)))
}

fn mark_best(standings: &mut [Standing]) {
    for index in 0..standings.len() {
        let family = standings[index].family;
        let variants = standings.iter().filter(|s| s.family == family).count();
        let is_best = best(standings, family).is_some_and(|best| best.peer == standings[index].peer);
        standings[index].best_of_family = variants > 1 && is_best;
    }
}

/// How far an aim is reached; `None` if a side of it did not run.
fn reached(aim: Aim, standings: &[Standing]) -> Option<AimReached> {
    let ours = best(standings, OURS)?;
    Some(match aim {
        Aim::Rate { times, family } => {
            let theirs = best(standings, family)?.updates_per_second.median;
            let reached = ours.updates_per_second.median / theirs;
            AimReached { aim: format!("at least {times} times {family}"), reached, met: reached >= times }
        }
        Aim::Cpu { at_most_us } => {
            let reached = ours.cpu_us_per_update.median;
            let aim = format!("at most {at_most_us} us of CPU an update");
            AimReached { aim, reached, met: reached <= at_most_us }
        }
        Aim::Least { field, least, what } => {
            let reached = ours.extra(field)?.median;
            AimReached { aim: format!("at least {least} {what}"), reached, met: reached >= least }
        }
        Aim::Most { field, most, what } => {
            let reached = ours.extra(field)?.median;
            AimReached { aim: format!("at most {most} {what}"), reached, met: reached <= most }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Program;

    const PROGRAM: Program = Program::Cargo { package: "p" };
    const SLOW: Peer = Peer { name: "slow", family: "f", cases: &["c"], program: PROGRAM, arguments: &[] };
    const FAST: Peer = Peer { name: "fast", ..SLOW };
    const MINE: Peer = Peer { name: "mine", family: OURS, ..SLOW };
    const CASE: Case = Case {
        name: "c",
        group: Group::Bots,
        title: "t",
        updates: 10,
        chats: 1,
        slots: 1,
        sleep_ms: 0,
        database: false,
        aims: &[Aim::Rate { times: 2.0, family: "f" }, Aim::Cpu { at_most_us: 4.0 }],
    };

    fn line(peer: &str, rate: f64, cpu: f64) -> Line {
        Line {
            peer: peer.to_owned(),
            case: "c".to_owned(),
            updates: 10,
            seconds: 10.0 / rate,
            cpu_us_per_update: cpu,
            updates_per_second: rate,
            written_bytes_per_update: None,
            sum_ok: true,
            extra: serde_json::Map::new(),
        }
    }

    #[test]
    fn the_median_of_three_runs_is_the_middle_one_and_of_two_their_mean() {
        assert_eq!(Spread::of([3.0, 9.0, 4.0].into_iter()), Some(Spread { median: 4.0, min: 3.0, max: 9.0 }));
        assert_eq!(Spread::of([3.0, 4.0].into_iter()).unwrap().median, 3.5);
        assert_eq!(Spread::of([].into_iter()), None);
    }

    #[test]
    fn ours_is_the_reference_and_its_aims_are_held_against_the_best_of_a_family() {
        let lines = [line("slow", 10.0, 20.0), line("fast", 100.0, 8.0), line("mine", 150.0, 2.0)];
        let summary = Summary::of(&CASE, &[&SLOW, &FAST, &MINE], &lines, 10).unwrap();
        assert_eq!(summary.reference, "mine");
        let [slow, fast, mine] = &summary.peers[..] else { panic!("three peers ran") };
        assert_eq!([slow.reference_rate, fast.reference_rate, mine.reference_rate], [15.0, 1.5, 1.0]);
        assert_eq!([slow.cpu_over_reference, fast.cpu_over_reference], [10.0, 4.0]);
        assert_eq!([slow, fast, mine].map(|s| s.best_of_family), [false, true, false]);
        let aims: Vec<_> = summary.aims.iter().map(|aim| (aim.reached, aim.met)).collect();
        assert_eq!(aims, [(1.5, false), (2.0, true)]);
    }

    #[test]
    fn aims_for_a_field_of_the_peers_own_are_held_against_ours() {
        const CASE_WITH_FILE: Case = Case {
            aims: &[
                Aim::Most { field: "file_mb", most: 1.5, what: "MB" },
                Aim::Least { field: "file_mb", least: 1.5, what: "MB" },
                Aim::Most { field: "absent", most: 1.0, what: "" },
            ],
            ..CASE
        };
        let file = |peer: &str, mb: f64| Line {
            extra: serde_json::Map::from_iter([("file_mb".to_owned(), mb.into())]),
            ..line(peer, 10.0, 1.0)
        };
        let lines = [file("slow", 1.0), file("mine", 2.0)];
        let summary = Summary::of(&CASE_WITH_FILE, &[&SLOW, &MINE], &lines, 10).unwrap();
        let aims: Vec<_> = summary.aims.iter().map(|aim| (aim.reached, aim.met)).collect();
        assert_eq!(aims, [(2.0, false), (2.0, true)]);
    }

    #[test]
    fn without_ours_the_first_peer_is_the_reference_and_there_are_no_aims() {
        let lines = [line("slow", 10.0, 20.0), line("fast", 100.0, 8.0)];
        let summary = Summary::of(&CASE, &[&SLOW, &FAST], &lines, 10).unwrap();
        assert_eq!((summary.reference, summary.aims.len()), ("slow", 0));
        assert!(Summary::of(&CASE, &[&SLOW], &[], 10).is_none());
    }
}
