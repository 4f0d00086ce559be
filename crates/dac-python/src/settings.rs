//! Settings of encodes and decodes, from dicts with these keys.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use dac::audio::{DamagePolicy, NonFinitePolicy, ReadBackend, WriteFormat};
use dac::tokens::{IntegerType, WriteOptions};
use dac::{ChannelMix, Chunking, OutputRate, Save, TimeRange};
use dac_batch::{
    BatchOptions, ChunkChoice, CodebookLimit, DecodeSettings, EncodeSettings, PackFormat, PackLimits,
    PackSettings, Partition,
};
use pyo3::prelude::*;

use crate::failure::Failure;

/// Parses a name.
pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| Failure::usage(error.to_string()))
}

/// Chooses the value with this name.
fn choose<T: Clone>(what: &str, name: &str, values: &[(&str, T)]) -> Result<T, Failure> {
    let found = values.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.clone()).ok_or_else(|| {
        let known: Vec<_> = values.iter().map(|(known, _)| format!("{known:?}")).collect();
        Failure::usage(format!("{what} is {name:?}, expected {}", known.join(" or ")))
    })
}

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
    pack: Option<String>,
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
        let pack_formats = [("tar", PackFormat::Tar), ("parquet", PackFormat::Parquet)];
        let pack = match &self.pack {
            Some(name) => {
                let format = choose("pack", name, &pack_formats)?;
                Some(PackSettings { format, limits: PackLimits::default(), keeps_shards: false })
            }
            None => None,
        };
        let policies = [("error", NonFinitePolicy::Error), ("zero", NonFinitePolicy::Zero)];
        let damage = [("error", DamagePolicy::Error), ("silence", DamagePolicy::Silence)];
        let mut write = WriteOptions::default();
        write.integer = integer_type(self.dtype.as_deref())?;
        Ok(EncodeSettings {
            format,
            write,
            pack,
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
            ..EncodeSettings::default()
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
            layout: None,
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
        Ok(options)
    }
}
