//! Threads, CPU time and memory of this process.

use std::num::NonZeroUsize;

/// Number of threads of the engine: the requested number, else the size of rayon's default pool.
pub(crate) fn threads(requested: Option<NonZeroUsize>) -> usize {
    let from_env = || std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok().filter(|&count| count > 0);
    let threads = requested.map(usize::from).or_else(from_env);
    threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
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
