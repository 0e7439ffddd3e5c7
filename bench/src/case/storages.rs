//! The cases of storages that are servers: a turn's batch from so many callers at once, whole updates, and a tail.

use super::{Aim, Case, Group};

/// What the cases have in common. The updates are batches, the chats sessions, the slots callers.
const STORAGES: Case = Case {
    name: "",
    group: Group::Storages,
    title: "",
    updates: 0,
    chats: 10_240,
    slots: 1,
    sleep_ms: 0,
    database: false,
    aims: &[],
};

const REDIS: Case = Case { aims: &[Aim::Rate { times: 0.6, family: "bare-redis" }], ..STORAGES };

pub(super) const REDIS_1: Case = Case {
    name: "redis-1",
    title: "a turn's batch on Redis, appendfsync everysec, from one caller",
    updates: 5_120,
    ..REDIS
};

pub(super) const REDIS_64: Case = Case {
    name: "redis-64",
    title: "a turn's batch on Redis, appendfsync everysec, from 64 callers at once",
    updates: 20_480,
    slots: 64,
    ..REDIS
};

pub(super) const REDIS_256: Case = Case {
    name: "redis-256",
    title: "a turn's batch on Redis, appendfsync everysec, from 256 callers at once",
    slots: 256,
    ..REDIS_64
};

pub(super) const REDIS_ALWAYS_1: Case = Case {
    name: "redis-always-1",
    title: "a turn's batch on Redis, appendfsync always, from one caller",
    updates: 1_024,
    ..REDIS
};

pub(super) const REDIS_ALWAYS_64: Case = Case {
    name: "redis-always-64",
    title: "a turn's batch on Redis, appendfsync always, from 64 callers at once",
    updates: 5_120,
    ..REDIS_64
};

pub(super) const REDIS_ALWAYS_256: Case = Case {
    name: "redis-always-256",
    title: "a turn's batch on Redis, appendfsync always, from 256 callers at once",
    updates: 5_120,
    ..REDIS_256
};

const POSTGRES: Case = Case {
    aims: &[Aim::Rate { times: 0.6, family: "pgbench" }, Aim::Rate { times: 0.6, family: "bare-postgres" }],
    ..STORAGES
};

pub(super) const POSTGRES_1: Case = Case {
    name: "postgres-1",
    title: "a turn's batch on PostgreSQL from one caller",
    updates: 1_024,
    ..POSTGRES
};

pub(super) const POSTGRES_64: Case = Case {
    name: "postgres-64",
    title: "a turn's batch on PostgreSQL from 64 callers at once",
    updates: 10_240,
    slots: 64,
    ..POSTGRES
};

pub(super) const POSTGRES_256: Case = Case {
    name: "postgres-256",
    title: "a turn's batch on PostgreSQL from 256 callers at once",
    slots: 256,
    ..POSTGRES_64
};

pub(super) const TURNS: Case = Case {
    name: "turns",
    title: "a counter in each chat's session, and an answer, each way through a bot",
    updates: 20_000,
    chats: 10_000,
    slots: 500,
    database: true,
    ..STORAGES
};

const TAIL: Case = Case {
    updates: 1_000,
    chats: 1,
    aims: &[Aim::Most {
        field: "idle_per_second",
        most: 1.0,
        what: "commands a second while nothing happens",
    }],
    ..STORAGES
};

pub(super) const REDIS_TAIL: Case = Case {
    name: "redis-tail",
    title: "an event appended by one process on Redis, until a reader at the tail in another has it",
    ..TAIL
};

pub(super) const POSTGRES_TAIL: Case = Case {
    name: "postgres-tail",
    title: "an event appended by one process on PostgreSQL, until a reader at the tail in another has it",
    ..TAIL
};
