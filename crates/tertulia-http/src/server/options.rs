//! The limits of a server.

use std::net::IpAddr;
use std::time::Duration;

/// The limits of a [`Server`](super::Server). A request with more than 100 headers is answered `431` whatever they say.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// How many connections there may be; more wait to be accepted: 10,000.
    pub connections: usize,
    /// How many connections an address may have; more are closed at once: 64. Of IPv6, what has the first 64 bits in
    /// common is one address.
    pub connections_per_address: usize,
    /// Whose connections are not counted by address: those of this machine. A proxy on another one belongs here too.
    pub uncounted: fn(IpAddr) -> bool,
    /// The most bytes of a request's first line and headers: 32 KiB. More is answered `431`.
    pub header_bytes: usize,
    /// How long a client may take to send a request's headers, from their first byte on: 10 s. Then it is cut off.
    pub header_within: Duration,
    /// The most bytes of a body: 64 MiB, as much as a storage takes at once. Routes allow less. More is answered `413`.
    pub body_bytes: usize,
    /// How long a body may take to arrive: 60 s. Routes allow less. Longer is answered `408`.
    pub body_within: Duration,
    /// How long a client may take nothing of what it is sent: 10 s. Then it is cut off, whatever was still to come: who
    /// reads a stream can resume it.
    pub write_within: Duration,
    /// How long a connection may be kept without a request: 60 s.
    pub idle_within: Duration,
    /// How long requests under way may take once the server is to stop: 10 s.
    pub drain: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 64,
            uncounted: |address| address.is_loopback(),
            header_bytes: 32 << 10,
            header_within: Duration::from_secs(10),
            body_bytes: 64 << 20,
            body_within: Duration::from_secs(60),
            write_within: Duration::from_secs(10),
            idle_within: Duration::from_secs(60),
            drain: Duration::from_secs(10),
        }
    }
}
