//! Fixtures, seeded mutations of bytes, and memory in use; also for the tests of `dac-tokens`.

use std::fs;
use std::path::PathBuf;

use fastrand::Rng;

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tokens").join(name)
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Makes one to four changes: flips bits, sets extreme values, truncates, copies a piece elsewhere.
pub(crate) fn mutate(random: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=random.usize(..4) {
        let length = bytes.len();
        let at = random.usize(..length.max(1));
        match random.usize(..6) {
            0 if length > 0 => bytes.truncate(at),
            1 if length > 8 => {
                let value = [u64::MAX, 1 << 60, 1 << 31, 0, 0xffff][random.usize(..5)];
                let at = random.usize(..length - 8);
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            2 if length > 16 => {
                let from = random.usize(..length - 16);
                bytes.copy_within(from..from + 16, at.min(length - 16));
            }
            _ if length > 0 => {
                bytes[at] = [bytes[at] ^ (1 << random.u8(..8)), 0xff, 0, b'.'][random.usize(..4)]
            }
            _ => {}
        }
    }
}

/// Peak memory of this process in MiB; 0 if the system does not report it.
pub(crate) fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}
