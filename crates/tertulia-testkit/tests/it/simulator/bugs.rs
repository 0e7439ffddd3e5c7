//! Bugs that are built in, each of which must be seen: what shows that the judge can.

use tertulia_testkit::simulator::{Sabotage, find};

/// How many seeds a bug may take. Most are seen in the first ones; an etag is mistaken for another in one of 150.
const SEEDS: u64 = 600;

fn finds(sabotage: Sabotage, symptom: &str) {
    let found = find(sabotage, symptom, SEEDS);
    println!("{sabotage:?}: {found:?}");
    assert!(found.is_some(), "{sabotage:?} was not seen in {SEEDS} seeds");
}

#[test]
fn finds_ack_before_commit() {
    finds(Sabotage::AckBeforeCommit, "the session holds");
}

#[test]
fn finds_dedupe_off() {
    finds(Sabotage::DedupeOff, "the session holds");
}

#[test]
fn finds_cas_off() {
    finds(Sabotage::CasOff, "the counter is");
}

#[test]
fn finds_fence_off() {
    finds(Sabotage::FenceOff, "the session holds");
}

#[test]
fn finds_offset_confirmed_at_fetch() {
    finds(Sabotage::ConfirmedAtFetch, "the session holds");
}

#[test]
fn finds_gate_off() {
    finds(Sabotage::GateOff, "was said before its turn was committed");
}

#[test]
fn finds_sync_off() {
    finds(Sabotage::SyncOff, "the session holds");
}

#[test]
fn finds_a_reader_that_skips() {
    finds(Sabotage::SkippingReader, "the session holds");
}

#[test]
fn finds_a_cache_that_is_kept() {
    finds(Sabotage::CacheKept, "it is stuck");
}

#[test]
fn finds_steps_that_are_forgotten() {
    finds(Sabotage::StepsForgotten, "and who sent it knew of it");
}

#[test]
fn finds_early_calls_that_are_forgotten() {
    finds(Sabotage::EarlyForgotten, "is told of 2 times");
}

#[test]
fn finds_etags_that_are_integers() {
    finds(Sabotage::IntegerEtag, "the session holds");
}

/// The storage alone is not what is seen above.
#[test]
fn a_storage_that_fails_over_hides_no_lost_update() {
    let found = find(Sabotage::Failover, "", 200);
    assert!(found.is_none(), "{found:?}");
}
