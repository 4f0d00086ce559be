//! What this process may use of the machine, and what it has used.

use std::num::NonZeroUsize;

/// Threads that the engine uses: so many as were asked for, else as many as rayon's pool has.
pub(crate) fn threads(asked: Option<NonZeroUsize>) -> usize {
    let by_variable = || std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok().filter(|&count| count > 0);
    let asked = asked.map(usize::from).or_else(by_variable);
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Processor seconds of all threads so far; none where the platform does not say.
pub(crate) fn cpu_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
    }
    #[cfg(not(unix))]
    None
}

/// The most memory that was resident at once, in megabytes (10^6 bytes); none where the platform does not say.
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
    fn the_peak_is_read_from_its_line() {
        let status = "Name:\tdac\nVmPeak:\t 9 kB\nVmHWM:\t    1000 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(parse_peak_mb(status), Some(1.024));
        assert_eq!(parse_peak_mb("VmHWM:\t many"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn work_shows_in_the_processor_time() {
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
