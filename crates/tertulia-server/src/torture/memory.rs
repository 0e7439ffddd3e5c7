//! How much memory processes have had at most, where the system tells it (Linux).

use std::path::Path;

/// The peaks of the processes of a group, added up, in bytes; `None` if there is none or nobody tells.
pub(super) fn peak_of_group(group: u32) -> Option<u64> {
    let processes = std::fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    // Some may end while this looks.
    processes
        .filter(|process| group_of(process) == Some(group))
        .filter_map(|process| peak(&process))
        .reduce(u64::saturating_add)
}

/// The group of a process, from the line that the system gives of it: `4711 (the name) S 1 4711 ...`.
fn group_of(process: &Path) -> Option<u32> {
    let line = std::fs::read_to_string(process.join("stat")).ok()?;
    // The name may have any characters.
    let (_, rest) = line.rsplit_once(')')?;
    rest.split_whitespace().nth(2)?.parse().ok()
}

/// The most bytes that were resident.
fn peak(process: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_a_group_is_that_of_all_its_processes() {
        let own = Path::new("/proc/self");
        let group = group_of(own).unwrap();
        let (alone, together) = (peak(own).unwrap(), peak_of_group(group).unwrap());
        assert!(alone > 1 << 20 && together >= alone, "{alone} and {together} bytes");
        assert_eq!(peak_of_group(u32::MAX), None);
    }
}
