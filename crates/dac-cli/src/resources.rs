//! Threads, CPU time and memory of this process.

use std::num::NonZeroUsize;

use dac_batch::BatchError;

use crate::output::eprint_line;

/// Address space that a command may need without its threads, with the largest published weights.
const NEEDED_BYTES: u64 = 400_000_000;
/// Address space that a thread may need: its stack, buffers, and what the allocator reserves.
const NEEDED_BYTES_PER_THREAD: u64 = 200_000_000;
/// Largest number of threads, and of files at once, per core. More only cost memory and time.
const MAX_PER_CORE: usize = 4;

/// Number of threads of the engine: the requested number, else the size of rayon's default pool; at most
/// [`max_threads`].
pub(crate) fn threads(requested: Option<NonZeroUsize>) -> usize {
    requested.unwrap_or_else(dac_batch::default_threads).get().min(max_threads())
}

/// Largest number of threads.
pub(crate) fn max_threads() -> usize {
    cores() * MAX_PER_CORE
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Warning about more threads or files at once (`what`) than `max`.
pub(crate) fn cap_warning(what: &str, requested: Option<NonZeroUsize>, max: usize) -> Option<String> {
    let requested = usize::from(requested?);
    (requested > max).then(|| {
        format!("warning: {what} {requested}: using {max}, the most that help with {} cores", cores())
    })
}

/// Starts the threads that work outside a batch uses, as many as `requested` or by default.
pub(crate) fn start_threads(requested: Option<NonZeroUsize>) -> Result<(), BatchError> {
    let threads = threads(requested);
    let warnings =
        cap_warning("--threads", requested, max_threads()).into_iter().chain(memory_warning(threads));
    warnings.for_each(eprint_line);
    let built = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    built.map_err(|error| BatchError::Threads { threads, reason: error.to_string() })
}

/// Limits of this process and machine that can prevent threads and allocations, as text.
pub(crate) fn limits() -> Option<String> {
    let mut limits = Vec::new();
    if let Some(bytes) = address_space_limit() {
        limits.push(format!("{} MB of address space (ulimit -v)", bytes / 1_000_000));
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, getrlimit};
        if let Some(count) = getrlimit(Resource::Nproc).current {
            limits.push(format!("{count} processes and threads of this user (ulimit -u)"));
        }
        let pids = std::fs::read_to_string("/sys/fs/cgroup/pids.max").unwrap_or_default();
        if let Ok(count) = pids.trim().parse::<u64>() {
            limits.push(format!("{count} processes and threads of this container (pids.max)"));
        }
    }
    (!limits.is_empty()).then(|| limits.join(", "))
}

/// Limit on the address space in bytes, if there is one.
fn address_space_limit() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, getrlimit};
        getrlimit(Resource::As).current
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Warning about a limit on the address space that `threads` threads are likely to meet. Allocations that
/// fail end the program with a message that does not name the limit.
pub(crate) fn memory_warning(threads: usize) -> Option<String> {
    let limit = address_space_limit()?;
    let needed = NEEDED_BYTES + NEEDED_BYTES_PER_THREAD * threads as u64;
    (limit < needed).then(|| {
        format!(
            "warning: the address space is limited to {} MB (ulimit -v); {threads} threads may need {} MB",
            limit / 1_000_000,
            needed / 1_000_000
        )
    })
}

/// CPU time of all threads in seconds; `None` on platforms without this information.
pub(crate) fn cpu_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
    }
    #[cfg(not(unix))]
    None
}

/// Peak resident memory in megabytes (10^6 bytes); `None` on platforms without this information.
pub(crate) fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    parse_peak_mb(&status)
}

fn parse_peak_mb(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_memory_is_parsed() {
        let status = "Name:\tdac\nVmPeak:\t 9 kB\nVmHWM:\t    1000 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(parse_peak_mb(status), Some(1.024));
        assert_eq!(parse_peak_mb("VmHWM:\t many"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn work_increases_cpu_time() {
        let before = cpu_seconds().unwrap();
        let mut sum = 0.0_f64;
        for i in 0..3_000_000 {
            sum += std::hint::black_box(f64::from(i)).sqrt();
        }
        assert!(std::hint::black_box(sum) > 0.0);
        assert!(cpu_seconds().unwrap() > before);
        assert!(peak_rss_mb().unwrap() > 0.1);
    }
}
