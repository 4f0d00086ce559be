//! The command line: typed arguments, nothing else. What they mean for a set of files is decided in [`crate::plan`].

mod pack;
mod report;
#[cfg(test)]
mod tests;
mod values;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use dac::tokens::Format;
use dac::weights::registry::Source;
use dac::{Device, Precision, Preset, SampleFormat};
use dac_manifest::Shard;

use crate::exit::Usage;
pub(crate) use pack::{PackArg, PackArgs};
pub(crate) use report::ReportArgs;
pub(crate) use values::{
    ChannelsArg, ChunkArg, DtypeArg, NanArg, OutputRateArg, SaveArg, Seconds, Share, save,
};

/// The model that is used when none is named.
pub(crate) const DEFAULT_MODEL: Preset = Preset::Khz44;

/// The Descript Audio Codec: audio to discrete tokens and back.
#[derive(Debug, Parser)]
#[command(
    name = "dac",
    version,
    after_help = "Exit codes: 0 all done; 1 some file failed (the others are done); 2 the command cannot be run as it is \
                  given; 3 the work could not begin or not go on (weights that are none, a folder that cannot be written, a full \
                  disk), 130 stopped by Ctrl-C, 143 by SIGTERM (what is done is kept).\n\nWith --json, standard output carries one JSON record a file, standard error all else."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Encode audio files to token files; `-` alone encodes standard input to standard output.
    Encode(EncodeArgs),
    /// Decode token files to WAV files; `-` alone decodes standard input to standard output.
    Decode(DecodeArgs),
    /// Encode and decode audio files; print distances and sizes.
    Roundtrip(RoundtripArgs),
    /// Make a page to hear and see what the codec does to a recording, at each number of codebooks.
    Report(ReportArgs),
    /// Say what a checkpoint, a token file or an audio file holds.
    Info(InfoArgs),
    /// List the models, their bitrates, and whether their weights are on this machine.
    Models(ModelsArgs),
    /// Download a model's published weights into the cache.
    Download(DownloadArgs),
    /// Time encode and decode inside one process.
    Bench(BenchArgs),
    /// Work on the records that batches keep of their files.
    Manifest(ManifestArgs),
    /// Examine this machine: processor, devices, caches; a fixed signal through every device.
    Doctor(DoctorArgs),
}

/// What is read and where results go.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// Files, folders (with all below them) and quoted patterns like 'in/**/*.wav'.
    #[arg(value_name = "IN")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Folder for the results, made if it is not there; each is named after its input's stem, and files of folders and
    /// patterns keep their place.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Redo results that exist already.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print one JSON record a file on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    // A heading stays for all that follows: each group of a command that has these has one of its own.
    #[command(flatten, next_help_heading = "Batches")]
    pub(crate) batch: BatchArgs,
}

/// How many files are worked on.
#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// Read more inputs from this file, one path a line (or separated by zero bytes); `-` is standard input. Relative paths
    /// keep their place below the output folder.
    #[arg(long, value_name = "LIST")]
    pub(crate) files_from: Option<PathBuf>,
    /// Give every result its input's place below this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Name results after the whole input name: a.wav becomes a.wav.dac.
    #[arg(long)]
    pub(crate) keep_extension: bool,
    /// Files worked on at once, which share the weights and the threads [default: one a thread on the CPU, else one].
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do part I of N of the files, I from 0 to N - 1; parts may run at once and share the output folder.
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    /// Where the records of what is done are kept [default: .dac-manifest.jsonl in the output folder, or
    /// .dac-manifest.I-of-N.jsonl for a shard].
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
}

impl BatchArgs {
    /// Whether any of them is asked for.
    pub(crate) fn is_given(&self) -> bool {
        self.files_from.is_some()
            || self.root.is_some()
            || self.keep_extension
            || self.jobs.is_some()
            || self.dry_run
            || self.shard.is_some()
            || self.manifest.is_some()
    }
}

impl FileArgs {
    /// The folder for the results.
    ///
    /// # Errors
    /// When `--output` was not given.
    pub(crate) fn folder(&self) -> Result<&Path, Usage> {
        let missing = || Usage("--output DIR is missing: where should the results go?".to_owned());
        self.output.as_deref().ok_or_else(missing)
    }
}

/// Which network, and where it runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    /// Model: 44khz, 44khz-16kbps, 24khz, 16khz or tiny. Decoding takes the one that a token file names, where it names one;
    /// otherwise the default is 44khz.
    #[arg(short, long, value_name = "PRESET")]
    pub(crate) model: Option<Preset>,
    /// Weights from this file, in any published layout, instead of the cache.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl ModelArgs {
    /// The same for work whose threads the caller provides: the engine takes those of the pool that it is called in.
    pub(crate) fn on_the_pool_around(&self) -> Self {
        Self { run: RunArgs { threads: None, ..self.run.clone() }, ..self.clone() }
    }
}

/// Where the network runs, and how exactly.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Device: cpu (the engine of this project), flex or ndarray (burn on the CPU), wgpu[:N] or cuda[:N].
    #[arg(short, long, default_value_t = Device::Cpu)]
    pub(crate) device: Device,
    /// Threads; by default RAYON_NUM_THREADS, or one a core.
    #[arg(short, long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Arithmetic: f32, exact (f32 by direct sums alone), bf16 or f16 (where the device has them).
    #[arg(long, default_value_t = Precision::F32)]
    pub(crate) precision: Precision,
    /// Memory that weights and activations may take on a device of burn, in bytes or with K, M or G: chunks get shorter to stay
    /// within, and several are worked on at once where there is room.
    #[arg(long, value_name = "SIZE", value_parser = values::bytes)]
    pub(crate) memory_budget: Option<u64>,
    /// Whether streams give out what they can at once; decided by the command, not by its user.
    #[arg(skip)]
    pub(crate) low_latency: bool,
    /// Whether the engine measures each layer; decided by the command too.
    #[arg(skip)]
    pub(crate) timings: bool,
}

impl RunArgs {
    /// The defaults on a device.
    pub(crate) fn on(device: Device, precision: Precision) -> Self {
        Self { device, threads: None, precision, memory_budget: None, low_latency: false, timings: false }
    }
}

/// How many codebooks are used.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub(crate) struct BitrateArgs {
    /// Codebooks, from 1 to the model's number, which is the default.
    #[arg(short, long, value_name = "N")]
    pub(crate) quantizers: Option<NonZeroUsize>,
    /// The most codebooks whose nominal bitrate is at most this many kbit/s, but at least 1.
    #[arg(short, long, value_name = "KBPS", value_parser = values::positive)]
    pub(crate) bitrate: Option<f64>,
}

/// How audio is cut.
#[derive(Debug, Clone, Args)]
pub(crate) struct ChunkArgs {
    /// Work on chunks with exact context (the result of the whole file), on the whole file at once, as the original card's
    /// wrapper does, or as the reference's own files are made. A .dac file says itself how it is decoded.
    #[arg(long, value_enum, default_value_t = ChunkArg::Exact)]
    pub(crate) chunk: ChunkArg,
    /// Seconds of audio a chunk [default: 5 with `descript`]; the result depends on it with `overlap` and `descript` alone.
    #[arg(long, value_name = "S")]
    pub(crate) chunk_seconds: Option<Seconds>,
    /// With `overlap`: the share of a decoded chunk that overlaps with the one before, from 0 to 1 [default: 0.1, or what
    /// the config.json beside the weights says].
    #[arg(long, value_name = "R")]
    pub(crate) overlap_rate: Option<Share>,
}

/// What of a recording is coded.
#[derive(Debug, Clone, Args)]
pub(crate) struct SignalArgs {
    /// Mix all channels to one by their mean, or code each on its own.
    #[arg(long, value_enum, default_value_t = ChannelsArg::Mono)]
    pub(crate) channels: ChannelsArg,
    /// What becomes of samples that are NaN or infinite.
    #[arg(long, value_enum, default_value_t = NanArg::Error)]
    pub(crate) nan: NanArg,
}

/// What the tokens of an encode hold.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) signal: SignalArgs,
    /// What to save: codes, z (the quantized latents), latents (the projected ones), separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [SaveArg::Codes])]
    pub(crate) save: Vec<SaveArg>,
    /// Format of the token files: safetensors, npy, pt, dac or dacp [default: safetensors, dac with `--chunk descript`, npy with
    /// `--pack tar`].
    #[arg(short, long)]
    pub(crate) format: Option<Format>,
    /// With `--format npy`: the integers of codes.
    #[arg(long, value_enum)]
    pub(crate) dtype: Option<DtypeArg>,
}

/// How decoded audio is written.
#[derive(Debug, Args)]
pub(crate) struct WaveArgs {
    /// Sample format of the WAV files: i16, i24 or f32.
    #[arg(long, default_value_t = SampleFormat::I16)]
    pub(crate) sample_format: SampleFormat,
    /// Sample rate of the WAV files: the model's, the one of the encoded input, or a number in Hz.
    #[arg(long, value_name = "model|input|HZ", default_value = "model")]
    pub(crate) output_rate: OutputRateArg,
}

#[derive(Debug, Args)]
pub(crate) struct EncodeArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten, next_help_heading = "Model")]
    pub(crate) model: ModelArgs,
    #[command(flatten, next_help_heading = "Tokens")]
    pub(crate) bitrate: BitrateArgs,
    #[command(flatten)]
    pub(crate) tokens: TokenArgs,
    #[command(flatten, next_help_heading = "Chunks")]
    pub(crate) chunk: ChunkArgs,
    #[command(flatten, next_help_heading = "Packs")]
    pub(crate) pack: PackArgs,
    /// With `-`: standard input is headerless little-endian f32 of one channel at this rate.
    #[arg(long, value_name = "HZ", help_heading = "Streams")]
    pub(crate) raw_rate: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten, next_help_heading = "Model")]
    pub(crate) model: ModelArgs,
    #[command(flatten, next_help_heading = "Tokens")]
    pub(crate) bitrate: BitrateArgs,
    #[command(flatten, next_help_heading = "Audio")]
    pub(crate) wave: WaveArgs,
    /// Decode from this second on.
    #[arg(long, value_name = "S", value_parser = values::not_negative)]
    pub(crate) start: Option<f64>,
    /// Decode so many seconds.
    #[arg(long, value_name = "S")]
    pub(crate) duration: Option<Seconds>,
    /// Leave the audio of .dac files as loud as it was decoded, instead of the loudness of the input that they store.
    #[arg(long)]
    pub(crate) no_loudness: bool,
    #[command(flatten, next_help_heading = "Chunks")]
    pub(crate) chunk: ChunkArgs,
    /// With `-`: write headerless little-endian f32 samples instead of WAV.
    #[arg(long, help_heading = "Streams")]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RoundtripArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten, next_help_heading = "Model")]
    pub(crate) model: ModelArgs,
    #[command(flatten, next_help_heading = "Tokens")]
    pub(crate) bitrate: BitrateArgs,
    #[command(flatten)]
    pub(crate) tokens: TokenArgs,
    #[command(flatten, next_help_heading = "Audio")]
    pub(crate) wave: WaveArgs,
    #[command(flatten, next_help_heading = "Chunks")]
    pub(crate) chunk: ChunkArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Checkpoints, token files or audio files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print one JSON record a file.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Print one JSON record a model.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ManifestArgs {
    #[command(subcommand)]
    pub(crate) action: ManifestAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ManifestAction {
    /// Join the manifests of a job's shards to DIR/.dac-manifest.jsonl.
    Merge {
        /// The output folder that the shards share.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    /// Model: 44khz, 44khz-16kbps, 24khz or 16khz.
    #[arg(value_name = "PRESET")]
    pub(crate) preset: Preset,
    /// Whose copy: descript (the default), hance or transformers. Its known size and hash are demanded, of `--url` and
    /// `--from` too.
    #[arg(long)]
    pub(crate) source: Option<Source>,
    /// Download from this address instead.
    #[arg(long, value_name = "URL", conflicts_with = "from")]
    pub(crate) url: Option<String>,
    /// Take this file instead of downloading.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Demand this SHA-256.
    #[arg(long, value_name = "HEX", value_parser = values::sha256)]
    pub(crate) sha256: Option<String>,
    /// Download again what is there.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print one JSON record.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Model: 44khz, 44khz-16kbps, 24khz, 16khz or tiny.
    #[arg(short, long, value_name = "PRESET", default_value_t = DEFAULT_MODEL)]
    pub(crate) model: Preset,
    /// Weights from this file.
    #[arg(short, long, value_name = "FILE", conflicts_with = "random_weights")]
    pub(crate) weights: Option<PathBuf>,
    /// Fill the model's full shape with seeded random weights: no download is needed, the work is the same.
    #[arg(long)]
    pub(crate) random_weights: bool,
    /// Seconds of audio.
    #[arg(long, value_name = "S", default_value = "10")]
    pub(crate) seconds: Seconds,
    /// Measured runs after the warm-up, of which the median is given.
    #[arg(short, long, value_name = "R", default_value = "5")]
    pub(crate) runs: NonZeroUsize,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) chunk: ChunkArgs,
    /// Measure each layer too: its time, its share, and how much of the processor's multiply-add peak the multiplications
    /// that it needs reach. On the engine (cpu) with one thread.
    #[arg(long)]
    pub(crate) layers: bool,
    /// Print one JSON record.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Let a GPU look for its fastest programs for a model's chunks, and keep them for later runs, instead of examining.
    #[arg(long)]
    pub(crate) warm: bool,
    #[command(flatten)]
    pub(crate) warmth: WarmArgs,
    /// Print one JSON record.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `dac doctor --warm` prepares for: programs are found for shapes, which these decide.
#[derive(Debug, Args)]
pub(crate) struct WarmArgs {
    /// With `--warm`: the GPU, wgpu[:N] or cuda[:N] [default: the first kind that this build has].
    #[arg(short, long, requires = "warm")]
    pub(crate) device: Option<Device>,
    /// With `--warm`: the model [default: 44khz]; its weights are not needed.
    #[arg(short, long, value_name = "PRESET", requires = "warm")]
    pub(crate) model: Option<Preset>,
    /// With `--warm`: the arithmetic of the runs to come [default: f32].
    #[arg(long, requires = "warm")]
    pub(crate) precision: Option<Precision>,
    /// With `--warm`: the seconds of a chunk of the runs to come.
    #[arg(long, value_name = "S", requires = "warm")]
    pub(crate) chunk_seconds: Option<Seconds>,
    /// With `--warm`: the memory budget of the runs to come.
    #[arg(long, value_name = "SIZE", value_parser = values::bytes, requires = "warm")]
    pub(crate) memory_budget: Option<u64>,
}
