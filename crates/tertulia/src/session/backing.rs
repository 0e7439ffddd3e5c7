//! What the records of a store's sessions go to, and through.

use std::sync::Arc;

use bytes::Bytes;

use super::Codec;
use super::format::SEALED;
use super::migrate::Migrations;
use super::options::Options;
use crate::storage::{Limits, Storage};
use crate::{Error, Key, Result};

/// Shared by a store and the logs inside its sessions, which read on by themselves.
#[derive(Debug)]
pub(super) struct Backing {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) limits: Limits,
    pub(super) migrations: Migrations,
    codecs: Vec<Arc<dyn Codec>>,
}

/// Where a record lies in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// It is the base.
    Base,
    /// It is the entry with this offset.
    Entry(u64),
}

impl Backing {
    pub(super) fn new(storage: Arc<dyn Storage>, options: &Options) -> Self {
        let limits = storage.properties().limits;
        let (migrations, codecs) = (options.migrations.clone(), options.codecs.clone());
        Self { storage, limits, migrations, codecs }
    }

    /// The record as it is stored.
    pub(super) fn seal(&self, mut record: Vec<u8>, key: &Key, slot: Slot) -> Result<Vec<u8>> {
        if self.codecs.is_empty() {
            return Ok(record);
        }
        let place = place(key, slot);
        for codec in &self.codecs {
            match codec.seal(&record, &place)? {
                Some(sealed) => {
                    record.clear();
                    record.extend_from_slice(&[SEALED, codec.tag()]);
                    record.extend_from_slice(&sealed);
                }
                None if codec.takes_plain() => {}
                None => {
                    let tag = codec.tag();
                    let text = format!("codec {tag} left a record as it was and does not take such a record");
                    return Err(Error::internal(text));
                }
            }
        }
        Ok(record)
    }

    /// The record that was stored as this.
    pub(super) fn open(&self, stored: &Bytes, key: &Key, slot: Slot) -> Result<Bytes> {
        let mut record = stored.clone();
        if !self.codecs.is_empty() {
            let place = place(key, slot);
            for codec in self.codecs.iter().rev() {
                let tag = codec.tag();
                match record.as_ref() {
                    [SEALED, found, sealed @ ..] if *found == tag => {
                        let opened = codec.open(sealed, &place, self.limits.batch_bytes)?;
                        record = opened.into();
                    }
                    _ if codec.takes_plain() => {}
                    _ => {
                        let text = format!("a record does not bear the mark of codec {tag}");
                        return Err(Error::corrupt(text));
                    }
                }
            }
        }
        match record.as_ref() {
            [SEALED, tag, ..] => {
                Err(Error::corrupt(format!("a record is sealed with codec {tag}, which was not given")))
            }
            _ => Ok(record),
        }
    }
}

/// The place of a record as codecs are told it: what it is, and the key, which no other log has.
fn place(key: &Key, slot: Slot) -> Vec<u8> {
    let mut place = Vec::with_capacity(96);
    match slot {
        Slot::Base => place.push(0),
        Slot::Entry(offset) => {
            place.push(1);
            place.extend_from_slice(&offset.to_be_bytes());
        }
    }
    place.extend_from_slice(key.to_string().as_bytes());
    place
}
