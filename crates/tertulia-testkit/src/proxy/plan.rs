//! What a proxy is to do, and what it has done: shared by who asks and by its connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the program to the server.
    Up,
    /// From the server to the program.
    Down,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Both sides are reset.
    Reset,
    /// Both sides are closed in order.
    Close,
    /// The program is reset, and the server goes on to believe in it, as when a machine loses its power.
    Vanish,
    /// Both sides stay open, and nothing passes any more.
    Silence,
    /// What came passes on; what is answered to it does not, and when it comes both sides are reset. Asked for of
    /// connections that are open now, the next that the server says is such an answer.
    LoseAnswer,
}

/// When something is done.
#[derive(Debug)]
pub(super) enum When {
    Seen(Vec<u8>),
    After(u64),
}

#[derive(Debug)]
struct Trap {
    way: Way,
    when: When,
    then: Then,
}

/// What a connection has to know beside its sockets.
#[derive(Debug)]
pub(super) struct Connection {
    /// What became of it.
    pub(super) fate: watch::Sender<Option<Then>>,
    /// What came this way last, as much as a trap may have to look at.
    tails: Mutex<[Vec<u8>; 2]>,
}

#[derive(Debug)]
pub(super) struct Plan {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    upstream: SocketAddr,
    latency: Duration,
    refuse: bool,
    trap: Option<Trap>,
    sprung: u64,
    passed: [u64; 2],
    connections: Vec<Arc<Connection>>,
    /// Moves when everything heals.
    healed: watch::Sender<u64>,
}

/// What to do with a piece.
#[derive(Debug)]
pub(super) struct Verdict {
    /// How many of its bytes pass.
    pub(super) pass: usize,
    /// What is done then.
    pub(super) then: Option<Then>,
    /// How long it waits first.
    pub(super) latency: Duration,
}

impl Plan {
    pub(super) fn new(upstream: SocketAddr) -> Self {
        let state = State {
            upstream,
            latency: Duration::ZERO,
            refuse: false,
            trap: None,
            sprung: 0,
            passed: [0; 2],
            connections: Vec::new(),
            healed: watch::Sender::new(0),
        };
        Self { state: Mutex::new(state) }
    }

    pub(super) fn turn_to(&self, upstream: SocketAddr) {
        self.state.lock().upstream = upstream;
    }

    pub(super) fn delay(&self, latency: Duration) {
        self.state.lock().latency = latency;
    }

    pub(super) fn refuse(&self, refuse: bool) {
        self.state.lock().refuse = refuse;
    }

    pub(super) fn now(&self, then: Then) {
        for connection in &self.state.lock().connections {
            connection.fate.send_replace(Some(then));
        }
    }

    pub(super) fn set_trap(&self, way: Way, when: When, then: Then) {
        let mut state = self.state.lock();
        state.trap = Some(Trap { way, when, then });
        for connection in &state.connections {
            *connection.tails.lock() = Default::default();
        }
    }

    pub(super) fn heal(&self) {
        let mut state = self.state.lock();
        (state.latency, state.refuse, state.trap) = (Duration::ZERO, false, None);
        state.healed.send_modify(|healed| *healed += 1);
    }

    pub(super) fn sprung(&self) -> u64 {
        self.state.lock().sprung
    }

    pub(super) fn open(&self) -> usize {
        self.state.lock().connections.len()
    }

    pub(super) fn passed(&self, way: Way) -> u64 {
        self.state.lock().passed[way.index()]
    }

    /// Where a new connection goes; `None` if it is not let in.
    pub(super) fn upstream(&self) -> Option<SocketAddr> {
        let state = self.state.lock();
        (!state.refuse).then_some(state.upstream)
    }

    /// Notes a new connection; tells when everything heals too.
    pub(super) fn opened(&self) -> (Arc<Connection>, watch::Receiver<u64>) {
        let connection = Arc::new(Connection { fate: watch::Sender::new(None), tails: Mutex::default() });
        let mut state = self.state.lock();
        state.connections.push(Arc::clone(&connection));
        (connection, state.healed.subscribe())
    }

    pub(super) fn closed(&self, connection: &Arc<Connection>) {
        self.state.lock().connections.retain(|open| !Arc::ptr_eq(open, connection));
    }

    /// A piece has come.
    pub(super) fn judge(&self, connection: &Connection, way: Way, piece: &[u8]) -> Verdict {
        let mut state = self.state.lock();
        let latency = state.latency;
        let mut verdict = Verdict { pass: piece.len(), then: None, latency };
        if let Some(Trap { way: on, when, then }) = &mut state.trap
            && *on == way
            && let Some(at) = when.comes(&mut connection.tails.lock()[way.index()], piece)
        {
            verdict.then = Some(*then);
            // What was to be seen passes only if its answer is what is lost.
            verdict.pass = if *then == Then::LoseAnswer { piece.len() } else { at };
            state.trap = None;
            state.sprung += 1;
        }
        state.passed[way.index()] += verdict.pass as u64;
        verdict
    }
}

impl When {
    /// How many bytes of the piece come before what is waited for, if that comes in it.
    fn comes(&mut self, tail: &mut Vec<u8>, piece: &[u8]) -> Option<usize> {
        match self {
            Self::After(left) => {
                let length = piece.len() as u64;
                if length > *left {
                    return usize::try_from(*left).ok();
                }
                *left -= length;
                None
            }
            Self::Seen(wanted) => {
                let before = tail.len();
                tail.extend_from_slice(piece);
                let at = tail.windows(wanted.len().max(1)).position(|seen| seen == wanted.as_slice());
                let keep = tail.len().saturating_sub(wanted.len().saturating_sub(1));
                tail.drain(..keep);
                at.map(|at| at.saturating_sub(before))
            }
        }
    }
}

impl Way {
    fn index(self) -> usize {
        match self {
            Self::Up => 0,
            Self::Down => 1,
        }
    }
}
