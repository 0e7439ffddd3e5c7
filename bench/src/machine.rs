//! What the results were measured on.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// The machine and the moment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) os: &'static str,
    /// Processes that wanted to run before the start, over the last minute: near zero on a quiet machine.
    pub(crate) load: Option<f64>,
    /// Seconds since 1970.
    pub(crate) time: u64,
}

impl Machine {
    /// Looks at the machine; what the operating system does not tell stays unknown.
    pub(crate) fn look() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let cpu = read("/proc/cpuinfo").and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        Self {
            cpu: cpu.unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH)),
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            os: std::env::consts::OS,
            load: read("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
            time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        }
    }
}
