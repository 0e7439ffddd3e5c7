//! The entries that are ready, in lanes: each source has its turn, however many updates another one has, and what
//! passes the queue has a lane of its own.

use std::collections::VecDeque;

/// Where a ready entry waits for being taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lane {
    /// With the others of its source, by the source's number.
    Source(u8),
    /// With those that pass the queue.
    #[default]
    Passing,
}

/// Ready entries, in each lane in the order in which they became so.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    sources: Vec<VecDeque<usize>>,
    /// Which source is asked first.
    next: usize,
    /// Of all sources.
    len: usize,
    passing: VecDeque<usize>,
}

impl Lanes {
    /// How many there are in all lanes.
    pub(super) fn len(&self) -> usize {
        self.len + self.passing.len()
    }

    pub(super) fn passing(&self) -> usize {
        self.passing.len()
    }

    pub(super) fn push(&mut self, lane: Lane, entry: usize) {
        match lane {
            Lane::Passing => self.passing.push_back(entry),
            Lane::Source(source) => {
                let source = usize::from(source);
                if self.sources.len() <= source {
                    self.sources.resize_with(source + 1, VecDeque::new);
                }
                self.sources[source].push_back(entry);
                self.len += 1;
            }
        }
    }

    /// The next entry of the source whose turn it is.
    pub(super) fn take(&mut self) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        loop {
            let source = self.next;
            self.next = if source + 1 >= self.sources.len() { 0 } else { source + 1 };
            if let Some(entry) = self.sources[source].pop_front() {
                self.len -= 1;
                return Some(entry);
            }
        }
    }

    pub(super) fn take_passing(&mut self) -> Option<usize> {
        self.passing.pop_front()
    }

    /// Takes out an entry that is in this lane.
    pub(super) fn remove(&mut self, lane: Lane, entry: usize) {
        let queue = match lane {
            Lane::Passing => &mut self.passing,
            Lane::Source(source) => {
                self.len -= 1;
                &mut self.sources[usize::from(source)]
            }
        };
        queue.retain(|other| *other != entry);
    }

    /// All of them, those that pass the queue first.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.passing.iter().chain(self.sources.iter().flatten()).copied()
    }
}
