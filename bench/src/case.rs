//! The cases: what is run, how large, and what Tertulia aims at beside the peers.

mod graphs;
mod storages;
mod streams;

/// A workload that several peers run alike.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
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

/// Cases that are shown together, in files of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Updates, through a bot.
    Bots,
    /// Sessions alone.
    Sessions,
    /// Streams alone, in the process and over HTTP.
    Streams,
    /// Runs of graphs, with a checkpoint per step.
    Graphs,
    /// Storages that are servers.
    Storages,
}

impl Group {
    pub(crate) const ALL: [Self; 5] =
        [Self::Bots, Self::Sessions, Self::Streams, Self::Graphs, Self::Storages];

    /// What its files are called.
    pub(crate) fn files(self) -> &'static str {
        match self {
            Self::Bots => "bench",
            Self::Sessions => "sessions",
            Self::Streams => "streams",
            Self::Graphs => "graphs",
            Self::Storages => "storages",
        }
    }

    /// The name that stands for all its cases.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bots => "bots",
            Self::Sessions => "sessions",
            Self::Streams => "streams",
            Self::Graphs => "graphs",
            Self::Storages => "storages",
        }
    }
}

/// What the peers of the family [`crate::peer::OURS`] are to reach in a case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// This many times the updates per second of the best peer of a family.
    Rate { times: f64, family: &'static str },
    /// At most this much CPU for an update, in microseconds.
    Cpu { at_most_us: f64 },
    /// At least this in a field of the peers' own, which is said as `what`.
    Least { field: &'static str, least: f64, what: &'static str },
    /// At most this in a field of the peers' own.
    Most { field: &'static str, most: f64, what: &'static str },
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "counter",
        group: Group::Bots,
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
        group: Group::Bots,
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
        group: Group::Bots,
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
        group: Group::Bots,
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
        group: Group::Bots,
        title: "the counter on SQLite, many chats",
        updates: 200_000,
        chats: 10_000,
        slots: 500,
        sleep_ms: 0,
        database: true,
        aims: &[Aim::Rate { times: 0.5, family: "bare-sqlite" }],
    },
    Case {
        name: "session-300b",
        group: Group::Sessions,
        title: "a session of 300 bytes in memory, its counter changed",
        updates: 20_000,
        chats: 1_000,
        slots: 1,
        sleep_ms: 0,
        database: false,
        aims: &[],
    },
    Case {
        name: "session-1mb",
        group: Group::Sessions,
        title: "a session of 1,400 messages of 500 bytes in memory, as many appended one by one",
        updates: 1_400,
        chats: 1,
        slots: 1,
        sleep_ms: 0,
        database: false,
        aims: &[],
    },
    Case {
        name: "session-reads",
        group: Group::Sessions,
        title: "sessions in memory, read and not changed",
        updates: 10_000,
        chats: 10_000,
        slots: 1,
        sleep_ms: 0,
        database: false,
        aims: &[],
    },
    Case {
        name: "session-race",
        group: Group::Sessions,
        title: "two clients count in one session in memory, each 1,000 times",
        updates: 2_000,
        chats: 1,
        slots: 1,
        sleep_ms: 0,
        database: false,
        aims: &[],
    },
    Case {
        name: "session-300b-sqlite",
        group: Group::Sessions,
        title: "a session of 300 bytes on SQLite, its counter changed",
        updates: 5_000,
        chats: 1_000,
        slots: 1,
        sleep_ms: 0,
        database: true,
        aims: &[],
    },
    Case {
        name: "session-1mb-sqlite",
        group: Group::Sessions,
        title: "a session of 1,400 messages of 500 bytes on SQLite, as many appended one by one",
        updates: 1_400,
        chats: 1,
        slots: 1,
        sleep_ms: 0,
        database: true,
        aims: &[],
    },
    Case {
        name: "session-race-sqlite",
        group: Group::Sessions,
        title: "two clients count in one session on SQLite, each 1,000 times",
        updates: 2_000,
        chats: 1,
        slots: 1,
        sleep_ms: 0,
        database: true,
        aims: &[],
    },
    streams::APPEND,
    streams::APPEND_ONE,
    streams::WAKE,
    streams::READ,
    streams::MEMORY,
    streams::BOUND,
    streams::HTTP_APPEND_1,
    streams::HTTP_APPEND_16,
    streams::HTTP_APPEND_MANY,
    streams::HTTP_REPLAY_BYTES,
    streams::HTTP_REPLAY_JSON,
    streams::HTTP_FANOUT,
    streams::HTTP_TAIL,
    graphs::COUNTER,
    graphs::COUNTER_MEMORY,
    graphs::COUNTER_SQLITE,
    graphs::COUNTER_BEHIND,
    graphs::COUNTER_64,
    graphs::CHAT,
    graphs::CHAT_SQLITE,
    storages::REDIS_1,
    storages::REDIS_64,
    storages::REDIS_256,
    storages::REDIS_ALWAYS_1,
    storages::REDIS_ALWAYS_64,
    storages::REDIS_ALWAYS_256,
    storages::POSTGRES_1,
    storages::POSTGRES_64,
    storages::POSTGRES_256,
    storages::TURNS,
    storages::REDIS_TAIL,
    storages::POSTGRES_TAIL,
];

impl Case {
    /// How many updates a run has: all, or a tenth to see that it works.
    pub(crate) fn size(&self, quick: bool) -> u64 {
        if quick { self.updates / 10 } else { self.updates }
    }
}
