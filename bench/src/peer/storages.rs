//! The peers in the cases of storages: Tertulia, the same statements without it, and whole updates on each storage.

use super::{Database, OURS, Peer, Program};

const REDIS: &[&str] =
    &["redis-1", "redis-64", "redis-256", "redis-always-1", "redis-always-64", "redis-always-256"];
/// What Tertulia runs of it.
const REDIS_TAIL: &[&str] = &[
    "redis-1",
    "redis-64",
    "redis-256",
    "redis-always-1",
    "redis-always-64",
    "redis-always-256",
    "redis-tail",
];
const POSTGRES: &[&str] = &["postgres-1", "postgres-64", "postgres-256"];
const POSTGRES_TAIL: &[&str] = &["postgres-1", "postgres-64", "postgres-256", "postgres-tail"];
const ON_REDIS: Program = Program::Stored { package: "storages", database: Database::Redis };
const ON_POSTGRES: Program = Program::Stored { package: "storages", database: Database::Postgres };

pub(super) const TERTULIA_REDIS: Peer = Peer {
    name: "tertulia-redis",
    family: OURS,
    cases: REDIS_TAIL,
    program: ON_REDIS,
    arguments: &["run", "--store", "redis", "--by", "tertulia"],
};

pub(super) const BARE_REDIS: Peer = Peer {
    name: "bare-redis",
    family: "bare-redis",
    cases: REDIS,
    program: ON_REDIS,
    arguments: &["run", "--store", "redis", "--by", "bare"],
};

pub(super) const TERTULIA_POSTGRES: Peer = Peer {
    name: "tertulia-postgres",
    family: OURS,
    cases: POSTGRES_TAIL,
    program: ON_POSTGRES,
    arguments: &["run", "--store", "postgres", "--by", "tertulia"],
};

pub(super) const PGBENCH: Peer = Peer {
    name: "pgbench",
    family: "pgbench",
    cases: POSTGRES,
    program: ON_POSTGRES,
    arguments: &["run", "--store", "postgres", "--by", "pgbench"],
};

pub(super) const BARE_POSTGRES: Peer = Peer {
    name: "bare-postgres",
    family: "bare-postgres",
    cases: POSTGRES,
    program: ON_POSTGRES,
    arguments: &["run", "--store", "postgres", "--by", "bare"],
};

pub(super) const TURNS_MEMORY: Peer = Peer {
    name: "turns-memory",
    family: "turns-memory",
    cases: &["turns"],
    program: Program::Cargo { package: "ours" },
    arguments: &["--store", "memory", "--runtime", "multi", "--callers", "4"],
};

pub(super) const TURNS_SQLITE: Peer = Peer {
    name: "turns-sqlite",
    family: "turns-sqlite",
    cases: &["turns"],
    program: Program::Cargo { package: "ours" },
    arguments: &["--store", "sqlite", "--runtime", "multi", "--callers", "4"],
};

pub(super) const TURNS_REDIS: Peer = Peer {
    name: "turns-redis",
    family: "turns-redis",
    cases: &["turns"],
    program: Program::Stored { package: "ours", database: Database::Redis },
    arguments: &["--store", "redis", "--runtime", "multi", "--callers", "4"],
};

pub(super) const TURNS_POSTGRES: Peer = Peer {
    name: "turns-postgres",
    family: "turns-postgres",
    cases: &["turns"],
    program: Program::Stored { package: "ours", database: Database::Postgres },
    arguments: &["--store", "postgres", "--runtime", "multi", "--callers", "4"],
};
