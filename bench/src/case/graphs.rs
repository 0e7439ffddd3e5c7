//! The cases of graphs: a counter in runs of two actions, with each way to keep checkpoints, and a long chat.

use super::{Aim, Case, Group};

/// What the cases have in common. The updates are steps, the chats runs, the slots runs under way at a time.
const GRAPHS: Case = Case {
    name: "",
    group: Group::Graphs,
    title: "",
    updates: 0,
    chats: 1,
    slots: 1,
    sleep_ms: 0,
    database: false,
    aims: &[],
};

pub(super) const COUNTER: Case = Case {
    name: "graph-counter",
    title: "two actions count in turn, nothing is kept",
    updates: 2_000_000,
    aims: &[Aim::Rate { times: 50.0, family: "burr" }],
    ..GRAPHS
};

pub(super) const COUNTER_MEMORY: Case = Case {
    name: "graph-counter-memory",
    title: "two actions count in turn, each step is kept in memory",
    updates: 1_000_000,
    ..COUNTER
};

pub(super) const COUNTER_SQLITE: Case = Case {
    name: "graph-counter-sqlite",
    title: "two actions count in turn, each step is on SQLite before the next",
    updates: 10_000,
    database: true,
    aims: &[Aim::Rate { times: 0.8, family: "bare-checkpoints" }],
    ..GRAPHS
};

pub(super) const COUNTER_BEHIND: Case = Case {
    name: "graph-counter-behind",
    title: "two actions count in turn, and go on while steps are on their way to SQLite",
    updates: 200_000,
    slots: 256,
    aims: &[],
    ..COUNTER_SQLITE
};

pub(super) const COUNTER_64: Case = Case {
    name: "graph-counter-64",
    title: "64 runs at once, of which each has a step on SQLite before its next",
    updates: 128_000,
    chats: 64,
    slots: 64,
    ..COUNTER_SQLITE
};

pub(super) const CHAT: Case = Case {
    name: "graph-chat",
    title: "two actions append 500 bytes to a history in turn, nothing is kept",
    updates: 1_000,
    ..GRAPHS
};

pub(super) const CHAT_SQLITE: Case = Case {
    name: "graph-chat-sqlite",
    title: "two actions append 500 bytes to a history in turn, each step is on SQLite before the next",
    database: true,
    aims: &[
        Aim::Most { field: "file_mb", most: 1.5, what: "MB on disk" },
        Aim::Least { field: "last_over_first", least: 0.8, what: "times the first steps' rate at the end" },
        Aim::Most { field: "load_ms", most: 20.0, what: "ms to load the latest state" },
    ],
    ..CHAT
};
