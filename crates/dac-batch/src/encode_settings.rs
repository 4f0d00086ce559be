//! Settings of an encode, and what they need of a batch.

use dac::audio::{AUDIO_EXTENSIONS, DamagePolicy, NonFinitePolicy, ReadBackend};
use dac::tokens::{Format, IntegerType, LayoutSettings, WriteOptions};
use dac::{ChannelMix, Dac, EncodeOptions, Precision, Save};
use dac_dataset::SourceOptions;

use crate::chunking::{self, ChunkChoice};
use crate::codebooks::CodebookLimit;
use crate::error::BatchError;
use crate::layouts::layout_settings_text;
use crate::options::BatchOptions;
use crate::plan::Plan;
use crate::queue::RowSettings;
use crate::segments::SegmentSettings;
use crate::shards::{PackFormat, PackSettings};

/// Settings of an encode, by default of the mean of all channels to codes of all codebooks as safetensors.
#[derive(Debug, Clone, Default)]
pub struct EncodeSettings {
    /// Format of the token files, also inside tar shards.
    pub format: Format,
    /// Options of the format.
    pub write: WriteOptions,
    /// Collects the tokens in packs.
    pub pack: Option<PackSettings>,
    /// Number of codebooks; `None` for all of the model.
    pub codebooks: Option<CodebookLimit>,
    /// Treatment of channels.
    pub channels: ChannelMix,
    /// Arrays to store.
    pub save: Save,
    /// Treatment of NaN and infinite samples.
    pub non_finite: NonFinitePolicy,
    /// Treatment of damage inside a file.
    pub damage: DamagePolicy,
    /// Program that reads audio files.
    pub backend: ReadBackend,
    /// Chunking of the signal.
    pub chunking: ChunkChoice,
    /// Arithmetic of the model, recorded in manifests.
    pub precision: Precision,
    /// Layout of codes in npy files and packs; `None` for `[channels, codebooks, frames]`.
    pub layout: Option<LayoutSettings>,
    /// Cutting of long inputs, and limits of their length.
    pub segments: SegmentSettings,
    /// Column of parquet files with the audio, or field of manifests with its path; `None` for the usual
    /// names.
    pub column: Option<String>,
}

impl EncodeSettings {
    /// Options for encoding with a model.
    ///
    /// # Errors
    /// When the model lacks codebooks or the settings of its chunking are invalid.
    pub fn options_for(&self, dac: &Dac) -> Result<EncodeOptions, BatchError> {
        Ok(EncodeOptions {
            codebooks: self.codebooks.map(|limit| limit.resolve(dac.shape())).transpose()?,
            channels: self.channels,
            save: self.save,
            chunk: self.chunking.for_model(dac)?,
            non_finite: self.non_finite,
            damage: self.damage,
            backend: self.backend,
            measure_loudness: self.format == Format::Dac,
        })
    }

    /// Element type of codes in the outputs; `None` if they are packed.
    pub(crate) fn integer_type(&self) -> Option<IntegerType> {
        match self.pack.map(|pack| pack.format) {
            Some(PackFormat::Parquet | PackFormat::Shar) => Some(self.write.integer.unwrap_or_default()),
            Some(PackFormat::Tar) | None => self.format.integer_type(&self.write),
        }
    }

    /// Treatment of data sets.
    pub(crate) fn row_settings(&self) -> RowSettings {
        let source = SourceOptions {
            extensions: AUDIO_EXTENSIONS.to_vec(),
            column: self.column.clone(),
            columns_as_json: self.pack.is_none_or(|pack| pack.format != PackFormat::Parquet),
            reads_codes: false,
        };
        let keeps_shards = self.pack.is_some_and(|pack| pack.keeps_shards);
        RowSettings { source, segments: self.segments, keeps_shards }
    }

    /// Describes the number of codebooks chosen for a bitrate.
    pub fn bitrate_remark(&self, dac: &Dac, options: &EncodeOptions) -> Option<String> {
        self.codebooks?.describe(dac.shape(), options.codebooks?)
    }
}

/// Checks that the outputs can contain codes in another layout.
pub(crate) fn check_layout(settings: &EncodeSettings, adopts: bool) -> Result<(), BatchError> {
    let Some(layout) = &settings.layout else { return Ok(()) };
    let packs_codes = settings.pack.is_some_and(|pack| pack.format != PackFormat::Tar);
    let problem = if !packs_codes && settings.format != Format::Npy {
        format!("--layout requires --format npy or --pack, not {} files", settings.format)
    } else if settings.save != Save::default() {
        "--layout applies only to codes; remove --save".to_owned()
    } else if adopts {
        "--adopt cannot check codes in a --layout".to_owned()
    } else if let Err(error) = layout.check() {
        format!("--layout: {error}")
    } else {
        return Ok(());
    };
    Err(BatchError::Usage(problem))
}

/// Checks that one process has all rows of a shard that keeps its name.
pub(crate) fn check_kept_shards(
    plan: &Plan,
    options: &BatchOptions,
    settings: &EncodeSettings,
) -> Result<(), BatchError> {
    let keeps_shards = settings.pack.is_some_and(|pack| pack.keeps_shards);
    let divided = plan.sources.iter().find(|source| !source.kind.is_container());
    match divided.filter(|_| keeps_shards && options.partition.is_some()) {
        None => Ok(()),
        Some(source) => Err(BatchError::Usage(format!(
            "{}: --partition divides the rows of a manifest, so no process has all of its shard; remove \
             --keep-shards",
            source.path.display()
        ))),
    }
}

/// Settings that the tokens depend on as `name=value` separated by spaces. Manifests compare this text: it
/// must not change.
pub(crate) fn settings_text(
    settings: &EncodeSettings,
    options: &EncodeOptions,
    codebooks: usize,
    dac: &Dac,
) -> Result<String, BatchError> {
    let Save { codes, z, latents } = options.save;
    let saved = [(codes, "codes"), (z, "z"), (latents, "latents")];
    let saved: Vec<_> = saved.iter().filter(|(saved, _)| *saved).map(|(_, name)| *name).collect();
    let channels = match options.channels {
        ChannelMix::Mono => "mono",
        ChannelMix::Keep => "keep",
    };
    let mut text = format!(
        "format={} codebooks={codebooks} channels={channels} save={} precision={} chunking={}",
        settings.format,
        saved.join(","),
        settings.precision,
        chunking::settings_text(&options.chunk, dac)?
    );
    if options.non_finite != NonFinitePolicy::default() {
        text += " nan=zero";
    }
    text += &layout_settings_text(settings.layout.as_ref());
    if let Some(seconds) = settings.segments.piece_seconds {
        text += &format!(" segment={seconds}");
    }
    if options.damage != DamagePolicy::default() {
        text += " damaged=silence";
    }
    if options.backend == ReadBackend::Ffmpeg {
        text += " reader=ffmpeg";
    }
    match settings.pack.map(|pack| pack.format) {
        Some(PackFormat::Tar) => text += " pack=tar",
        Some(PackFormat::Parquet) => text += " pack=parquet",
        Some(PackFormat::Shar) => text += " pack=shar",
        None => {}
    }
    // Other formats had no choice at first, and name only the types that are not their default.
    let default = settings.format.integer_types().first().copied();
    let is_named = |integer: &IntegerType| settings.format == Format::Npy || Some(*integer) != default;
    if let Some(integer) = settings.integer_type().filter(is_named) {
        text += &format!(" dtype={integer}");
    }
    Ok(text)
}
