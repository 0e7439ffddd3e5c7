//! Measures a run: wall time, the CPU time of the whole process, and the bytes it wrote.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A measurement under way.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
    written: Option<u64>,
}

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Time on the wall.
    pub wall: Duration,
    /// CPU time of every thread of the process, user and system.
    pub cpu: Duration,
    /// Bytes handed to the operating system to write; `None` where it does not count them.
    pub written: Option<u64>,
}

impl Stopwatch {
    /// Starts to measure. Call it when everything is prepared.
    pub fn start() -> Self {
        Self { written: written_bytes(), cpu: process_cpu(), wall: Instant::now() }
    }

    /// What was taken since the start.
    pub fn stop(self) -> Taken {
        let (wall, cpu) = (self.wall.elapsed(), process_cpu() - self.cpu);
        let written = written_bytes().zip(self.written).map(|(now, before)| now - before);
        Taken { wall, cpu, written }
    }
}

fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // A process' CPU time is never negative, and its nanoseconds are below a second.
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Bytes this process has passed to write calls, from Linux' own count.
fn written_bytes() -> Option<u64> {
    let io = std::fs::read_to_string("/proc/self/io").ok()?;
    io.lines().find_map(|line| line.strip_prefix("wchar: "))?.parse().ok()
}
