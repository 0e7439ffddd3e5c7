//! The peers: who runs which case, and how each is started. To add one, add a line here.

mod storages;

/// One side of the comparison: a program that runs a case and prints one line of JSON.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Variants of one thing: the best of a family stands for it.
    pub(crate) family: &'static str,
    /// The names of the cases it can run.
    pub(crate) cases: &'static [&'static str],
    pub(crate) program: Program,
    /// Arguments of its own, before those that every peer gets.
    pub(crate) arguments: &'static [&'static str],
}

/// Where a peer's program comes from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Program {
    /// A package of this workspace with an executable of the same name.
    Cargo { package: &'static str },
    /// The same in a folder that is a workspace of its own.
    Workspace { folder: &'static str, package: &'static str },
    /// A folder with `package.json`, `package-lock.json` and `main.js`.
    Node { folder: &'static str },
    /// A folder with `main.py`, and with `requirements.txt` that names all that it needs.
    Python { folder: &'static str },
    /// A server of Durable Streams, which `load` starts and loads.
    Served(Server),
    /// The same as `Cargo`, of a program that starts a database's server for itself.
    Stored { package: &'static str, database: Database },
}

/// The servers of Durable Streams.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Server {
    /// Tertulia's own.
    Tertulia,
    /// The crate `durable-streams`.
    Crate { version: &'static str },
    /// The npm package `@durable-streams/server`.
    Node { folder: &'static str },
}

/// The databases' servers that a peer may need.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Database {
    Redis,
    Postgres,
}

/// The family that the others are compared with, and the aims are for, as soon as it has a peer.
pub(crate) const OURS: &str = "ours";

const SESSIONS: &[&str] = &["session-300b", "session-1mb", "session-reads", "session-race"];
const SESSIONS_SQLITE: &[&str] = &["session-300b-sqlite", "session-1mb-sqlite", "session-race-sqlite"];
const DIALOGUES: Program = Program::Workspace { folder: "peers/dialogues", package: "dialogues-peer" };
const TOWER_SESSIONS: Program =
    Program::Workspace { folder: "peers/tower-sessions", package: "tower-sessions-peer" };

const HTTP: &[&str] = &[
    "http-append-1",
    "http-append-16",
    "http-append-many",
    "http-replay-bytes",
    "http-replay-json",
    "http-fanout",
    "http-tail",
];
/// What the Node.js server can do on files: of 1,000 streams it does not know some that it has just made.
const HTTP_NODE_FILES: &[&str] =
    &["http-append-1", "http-append-16", "http-replay-bytes", "http-replay-json", "http-fanout", "http-tail"];
const CRATE: Program = Program::Served(Server::Crate { version: "0.1.5" });
const NODE: Program = Program::Served(Server::Node { folder: "peers/streams-node" });

const GRAPHS: &[&str] = &[
    "graph-counter",
    "graph-counter-memory",
    "graph-counter-sqlite",
    "graph-counter-behind",
    "graph-counter-64",
    "graph-chat",
    "graph-chat-sqlite",
];
/// What Burr can do: it always waits for its persister.
const GRAPHS_BURR: &[&str] = &[
    "graph-counter",
    "graph-counter-memory",
    "graph-counter-sqlite",
    "graph-counter-64",
    "graph-chat",
    "graph-chat-sqlite",
];
const LANGGRAPH: Program = Program::Python { folder: "peers/langgraph" };

pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "tertulia-current",
        family: OURS,
        cases: &["counter", "sleep"],
        program: Program::Cargo { package: "ours" },
        arguments: &["--store", "memory", "--runtime", "current"],
    },
    Peer {
        name: "tertulia-multi",
        family: OURS,
        cases: &["counter", "sleep"],
        program: Program::Cargo { package: "ours" },
        arguments: &["--store", "memory", "--runtime", "multi"],
    },
    Peer {
        name: "tertulia-hung",
        family: OURS,
        cases: &["hung"],
        program: Program::Cargo { package: "ours" },
        arguments: &["--store", "memory", "--runtime", "multi", "--hung", "600"],
    },
    Peer {
        name: "tertulia-sqlite",
        family: OURS,
        cases: &["sqlite-2k", "sqlite-10k"],
        program: Program::Cargo { package: "ours" },
        arguments: &["--store", "sqlite", "--runtime", "multi", "--callers", "4"],
    },
    Peer {
        name: "loop",
        family: "loop",
        cases: &["counter"],
        program: Program::Cargo { package: "floor" },
        arguments: &["--store", "memory"],
    },
    Peer {
        name: "grammy",
        family: "grammy",
        cases: &["counter", "sleep"],
        program: Program::Node { folder: "peers/grammy" },
        arguments: &[],
    },
    Peer {
        name: "teloxide-current",
        family: "teloxide",
        cases: &["counter", "sleep"],
        program: Program::Cargo { package: "teloxide-peer" },
        arguments: &["--runtime", "current"],
    },
    Peer {
        name: "teloxide-multi",
        family: "teloxide",
        cases: &["counter", "sleep"],
        program: Program::Cargo { package: "teloxide-peer" },
        arguments: &["--runtime", "multi"],
    },
    Peer {
        name: "bare-sqlite",
        family: "bare-sqlite",
        cases: &["sqlite-2k", "sqlite-10k"],
        program: Program::Cargo { package: "floor" },
        arguments: &["--store", "sqlite"],
    },
    Peer {
        name: "tertulia-sessions",
        family: OURS,
        cases: SESSIONS,
        program: Program::Cargo { package: "ours-sessions" },
        arguments: &["--store", "memory"],
    },
    Peer {
        name: "tertulia-log",
        family: "tertulia-log",
        cases: &["session-1mb"],
        program: Program::Cargo { package: "ours-sessions" },
        arguments: &["--store", "memory", "--log"],
    },
    Peer {
        name: "dialogues",
        family: "dialogues",
        cases: SESSIONS,
        program: DIALOGUES,
        arguments: &["--store", "memory"],
    },
    Peer {
        name: "tower-sessions",
        family: "tower-sessions",
        cases: SESSIONS,
        program: TOWER_SESSIONS,
        arguments: &["--store", "memory"],
    },
    Peer {
        name: "tertulia-sessions-sqlite",
        family: OURS,
        cases: SESSIONS_SQLITE,
        program: Program::Cargo { package: "ours-sessions" },
        arguments: &["--store", "sqlite"],
    },
    Peer {
        name: "tertulia-log-sqlite",
        family: "tertulia-log",
        cases: &["session-1mb-sqlite"],
        program: Program::Cargo { package: "ours-sessions" },
        arguments: &["--store", "sqlite", "--log"],
    },
    Peer {
        name: "dialogues-sqlite",
        family: "dialogues",
        cases: SESSIONS_SQLITE,
        program: DIALOGUES,
        arguments: &["--store", "sqlite"],
    },
    Peer {
        name: "tower-sessions-sqlite",
        family: "tower-sessions",
        cases: SESSIONS_SQLITE,
        program: TOWER_SESSIONS,
        arguments: &["--store", "sqlite"],
    },
    Peer {
        name: "tertulia-streams",
        family: "tertulia-one-thread",
        cases: &[
            "stream-append",
            "stream-append-one",
            "stream-wake",
            "stream-read",
            "stream-memory",
            "stream-bound",
        ],
        program: Program::Cargo { package: "ours-streams" },
        arguments: &["--threads", "1"],
    },
    Peer {
        name: "tertulia-streams-2",
        family: OURS,
        cases: &["stream-append"],
        program: Program::Cargo { package: "ours-streams" },
        arguments: &["--threads", "2"],
    },
    Peer {
        name: "tertulia-http",
        family: OURS,
        cases: HTTP,
        program: Program::Served(Server::Tertulia),
        arguments: &["--peer", "tertulia-http", "--server", "tertulia"],
    },
    Peer {
        name: "durable-streams",
        family: "durable-streams",
        cases: HTTP,
        program: CRATE,
        arguments: &["--peer", "durable-streams", "--server", "electric"],
    },
    Peer {
        name: "streams-node",
        family: "streams-node",
        cases: HTTP,
        program: NODE,
        arguments: &["--peer", "streams-node", "--server", "node"],
    },
    Peer {
        name: "tertulia-http-sqlite",
        family: "tertulia-http-sqlite",
        cases: HTTP,
        program: Program::Served(Server::Tertulia),
        arguments: &["--peer", "tertulia-http-sqlite", "--server", "tertulia", "--durable"],
    },
    Peer {
        name: "durable-streams-wal",
        family: "durable-streams-wal",
        cases: HTTP,
        program: CRATE,
        arguments: &["--peer", "durable-streams-wal", "--server", "electric", "--durable"],
    },
    Peer {
        name: "streams-node-files",
        family: "streams-node-files",
        cases: HTTP_NODE_FILES,
        program: NODE,
        arguments: &["--peer", "streams-node-files", "--server", "node", "--durable"],
    },
    Peer {
        name: "tertulia-graphs",
        family: OURS,
        cases: GRAPHS,
        program: Program::Cargo { package: "ours-graphs" },
        arguments: &["--runtime", "current"],
    },
    Peer {
        name: "tertulia-graphs-multi",
        family: OURS,
        cases: &["graph-counter-64"],
        program: Program::Cargo { package: "ours-graphs" },
        arguments: &["--runtime", "multi"],
    },
    Peer {
        name: "bare-checkpoints",
        family: "bare-checkpoints",
        cases: &["graph-counter-sqlite", "graph-counter-behind", "graph-counter-64", "graph-chat-sqlite"],
        program: Program::Cargo { package: "floor" },
        arguments: &["--store", "checkpoints"],
    },
    Peer {
        name: "burr",
        family: "burr",
        cases: GRAPHS_BURR,
        program: Program::Python { folder: "peers/burr" },
        arguments: &["--peer", "burr"],
    },
    Peer {
        name: "langgraph",
        family: "langgraph",
        cases: GRAPHS,
        program: LANGGRAPH,
        arguments: &["--peer", "langgraph"],
    },
    Peer {
        name: "langgraph-delta",
        family: "langgraph",
        cases: &["graph-chat-sqlite"],
        program: LANGGRAPH,
        arguments: &["--peer", "langgraph-delta", "--delta"],
    },
    storages::TERTULIA_REDIS,
    storages::BARE_REDIS,
    storages::TERTULIA_POSTGRES,
    storages::PGBENCH,
    storages::BARE_POSTGRES,
    storages::TURNS_MEMORY,
    storages::TURNS_SQLITE,
    storages::TURNS_REDIS,
    storages::TURNS_POSTGRES,
];
