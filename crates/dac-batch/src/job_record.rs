//! Builds the records of jobs.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dac::Dac;

use crate::error::{BatchError, error_text};
use crate::file_stamp::{FileStamp, Fingerprint, now_s};
use crate::manifest::{Record, Roundtrip, Status};
use crate::plan::Job;

/// Facts that the work on a job learned before it ended or failed; fields as in [`Record`].
#[derive(Debug, Clone, Default)]
pub(crate) struct JobFacts {
    pub(crate) model: Option<Arc<str>>,
    pub(crate) weights_sha256: Option<Arc<str>>,
    pub(crate) settings: Option<Arc<str>>,
    pub(crate) input_samples: Option<u64>,
    pub(crate) input_rate_hz: Option<u32>,
    pub(crate) input_truncated: Option<bool>,
    pub(crate) channels: Option<usize>,
    pub(crate) frames: Option<usize>,
    pub(crate) codebooks: Option<usize>,
    pub(crate) audio_seconds: Option<f64>,
}

impl JobFacts {
    /// Sets length and rate of the original audio, and with them its duration.
    pub(crate) fn set_input(&mut self, samples: Option<u64>, rate_hz: Option<u32>) {
        self.input_samples = samples;
        self.input_rate_hz = rate_hz;
        self.audio_seconds = match (samples, rate_hz) {
            (Some(samples), Some(rate_hz)) if rate_hz > 0 => Some(samples as f64 / f64::from(rate_hz)),
            _ => None,
        };
    }

    pub(crate) fn set_model(&mut self, dac: &Dac) {
        self.model = Some(dac.info().name.as_str().into());
        self.weights_sha256 = Some(dac.info().weights_sha256.as_str().into());
    }
}

/// State of a job while a worker has it: everything that its record is built from, except its end.
pub(crate) struct JobState<'a> {
    pub(crate) job: &'a Job,
    /// Input before the work; `None` if it could not be examined.
    pub(crate) stamp: Option<FileStamp>,
    pub(crate) facts: JobFacts,
    started: Instant,
    elapsed_seconds: f64,
    finished_s: Option<f64>,
    /// Input after the work, unchanged.
    input: Option<Fingerprint>,
}

/// End of a job.
pub(crate) enum JobEnd<'a> {
    /// Its output was written.
    Written { output: Fingerprint, roundtrip: Option<Roundtrip> },
    /// Its output was written as an entry of this shard.
    Packed { shard: &'a Path, file: Fingerprint },
    /// A manifest lists its valid output. `shard` contains it if it is an entry of a pack.
    Listed { record: &'a Record, shard: Option<&'a Path> },
    /// Its output is valid but no manifest lists it.
    Unlisted { output: Fingerprint },
    /// It would be run, were it not a dry run.
    Planned,
    /// It failed.
    Failed(&'a BatchError),
}

impl<'a> JobState<'a> {
    /// Starts a job.
    pub(crate) fn start(job: &'a Job) -> Self {
        Self {
            job,
            stamp: FileStamp::of(&job.input).ok(),
            facts: JobFacts::default(),
            started: Instant::now(),
            elapsed_seconds: 0.0,
            finished_s: None,
            input: None,
        }
    }

    /// Notes that the work has ended.
    pub(crate) fn stop_clock(&mut self) {
        self.elapsed_seconds = self.started.elapsed().as_secs_f64();
        self.finished_s = now_s();
    }

    /// Hashes the input and checks that it did not change while it was read.
    ///
    /// # Errors
    /// When it changed or cannot be read.
    pub(crate) fn verify_input(&mut self) -> Result<(), BatchError> {
        let path = &self.job.input;
        let input = Fingerprint::of(path).map_err(|error| BatchError::read(path, error))?;
        let missing = || BatchError::Job(format!("{} did not exist when its work began", path.display()));
        self.stamp.ok_or_else(missing)?.check_unchanged(path)?;
        self.input = Some(input);
        Ok(())
    }

    /// Builds the record.
    pub(crate) fn record(&self, end: JobEnd<'_>) -> Record {
        let Self { job, stamp, facts, input, .. } = self;
        let path_text = |path: &Path| Box::<str>::from(path.display().to_string());
        let record = Record {
            key: Some(job.key.as_str().into()),
            output: job.outputs.first().map(|output| path_text(output)),
            model: facts.model.clone(),
            weights_sha256: facts.weights_sha256.clone(),
            settings: facts.settings.clone(),
            input_bytes: input.as_ref().map(|input| input.bytes).or(stamp.map(|stamp| stamp.bytes)),
            input_modified_s: stamp.and_then(|stamp| stamp.modified_s()),
            input_sha256: input.as_ref().map(|input| input.sha256.as_str().into()),
            input_samples: facts.input_samples,
            input_rate_hz: facts.input_rate_hz,
            input_truncated: facts.input_truncated,
            channels: facts.channels,
            frames: facts.frames,
            codebooks: facts.codebooks,
            audio_seconds: facts.audio_seconds,
            elapsed_seconds: self.elapsed_seconds,
            finished_s: self.finished_s,
            ..Record::new(&job.input)
        };
        let with_output = |record, output: Fingerprint| Record {
            output_bytes: Some(output.bytes),
            output_sha256: Some(output.sha256.into()),
            ..record
        };
        match end {
            JobEnd::Written { output, roundtrip } => {
                Record { roundtrip: roundtrip.map(Box::new), ..with_output(record, output) }
            }
            JobEnd::Packed { shard, file } => Record {
                pack: shard.file_name().map(|name| name.to_string_lossy().into()),
                output: Some(path_text(shard)),
                ..with_output(record, file)
            },
            JobEnd::Listed { record: listed, shard } => {
                let mut roundtrip = listed.roundtrip.clone();
                if let (Some(roundtrip), Some(decoded)) = (&mut roundtrip, job.outputs.get(1)) {
                    roundtrip.decoded = decoded.display().to_string();
                }
                Record {
                    input: record.input,
                    key: record.key,
                    output: shard.map(path_text).or(record.output),
                    elapsed_seconds: record.elapsed_seconds,
                    finished_s: record.finished_s,
                    status: Status::Skipped,
                    roundtrip,
                    ..listed.clone()
                }
            }
            JobEnd::Unlisted { output } => Record { status: Status::Skipped, ..with_output(record, output) },
            JobEnd::Planned => Record { status: Status::Planned, ..record },
            JobEnd::Failed(error) => {
                Record { status: Status::Error, error: Some(error_text(error).into()), ..record }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duration_needs_length_and_rate() {
        let mut facts = JobFacts::default();
        facts.set_input(Some(22050), Some(44100));
        assert_eq!(facts.audio_seconds, Some(0.5));
        facts.set_input(Some(1), Some(0));
        assert_eq!(facts.audio_seconds, None);
    }
}
