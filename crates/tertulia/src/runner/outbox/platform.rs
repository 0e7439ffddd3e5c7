//! The conversations of one platform that may make a call, and whether the platform takes any.

use std::collections::VecDeque;

use crate::Timestamp;

/// How many conversations in a row are told to come back later before it is taken to be about all.
const IN_A_ROW: usize = 3;

/// One platform.
#[derive(Debug, Default)]
pub(super) struct Platform {
    /// Lanes whose first call may be made now, in that order.
    pub(super) ready: VecDeque<usize>,
    /// Lanes that have a call under way.
    pub(super) under_way: usize,
    /// Lanes that wait for nothing but their turn: ready, under way, or held to a rate.
    pub(super) busy: usize,
    /// No call is made before.
    closed: Option<Closed>,
    /// Lanes that were told to come back later since the last call that was made, with when.
    refused: Vec<(usize, Timestamp)>,
}

#[derive(Debug)]
struct Closed {
    until: Timestamp,
    /// The platform asked for it; else it is only kept to its rate.
    refused: bool,
}

impl Platform {
    /// How many lanes could make a call.
    pub(super) fn ready(&self) -> usize {
        if self.closed.is_some() { 0 } else { self.ready.len() }
    }

    /// The lane that has been ready for longest.
    pub(super) fn take(&mut self) -> Option<usize> {
        if self.closed.is_some() { None } else { self.ready.pop_front() }
    }

    /// Makes no calls until then. Tells whether that is later than what held so far.
    pub(super) fn close(&mut self, until: Timestamp, refused: bool) -> bool {
        match &mut self.closed {
            Some(closed) => {
                closed.refused |= refused;
                let later = closed.until < until;
                closed.until = closed.until.max(until);
                later
            }
            closed => {
                *closed = Some(Closed { until, refused });
                true
            }
        }
    }

    /// The time until which it was closed has come; a later one may hold by now.
    pub(super) fn open(&mut self, until: Timestamp) {
        if self.closed.as_ref().is_some_and(|closed| closed.until <= until) {
            self.closed = None;
        }
    }

    /// A call was made.
    pub(super) fn made(&mut self) {
        self.refused.clear();
    }

    /// A lane was told to come back later. Gives until when all have to wait, if it is about all.
    pub(super) fn refused(&mut self, lane: usize, until: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.refused.retain(|(other, until)| *other != lane && *until > now);
        self.refused.push((lane, until));
        if self.refused.len() < IN_A_ROW {
            return None;
        }
        let until = self.refused.iter().map(|(_, until)| *until).max()?;
        // Those that are under way now are told the same; the longest wait counts.
        self.refused.remove(0);
        Some(until)
    }

    /// Nothing is under way, and nothing will be without somebody else's doing.
    pub(super) fn is_settled(&self) -> bool {
        self.under_way == 0 && (self.busy == 0 || self.closed.as_ref().is_some_and(|closed| closed.refused))
    }
}
