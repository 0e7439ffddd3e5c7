use super::*;

fn render(record: impl FnOnce()) -> String {
    let metrics = Metrics::default();
    metrics::with_local_recorder(&metrics, record);
    metrics.render()
}

#[test]
fn counters_and_gauges_are_told_by_name_and_labels() {
    let text = render(|| {
        metrics::describe_counter!("updates_total", "Updates,\nby how they ended.");
        metrics::counter!("updates_total", "ended" => "dead").increment(2);
        metrics::counter!("updates_total", "ended" => "a \"\\\n b").increment(1);
        metrics::counter!("updates_total", "ended" => "dead").increment(3);
        metrics::gauge!("a.gauge").set(-1.5);
        metrics::describe_gauge!("never_set", "Is not told.");
    });
    let expected = "# TYPE a_gauge gauge\na_gauge -1.5\n\
        # HELP updates_total Updates,\\nby how they ended.\n# TYPE updates_total counter\n\
        updates_total{ended=\"a \\\"\\\\\\n b\"} 1\nupdates_total{ended=\"dead\"} 5\n";
    assert_eq!(text, expected);
}

#[test]
fn the_buckets_of_a_histogram_hold_all_that_is_not_longer() {
    let text = render(|| {
        for seconds in [0.001, 0.002, 0.3, 100.0, f64::NAN] {
            metrics::histogram!("took_seconds", "of" => "turns").record(seconds);
        }
    });
    for line in [
        "# TYPE took_seconds histogram",
        "took_seconds_bucket{of=\"turns\",le=\"0.001\"} 1",
        "took_seconds_bucket{of=\"turns\",le=\"0.25\"} 2",
        "took_seconds_bucket{of=\"turns\",le=\"60\"} 3",
        "took_seconds_bucket{of=\"turns\",le=\"+Inf\"} 5",
        "took_seconds_sum{of=\"turns\"} 100.303",
        "took_seconds_count{of=\"turns\"} 5",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

#[test]
fn a_name_that_stands_for_something_else_is_not_counted() {
    let text = render(|| {
        metrics::counter!("name").increment(1);
        metrics::gauge!("name").set(7.0);
    });
    assert_eq!(text, "# TYPE name counter\nname 1\n");
}
