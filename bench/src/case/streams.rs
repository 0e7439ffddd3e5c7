//! The cases of streams: in the process first, then over HTTP beside other servers of Durable Streams.

use super::{Aim, Case, Group};

/// What the cases have in common. The chats are streams, the slots connections or threads.
const STREAMS: Case = Case {
    name: "",
    group: Group::Streams,
    title: "",
    updates: 0,
    chats: 1,
    slots: 1,
    sleep_ms: 0,
    database: false,
    aims: &[],
};

pub(super) const APPEND: Case = Case {
    name: "stream-append",
    title: "events of 100 bytes appended to 1,000 streams in turn",
    updates: 4_000_000,
    chats: 1_000,
    aims: &[Aim::Rate { times: 1.7, family: "tertulia-one-thread" }],
    ..STREAMS
};

pub(super) const APPEND_ONE: Case = Case {
    name: "stream-append-one",
    title: "events of 100 bytes appended to one stream",
    updates: 2_000_000,
    ..STREAMS
};

pub(super) const WAKE: Case = Case {
    name: "stream-wake",
    title: "an event appended, until a reader at the tail has it",
    updates: 50_000,
    ..STREAMS
};

pub(super) const READ: Case = Case {
    name: "stream-read",
    title: "10,000 events of 100 bytes read from the start",
    updates: 2_000,
    ..STREAMS
};

pub(super) const MEMORY: Case = Case {
    name: "stream-memory",
    title: "events of 100 bytes kept in memory, in 1,000 streams",
    updates: 1_000_000,
    chats: 1_000,
    ..STREAMS
};

pub(super) const BOUND: Case = Case {
    name: "stream-bound",
    title: "events of 100 bytes over 100,000 streams, of which 64 MiB are kept",
    updates: 10_000_000,
    chats: 100_000,
    ..STREAMS
};

pub(super) const HTTP_APPEND_1: Case = Case {
    name: "http-append-1",
    title: "JSON events of 100 bytes appended over one connection",
    updates: 50_000,
    ..STREAMS
};

pub(super) const HTTP_APPEND_16: Case = Case {
    name: "http-append-16",
    title: "JSON events of 100 bytes appended to one stream over 16 connections",
    updates: 300_000,
    slots: 16,
    aims: &[Aim::Rate { times: 1.0, family: "durable-streams" }],
    ..STREAMS
};

pub(super) const HTTP_APPEND_MANY: Case = Case {
    name: "http-append-many",
    title: "JSON events of 100 bytes appended to 1,000 streams over 16 connections",
    chats: 1_000,
    ..HTTP_APPEND_16
};

pub(super) const HTTP_REPLAY_BYTES: Case = Case {
    name: "http-replay-bytes",
    title: "a stream of 10 MB read from its start",
    updates: 500,
    aims: &[Aim::Rate { times: 1.0, family: "durable-streams" }],
    ..STREAMS
};

pub(super) const HTTP_REPLAY_JSON: Case = Case {
    name: "http-replay-json",
    title: "a stream of 100,000 JSON events of 100 bytes read from its start",
    ..HTTP_REPLAY_BYTES
};

pub(super) const HTTP_FANOUT: Case = Case {
    name: "http-fanout",
    title: "1,000 events a second to 200 readers over SSE",
    updates: 4_000,
    slots: 200,
    ..STREAMS
};

pub(super) const HTTP_TAIL: Case = Case {
    name: "http-tail",
    title: "1,000 events a second to one reader over SSE",
    slots: 1,
    ..HTTP_FANOUT
};
