//! What is counted in this process, in the text form that Prometheus reads: counters, gauges, and histograms of seconds.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// The upper bounds of a histogram's buckets, in seconds.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Everything that was counted. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(Arc<Mutex<BTreeMap<String, Family>>>);

/// Metrics of one name, by their labels as they are written.
#[derive(Debug, Default)]
struct Family {
    help: String,
    series: BTreeMap<String, Value>,
}

#[derive(Clone, Debug)]
enum Value {
    Counter(Arc<AtomicU64>),
    /// The bits of a floating-point number.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Seconds>),
}

/// A histogram. Each number is added by itself, so that a text may hold one that is not in all of them yet.
#[derive(Debug, Default)]
struct Seconds {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl HistogramFn for Seconds {
    fn record(&self, seconds: f64) {
        if let Some(bucket) = BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        // What is negative or no number counts as 0.
        self.sum_us.fetch_add((seconds * 1e6) as u64, Ordering::Relaxed);
    }
}

impl Metrics {
    /// The text.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        for (name, Family { help, series }) in &*self.families() {
            let kind = match series.values().next() {
                None => continue,
                Some(Value::Counter(_)) => "counter",
                Some(Value::Gauge(_)) => "gauge",
                Some(Value::Histogram(_)) => "histogram",
            };
            if !help.is_empty() {
                let _ = writeln!(out, "# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n"));
            }
            let _ = writeln!(out, "# TYPE {name} {kind}");
            for (labels, value) in series {
                value.render(&mut out, name, labels);
            }
        }
        out
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<String, Family>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self, name: &KeyName, help: &SharedString) {
        self.families().entry(legal(name.as_str())).or_default().help = help.to_string();
    }

    /// The value of this name and these labels, made if it is not there.
    fn value(&self, key: &Key, make: fn() -> Value) -> Value {
        let mut families = self.families();
        let family = families.entry(legal(key.name())).or_default();
        family.series.entry(labels(key)).or_insert_with(make).clone()
    }
}

impl Value {
    fn render(&self, out: &mut String, name: &str, labels: &str) {
        let with = |more: &str| match (labels, more) {
            ("", "") => String::new(),
            ("", one) | (one, "") => format!("{{{one}}}"),
            (one, two) => format!("{{{one},{two}}}"),
        };
        let _ = match self {
            Self::Counter(value) => writeln!(out, "{name}{} {}", with(""), value.load(Ordering::Relaxed)),
            Self::Gauge(bits) => {
                writeln!(out, "{name}{} {}", with(""), f64::from_bits(bits.load(Ordering::Relaxed)))
            }
            Self::Histogram(seconds) => {
                let mut below = 0;
                for (bound, bucket) in BUCKETS.iter().zip(&seconds.buckets) {
                    below += bucket.load(Ordering::Relaxed);
                    let _ = writeln!(out, "{name}_bucket{} {below}", with(&format!("le=\"{bound}\"")));
                }
                let count = seconds.count.load(Ordering::Relaxed);
                let sum = seconds.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
                let _ = writeln!(out, "{name}_bucket{} {count}", with("le=\"+Inf\""));
                writeln!(out, "{name}_sum{} {sum}\n{name}_count{} {count}", with(""), with(""))
            }
        };
    }
}

impl Recorder for Metrics {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&key, &help);
    }

    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&key, &help);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&key, &help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.value(key, || Value::Counter(Arc::default())) {
            Value::Counter(value) => Counter::from_arc(value),
            // The name stands for something else; one program does not do that.
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.value(key, || Value::Gauge(Arc::default())) {
            Value::Gauge(bits) => Gauge::from_arc(bits),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.value(key, || Value::Histogram(Arc::default())) {
            Value::Histogram(seconds) => Histogram::from_arc(seconds),
            _ => Histogram::noop(),
        }
    }
}

/// A name with `_` for what a name may not hold.
fn legal(name: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().map(|c| if legal(c) { c } else { '_' }).collect()
}

fn labels(key: &Key) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let label = |label: &metrics::Label| format!("{}=\"{}\"", legal(label.key()), escape(label.value()));
    key.labels().map(label).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
