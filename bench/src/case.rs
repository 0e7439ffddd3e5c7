//! The cases: what is run, how large, and what Tertulia aims at beside the peers.

/// A workload that several peers run alike.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What it measures, in a line.
    pub(crate) title: &'static str,
    pub(crate) updates: u64,
    /// The chats take turns, so neighbouring updates never share one.
    pub(crate) chats: u64,
    /// Updates handled at a time.
    pub(crate) slots: u64,
    pub(crate) sleep_ms: u64,
    /// Whether peers get an empty folder for a database.
    pub(crate) database: bool,
    pub(crate) aims: &'static [Aim],
}

/// What the peers of the family [`crate::peer::OURS`] are to reach in a case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// This many times the updates per second of the best peer of a family.
    Rate { times: f64, family: &'static str },
    /// At most this much CPU for an update, in microseconds.
    Cpu { at_most_us: f64 },
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "counter",
        title: "a counter in each chat's session, in memory",
        updates: 200_000,
        chats: 10_000,
        slots: 500,
        sleep_ms: 0,
        database: false,
        aims: &[
            Aim::Rate { times: 4.0, family: "grammy" },
            Aim::Rate { times: 1.5, family: "teloxide" },
            Aim::Cpu { at_most_us: 4.0 },
        ],
    },
    Case {
        name: "sleep",
        title: "the counter, in handlers that wait 5 ms",
        updates: 100_000,
        chats: 10_000,
        slots: 500,
        sleep_ms: 5,
        database: false,
        aims: &[],
    },
    Case {
        name: "hung",
        title: "100 chats while another hangs, with 600 updates waiting behind it",
        updates: 100,
        chats: 100,
        slots: 500,
        sleep_ms: 0,
        database: false,
        aims: &[],
    },
    Case {
        name: "sqlite-2k",
        title: "the counter on SQLite, few chats",
        updates: 200_000,
        chats: 2_000,
        slots: 500,
        sleep_ms: 0,
        database: true,
        aims: &[Aim::Rate { times: 0.5, family: "bare-sqlite" }],
    },
    Case {
        name: "sqlite-10k",
        title: "the counter on SQLite, many chats",
        updates: 200_000,
        chats: 10_000,
        slots: 500,
        sleep_ms: 0,
        database: true,
        aims: &[Aim::Rate { times: 0.5, family: "bare-sqlite" }],
    },
];

impl Case {
    /// How many updates a run has: all, or a tenth to see that it works.
    pub(crate) fn size(&self, quick: bool) -> u64 {
        if quick { self.updates / 10 } else { self.updates }
    }
}
