//! Which peer runs which case, after `--only`.

use anyhow::bail;

use crate::case::{CASES, Case, Group};
use crate::peer::{PEERS, Peer, Program};

/// The cases to run, each with its peers; neither list is empty.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) cases: Vec<(&'static Case, Vec<&'static Peer>)>,
}

impl Selection {
    /// The peers and cases with these names; a family's name stands for its peers, a
    /// group's for its cases. No peer named means all
    /// of them, and no case named means all of those.
    pub(crate) fn of(names: &[String]) -> anyhow::Result<Self> {
        let is_case = |name: &str| CASES.iter().any(|case| case.name == name || case.group.name() == name);
        let is_peer = |name: &str| PEERS.iter().any(|peer| peer.name == name || peer.family == name);
        if let Some(name) = names.iter().find(|name| !is_case(name) && !is_peer(name)) {
            bail!("--only names {name:?}, allowed are {}", allowed().join(", "));
        }
        let named = |name: &str| names.iter().any(|asked| asked == name);
        let all_cases = !names.iter().any(|name| is_case(name));
        let all_peers = !names.iter().any(|name| is_peer(name));

        let mut selection = Self { cases: Vec::new() };
        for case in CASES.iter().filter(|case| all_cases || named(case.name) || named(case.group.name())) {
            let peers = PEERS
                .iter()
                .filter(|peer| all_peers || named(peer.name) || named(peer.family))
                .filter(|peer| peer.cases.contains(&case.name))
                .collect();
            selection.cases.push((case, peers));
        }
        selection.drop_empty();
        if selection.cases.is_empty() {
            bail!("no peer runs what --only names: {}", names.join(", "));
        }
        Ok(selection)
    }

    /// The programs of all peers, each once, in the order of their first use.
    pub(crate) fn programs(&self) -> Vec<Program> {
        let mut programs = Vec::new();
        for peer in self.cases.iter().flat_map(|(_, peers)| peers) {
            if !programs.contains(&peer.program) {
                programs.push(peer.program);
            }
        }
        programs
    }

    /// Leaves out the peers of a program that could not be prepared, and returns their names.
    pub(crate) fn leave_out(&mut self, program: Program) -> Vec<&'static str> {
        let mut names = Vec::new();
        for (_, peers) in &mut self.cases {
            for peer in peers.extract_if(.., |peer| peer.program == program) {
                if !names.contains(&peer.name) {
                    names.push(peer.name);
                }
            }
        }
        self.drop_empty();
        names
    }

    /// How many runs one round has.
    pub(crate) fn runs(&self) -> usize {
        self.cases.iter().map(|(_, peers)| peers.len()).sum()
    }

    fn drop_empty(&mut self) {
        self.cases.retain(|(_, peers)| !peers.is_empty());
    }
}

fn allowed() -> Vec<&'static str> {
    let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    names.extend(Group::ALL.map(Group::name));
    for name in PEERS.iter().flat_map(|peer| [peer.name, peer.family]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let selection = Selection::of(&names).unwrap();
        let pair = |case: &Case, peer: &Peer| format!("{} {}", case.name, peer.name);
        selection.cases.iter().flat_map(|(case, peers)| peers.iter().map(|peer| pair(case, peer))).collect()
    }

    #[test]
    fn a_family_and_a_case_select_the_peers_of_the_family_in_that_case() {
        assert_eq!(pairs(&["teloxide", "sleep"]), ["sleep teloxide-current", "sleep teloxide-multi"]);
    }

    #[test]
    fn a_peer_alone_runs_all_its_cases() {
        assert_eq!(pairs(&["grammy"]), ["counter grammy", "sleep grammy"]);
    }

    #[test]
    fn a_group_stands_for_its_cases() {
        assert_eq!(
            pairs(&["sessions", "dialogues-sqlite"]),
            ["session-300b-sqlite", "session-1mb-sqlite", "session-race-sqlite"]
                .map(|case| format!("{case} dialogues-sqlite"))
        );
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_names_there_are() {
        let error = Selection::of(&["gramy".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("\"gramy\"") && error.contains("grammy"), "{error}");
    }

    #[test]
    fn a_case_that_a_peer_names_exists_and_every_case_has_a_peer() {
        for peer in PEERS {
            for name in peer.cases {
                assert!(CASES.iter().any(|case| case.name == *name), "{} names {name}", peer.name);
            }
        }
        assert_eq!(Selection::of(&[]).unwrap().cases.len(), CASES.len());
    }

    #[test]
    fn a_program_left_out_takes_its_peers_and_the_cases_left_empty_along() {
        let mut selection = Selection::of(&[]).unwrap();
        assert_eq!(
            selection.leave_out(Program::Cargo { package: "floor" }),
            ["loop", "bare-sqlite", "bare-checkpoints"]
        );
        assert!(selection.cases.iter().all(|(_, peers)| !peers.is_empty()));
        assert!(selection.cases.iter().flat_map(|(_, peers)| peers).all(|peer| peer.name != "loop"));
    }
}
