//! Settings of encodes and decodes, from dicts with these keys.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use dac::audio::{DamagePolicy, NonFinitePolicy, ReadBackend, WriteFormat};
use dac::tokens::{IntegerType, WriteOptions};
use dac::{ChannelMix, Chunking, OutputRate, Save, TimeRange};
use dac_batch::{BatchOptions, ChunkChoice, CodebookLimit, DecodeSettings, EncodeSettings, Partition};
use pyo3::prelude::*;

use crate::data_sets::{LayoutArgs, PackArgs, RowArgs};
use crate::failure::Failure;
use crate::names::{choose, parse};

/// The way a signal is divided.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct ChunkArg {
    kind: String,
    /// Length of a chunk, in seconds.
    seconds: Option<f64>,
    /// Length of a decoded chunk as a fraction of all frames.
    decoding_rate: Option<f64>,
    /// Overlap as a fraction of a decoded chunk.
    overlap_rate: Option<f64>,
}

impl ChunkArg {
    pub(crate) fn choice(&self) -> Result<ChunkChoice, Failure> {
        let seconds = |default| self.seconds.unwrap_or(default);
        let exact = Chunking::Exact { chunk_seconds: seconds(Chunking::DEFAULT_SECONDS) };
        let windowed = Chunking::Windowed { seconds: seconds(Chunking::DEFAULT_WINDOW_SECONDS) };
        let overlap = ChunkChoice::Overlap { chunk_seconds: self.seconds, overlap_rate: self.overlap_rate };
        let choices = [
            ("exact", ChunkChoice::Fixed(exact)),
            ("whole", ChunkChoice::Fixed(Chunking::Whole)),
            ("overlap", overlap),
            ("descript", ChunkChoice::Fixed(windowed)),
        ];
        choose("chunk", &self.kind, &choices)
    }

    /// Applies the setting that the program does not have.
    pub(crate) fn adjust(&self, chunking: &mut Chunking) {
        if let (Chunking::Overlap(settings), Some(rate)) = (chunking, self.decoding_rate) {
            settings.decoding_chunk_rate = rate;
        }
    }
}

/// Settings of an encode.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct EncodeArgs {
    n_codebooks: Option<usize>,
    bitrate: Option<f64>,
    channels: String,
    save: Vec<String>,
    nan: String,
    damaged: String,
    pub(crate) chunk: ChunkArg,
    format: String,
    dtype: Option<String>,
    pack: PackArgs,
    layout: LayoutArgs,
    rows: RowArgs,
}

fn limit(n_codebooks: Option<usize>, bitrate: Option<f64>) -> Result<Option<CodebookLimit>, Failure> {
    match (n_codebooks, bitrate) {
        (Some(_), Some(_)) => Err(Failure::usage("n_codebooks and bitrate cannot be combined")),
        (Some(count), None) => {
            let count = NonZeroUsize::new(count);
            let count = count.ok_or_else(|| Failure::usage("n_codebooks is 0, expected 1 or more"))?;
            Ok(Some(CodebookLimit::Count(count)))
        }
        (None, Some(kbps)) if kbps.is_finite() && kbps > 0.0 => Ok(Some(CodebookLimit::Kbps(kbps))),
        (None, Some(kbps)) => {
            Err(Failure::usage(format!("bitrate is {kbps}, expected a number of kbit/s above 0")))
        }
        (None, None) => Ok(None),
    }
}

/// Arrays with these names.
fn save(names: &[String]) -> Result<Save, Failure> {
    let mut save = Save { codes: false, z: false, latents: false };
    for name in names {
        match name.as_str() {
            "codes" => save.codes = true,
            "z" => save.z = true,
            "latents" => save.latents = true,
            _ => {
                let expected = "expected \"codes\", \"z\" or \"latents\"";
                return Err(Failure::usage(format!("save contains {name:?}, {expected}")));
            }
        }
    }
    if names.is_empty() {
        return Err(Failure::usage("save is empty, expected \"codes\", \"z\" or \"latents\""));
    }
    Ok(save)
}

impl EncodeArgs {
    pub(crate) fn settings(&self, precision: dac::Precision) -> Result<EncodeSettings, Failure> {
        let format = parse(&self.format)?;
        let policies = [("error", NonFinitePolicy::Error), ("zero", NonFinitePolicy::Zero)];
        let damage = [("error", DamagePolicy::Error), ("silence", DamagePolicy::Silence)];
        let mut write = WriteOptions::default();
        write.integer = integer_type(self.dtype.as_deref())?;
        Ok(EncodeSettings {
            format,
            write,
            pack: self.pack.settings()?,
            layout: self.layout.settings()?,
            segments: self.rows.segments(),
            column: self.rows.column.clone(),
            codebooks: limit(self.n_codebooks, self.bitrate)?,
            channels: choose(
                "channels",
                &self.channels,
                &[("mono", ChannelMix::Mono), ("keep", ChannelMix::Keep)],
            )?,
            save: save(&self.save)?,
            non_finite: choose("nan", &self.nan, &policies)?,
            damage: choose("damaged", &self.damaged, &damage)?,
            backend: ReadBackend::Auto,
            chunking: self.chunk.choice()?,
            precision,
        })
    }
}

/// Integer type of codes in a file; `None` for the default of the format.
pub(crate) fn integer_type(name: Option<&str>) -> Result<Option<IntegerType>, Failure> {
    let types = IntegerType::ALL.map(|integer| (integer.name(), integer));
    name.map(|name| choose("dtype", name, &types)).transpose()
}

/// Settings of a decode.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct DecodeArgs {
    n_codebooks: Option<usize>,
    /// `model`, `input` or a number in Hz.
    output_rate: String,
    start: Option<f64>,
    duration: Option<f64>,
    restore_loudness: bool,
    pub(crate) chunk: ChunkArg,
    tail_frames: usize,
    audio_format: String,
    sample_format: String,
    layout: LayoutArgs,
}

impl DecodeArgs {
    pub(crate) fn settings(&self, precision: dac::Precision) -> Result<DecodeSettings, Failure> {
        let output_rate = match self.output_rate.as_str() {
            "model" => OutputRate::Model,
            "input" => OutputRate::Input,
            hz => OutputRate::Hz(parse(hz)?),
        };
        let range = (self.start.is_some() || self.duration.is_some()).then(|| TimeRange {
            start_seconds: self.start.unwrap_or(0.0),
            // Longer than any signal; a range ends at the signal's end at the latest.
            duration_seconds: self.duration.unwrap_or(1e12),
        });
        Ok(DecodeSettings {
            codebooks: limit(self.n_codebooks, None)?,
            output_rate,
            wave: WriteFormat { file: parse(&self.audio_format)?, samples: parse(&self.sample_format)? },
            chunking: self.chunk.choice()?,
            range,
            tail_frames: self.tail_frames,
            restore_loudness: self.restore_loudness,
            precision,
            layout: self.layout.settings()?,
        })
    }
}

/// Options of a batch.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct BatchArgs {
    inputs: Vec<PathBuf>,
    output: PathBuf,
    jobs: Option<usize>,
    resume: bool,
    root: Option<PathBuf>,
    keep_extension: bool,
    partition: Option<String>,
    manifest: Option<PathBuf>,
    dry_run: bool,
    retry_failed: bool,
}

impl BatchArgs {
    pub(crate) fn options(&self, threads: usize) -> Result<BatchOptions, Failure> {
        let mut options = BatchOptions::new(self.inputs.iter().cloned(), &self.output);
        options.threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        options.jobs = match self.jobs.map(NonZeroUsize::new) {
            None => options.threads,
            Some(Some(jobs)) => jobs,
            Some(None) => return Err(Failure::usage("jobs is 0, expected 1 or more")),
        };
        options.overwrite = !self.resume;
        options.root.clone_from(&self.root);
        options.keep_extension = self.keep_extension;
        options.partition = self.partition.as_deref().map(parse::<Partition>).transpose()?;
        options.manifest.clone_from(&self.manifest);
        options.dry_run = self.dry_run;
        options.retry_failed = self.retry_failed;
        Ok(options)
    }
}
