//! Measures wall and CPU time of repeated runs.

use std::time::Instant;

use anyhow::{Error, anyhow};
use serde::Serialize;

use crate::output::eprint_line;
use crate::resources::cpu_seconds;

#[derive(Debug, Serialize)]
pub(super) struct Timing {
    pub(super) wall_seconds_median: f64,
    pub(super) cpu_seconds_median: Option<f64>,
    /// Seconds of audio per second of wall time; above 1 is faster than real time.
    pub(super) real_time_factor: f64,
    pub(super) wall_seconds: Vec<f64>,
    pub(super) cpu_seconds: Option<Vec<f64>>,
}

pub(super) fn measure(
    name: &str,
    runs: usize,
    audio_seconds: f64,
    mut work: impl FnMut() -> Result<(), Error>,
) -> Result<Timing, Error> {
    let (mut wall, mut cpu) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    for run in 1..=runs {
        let (started, cpu_before) = (Instant::now(), cpu_seconds());
        work()?;
        wall.push(started.elapsed().as_secs_f64());
        cpu.push(cpu_seconds().zip(cpu_before).map(|(after, before)| after - before));
        eprint_line(format_args!("{name} {run} of {runs}: {:.3} s", wall.last().copied().unwrap_or(0.0)));
    }
    let cpu: Option<Vec<f64>> = cpu.into_iter().collect();
    let wall_seconds_median = median(&wall).ok_or_else(|| anyhow!("no runs"))?;
    Ok(Timing {
        wall_seconds_median,
        cpu_seconds_median: cpu.as_deref().and_then(median),
        real_time_factor: audio_seconds / wall_seconds_median,
        wall_seconds: wall,
        cpu_seconds: cpu,
    })
}

/// Median; the mean of the two middle values for an even count.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even_counts() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
