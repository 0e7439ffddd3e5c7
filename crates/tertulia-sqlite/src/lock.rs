//! The lock file beside a database: one process writes, and the others can find out which.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use tertulia::{Error, Result, Timestamp};

/// Who has a database open for writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The process.
    pub pid: u32,
    /// When it opened the database.
    pub started: Timestamp,
    /// Where it can be reached, if it said so, such as `http://127.0.0.1:7700`.
    pub address: Option<String>,
}

/// The operating system's lock on `<path>.lock`; released when dropped, or by the system when the process dies.
/// The file itself stays: removing it would let two processes lock two files of one name.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Written by [`set_address`](Self::set_address) only, one writer at a time.
    file: Mutex<File>,
    path: PathBuf,
    started: Timestamp,
}

impl Lock {
    /// Takes the lock for the database at `path`.
    ///
    /// # Errors
    /// `Unavailable`, naming the owner, if another process has it; `Invalid` if the file cannot be made.
    pub(crate) fn take(path: &Path, started: Timestamp) -> Result<Self> {
        let lock_path = lock_path(path);
        let io = |cause: std::io::Error| {
            Error::invalid(format!("cannot lock {}: {cause}", lock_path.display())).with_source(cause)
        };
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_path);
        let file = open.map_err(io)?;
        // A tool that looks at the lock holds it for an instant, so one refusal is not yet an answer.
        for attempt in 0..5 {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(20));
            }
            match file.try_lock() {
                Ok(()) => {
                    let lock = Self { file: Mutex::new(file), path: lock_path, started };
                    lock.set_address(None)?;
                    return Ok(lock);
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(cause)) => return Err(io(cause)),
            }
        }
        let owner = read(&file).ok().and_then(|text| parse(&text));
        Err(Error::unavailable(match owner {
            None => format!("{} is in use by another process", path.display()),
            Some(Owner { pid, address: None, .. }) => {
                format!("{} is in use by process {pid}", path.display())
            }
            Some(Owner { pid, address: Some(address), .. }) => {
                format!("{} is in use by process {pid}, which can be reached at {address}", path.display())
            }
        }))
    }

    /// Says where this process can be reached.
    pub(crate) fn set_address(&self, address: Option<&str>) -> Result<()> {
        if address.is_some_and(|address| address.contains(['\n', '\r'])) {
            return Err(Error::invalid("an address is one line"));
        }
        let mut text = format!("pid {}\nstarted {}\n", std::process::id(), self.started.0);
        if let Some(address) = address {
            text.push_str(&format!("address {address}\n"));
        }
        let mut file = self.file.lock();
        file.rewind()
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.set_len(text.len() as u64))
            .map_err(|cause| {
                Error::unavailable(format!("cannot write {}: {cause}", self.path.display()))
                    .with_source(cause)
            })
    }
}

/// Who has the database at `path` open for writing; `None` if nobody does.
///
/// # Errors
/// `Unavailable` if the lock file is there and cannot be read; `Corrupt` if it is locked and says nothing known.
pub(crate) fn owner(path: &Path) -> Result<Option<Owner>> {
    let lock_path = lock_path(path);
    let io = |cause: std::io::Error| {
        Error::unavailable(format!("cannot read {}: {cause}", lock_path.display())).with_source(cause)
    };
    let file = match File::open(&lock_path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(io(cause)),
    };
    match file.try_lock_shared() {
        // Whoever wrote the file is gone.
        Ok(()) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(io(cause)),
        Err(TryLockError::WouldBlock) => {
            let text = read(&file).map_err(io)?;
            let unknown = || Error::corrupt(format!("{} does not name an owner", lock_path.display()));
            parse(&text).ok_or_else(unknown).map(Some)
        }
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    lock.into()
}

fn read(mut file: &File) -> std::io::Result<String> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Option<Owner> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Some(Owner {
        pid: field("pid")?.parse().ok()?,
        started: Timestamp(field("started")?.parse().ok()?),
        address: field("address").map(str::to_owned),
    })
}
