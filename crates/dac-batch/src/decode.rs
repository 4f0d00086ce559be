//! Decoding token files to audio files.

use std::path::Path;

use dac::audio::{ReadOptions, WriteFormat, WriteReport};
use dac::codec::BatchTotals;
use dac::tokens::{Format, LayoutSettings, TokenInfo, TokenReader};
use dac::{Chunking, Dac, DecodeOptions, DecodeSession, OutputRate, Precision, TimeRange};

use dac_dataset::SourceOptions;

use crate::cancel::CancelToken;
use crate::chunking::{self, ChunkChoice};
use crate::codebooks::CodebookLimit;
use crate::error::BatchError;
use crate::job_context::JobContext;
use crate::layouts::{layout_settings_text, restored};
use crate::manifest::Record;
use crate::manifest_lookup::ManifestLookup;
use crate::models::Models;
use crate::observer::{BatchObserver, BatchReport};
use crate::options::BatchOptions;
use crate::plan::{OutputKind, Plan};
use crate::queue::RowSettings;
use crate::run::{Batch, with_threads};
use crate::wave_format::{check_wave_format, wave_settings_text};
use crate::work::{Outcome, Product, Work};

/// Remark about tokens that other bytes follow.
pub const IGNORED_BYTES_REMARK: &str = "bytes after the end of the tokens are ignored; if token files were \
                                        joined, only the first is decoded";

/// Settings of a decode.
#[derive(Debug, Clone)]
pub struct DecodeSettings {
    /// Number of codebooks; `None` for all of each file.
    pub codebooks: Option<CodebookLimit>,
    /// Sample rate of the audio files.
    pub output_rate: OutputRate,
    /// Format of the audio files.
    pub wave: WriteFormat,
    /// Chunking of the signal.
    pub chunking: ChunkChoice,
    /// Part of the signal to decode.
    pub range: Option<TimeRange>,
    /// Number of frames at the end that are only context of the earlier ones.
    pub tail_frames: usize,
    /// Restores the loudness of the input that .dac files store.
    pub restore_loudness: bool,
    /// Arithmetic of the model, recorded in manifests.
    pub precision: Precision,
    /// Layout of the codes; `None` for `[channels, codebooks, frames]`.
    pub layout: Option<LayoutSettings>,
}

impl Default for DecodeSettings {
    /// 16-bit WAV files of the whole signal at the model's rate.
    fn default() -> Self {
        Self {
            codebooks: None,
            output_rate: OutputRate::default(),
            wave: WriteFormat::default(),
            chunking: ChunkChoice::default(),
            range: None,
            tail_frames: 0,
            restore_loudness: true,
            precision: Precision::default(),
            layout: None,
        }
    }
}

impl DecodeSettings {
    /// Options for decoding tokens of this format with `stored` codebooks. [`CodebookLimit::Count`] requires
    /// as many stored codebooks, [`CodebookLimit::Kbps`] is an upper limit.
    ///
    /// # Errors
    /// When model or tokens lack codebooks, or the settings of the model's chunking are invalid.
    pub fn options_for(
        &self,
        dac: &Dac,
        format: Option<Format>,
        stored: Option<usize>,
    ) -> Result<DecodeOptions, BatchError> {
        if matches!(self.chunking, ChunkChoice::Fixed(Chunking::Windowed { .. })) {
            let why = "a .dac file records its windows and is always decoded in them";
            return Err(BatchError::Usage(format!("--chunk descript applies only to encoding: {why}")));
        }
        let codebooks = match (self.codebooks, stored) {
            (None, _) => None,
            (Some(_), None) => {
                let error = "contains no codes, so the number of codebooks or bitrate cannot be limited";
                return Err(BatchError::Job(error.to_owned()));
            }
            (Some(limit), Some(stored)) => {
                let codebooks = limit.resolve(dac.shape())?;
                if codebooks > stored && matches!(limit, CodebookLimit::Count(_)) {
                    let error = format!("{codebooks} codebooks requested; the file has {stored} codebooks");
                    return Err(BatchError::Job(error));
                }
                Some(codebooks.min(stored))
            }
        };
        Ok(DecodeOptions {
            codebooks,
            output_rate: self.output_rate,
            chunk: self.chunking.for_model(dac)?,
            range: self.range,
            tail_frames: self.tail_frames,
            // A .dacp stream is decoded in one pass, without measuring its loudness first. The file must
            // sound the same.
            restore_loudness: self.restore_loudness && format != Some(Format::Dacp),
        })
    }

    /// Describes the number of codebooks chosen for a bitrate.
    pub fn bitrate_remark(&self, dac: &Dac, options: &DecodeOptions) -> Option<String> {
        self.codebooks?.describe(dac.shape(), options.codebooks?)
    }
}

/// Decodes the token files of `options` with the models that `load` provides, once the inputs are planned.
///
/// # Errors
/// When the inputs cannot be planned, a requested model cannot be loaded or lacks codebooks, or the output
/// directory or a manifest cannot be used. Errors of single files are reported in their records.
pub fn decode_files<'m>(
    options: &BatchOptions,
    settings: &DecodeSettings,
    load: impl FnOnce() -> Result<Models<'m>, BatchError> + Send,
    observer: &dyn BatchObserver,
    cancel: &CancelToken,
) -> Result<BatchReport, BatchError> {
    let extensions = Format::ALL.map(Format::extension);
    check_wave_format(settings.wave, settings.output_rate)?;
    let wave = [settings.wave.file.extension()];
    let outputs = OutputKind::Files(&wave);
    let plan = Plan::new(options, &extensions, outputs)?;
    if let Some(source) = plan.sources.iter().find(|source| !source.kind.is_container()) {
        let path = source.path.display();
        return Err(BatchError::Usage(format!("{path}: contains no tokens; expected token files or packs")));
    }
    let models = with_threads(options, load)?;
    if let (Some(dac), Some(limit)) = (models.requested(), settings.codebooks) {
        limit.resolve(dac.shape())?;
    }
    let decoder = FileDecoder { models: &models, settings, manifests: ManifestLookup::default() };
    let source =
        SourceOptions { extensions: extensions.to_vec(), reads_codes: true, ..SourceOptions::default() };
    let rows = RowSettings { source, ..RowSettings::default() };
    let read = ReadOptions::default();
    Batch { plan, options, shards: None, outputs, rows, read, observer, cancel }.run(&decoder)
}

struct FileDecoder<'a> {
    models: &'a Models<'a>,
    settings: &'a DecodeSettings,
    manifests: ManifestLookup,
}

/// Token file that is open, with its model.
struct OpenTokens {
    reader: TokenReader<'static>,
    info: TokenInfo,
    dac: Dac,
    options: DecodeOptions,
}

impl Work for FileDecoder<'_> {
    type Prepared = OpenTokens;
    const UNLISTED: &'static str = "no manifest lists it as the decoded file of this input";

    fn batch_totals(&self) -> Option<BatchTotals> {
        self.models.batch_totals()
    }

    fn prepare(&self, context: &JobContext<'_>, facts: &mut Record) -> Result<OpenTokens, BatchError> {
        let input = &context.job.input;
        let mut reader = context.open_tokens()?;
        let mut info = reader.info().clone();
        info.meta = std::mem::take(&mut info.meta).or(context.data.passed.token_meta());
        if context.job.source.is_none() {
            self.manifests.complete(input, &mut info.meta)?;
        }
        if let Some(layout) = &self.settings.layout {
            let codebooks = match self.settings.codebooks {
                Some(CodebookLimit::Count(count)) => Some(count.get()),
                _ => None,
            };
            reader = restored(reader, layout, codebooks, &info.meta)?;
            info = reader.info().clone();
        }
        facts.set_input(info.meta.input_samples, info.meta.input_rate_hz);
        facts.channels = Some(info.channels());
        facts.frames = Some(info.frames());
        let stored = info.codes.map(|[_, codebooks, _]| codebooks);
        let dac = self.models.for_tokens(&info.meta, stored, &|text| context.warn(text))?;
        facts.set_model(&dac);
        reader.set_codebook_size(dac.shape().codebook_size);
        let options = self.settings.options_for(&dac, Some(info.format), stored)?;
        facts.codebooks = options.codebooks.or(stored);
        facts.settings = Some(settings_text(self.settings, &options, &dac)?.into());
        if let Some(remark) = self.settings.bitrate_remark(&dac, &options) {
            context.warn(&remark);
        }
        if let Some(remark) = dac.check_tokens(&info.meta)? {
            context.warn(&remark);
        }
        if info.truncated {
            context.warn(&format!("the file is truncated; decoding its {} frames", info.frames()));
        }
        if info.ignored_bytes > 0 {
            context.warn(IGNORED_BYTES_REMARK);
        }
        Ok(OpenTokens { reader, info, dac, options })
    }

    fn run(
        &self,
        context: &JobContext<'_>,
        OpenTokens { mut reader, info, dac, options }: OpenTokens,
        facts: &mut Record,
    ) -> Result<Outcome, BatchError> {
        let mut tokens = reader.read_all()?;
        tokens.meta = info.meta;
        let mut session = DecodeSession::new(&dac, &tokens, &options)?;
        let (rate_hz, channels) = (session.rate_hz(), session.channels());
        if facts.audio_seconds.is_none() {
            facts.audio_seconds = Some(session.samples() as f64 / f64::from(rate_hz));
        }
        let format = self.settings.wave;
        let mut writer = context.audio_writer(0, rate_hz, channels, format)?;
        session.write_to(&mut writer, &mut context.progress())?;
        let (file, written) = writer.finish_unnamed()?;
        let description = describe(&dac, facts, &written, rate_hz, format, context.output(0)?);
        Ok(Outcome { product: Product::Files(vec![file]), roundtrip: None, description })
    }
}

/// Settings that a decoded file depends on as `name=value` separated by spaces. Manifests compare this text:
/// it must not change.
fn settings_text(
    settings: &DecodeSettings,
    options: &DecodeOptions,
    dac: &Dac,
) -> Result<String, BatchError> {
    let mut text = format!(
        "{} precision={} chunking={}",
        wave_settings_text(settings.wave, settings.output_rate),
        settings.precision,
        chunking::settings_text(&options.chunk, dac)?
    );
    if let Some(codebooks) = options.codebooks {
        text += &format!(" codebooks={codebooks}");
    }
    if let Some(TimeRange { start_seconds, duration_seconds }) = options.range {
        text += &format!(" start={start_seconds} duration={duration_seconds}");
    }
    if options.tail_frames > 0 {
        text += &format!(" tail-frames={}", options.tail_frames);
    }
    text += &layout_settings_text(settings.layout.as_ref());
    if !settings.restore_loudness {
        text += " loudness=decoded";
    }
    Ok(text)
}

fn describe(
    dac: &Dac,
    facts: &Record,
    written: &WriteReport,
    rate_hz: u32,
    format: WriteFormat,
    output: &Path,
) -> String {
    let model_rate_hz = dac.shape().sample_rate_hz;
    let mut text = match (facts.frames, facts.codebooks) {
        (Some(frames), Some(codebooks)) => format!("{frames} frames of {codebooks} codebooks"),
        _ => "z".to_owned(),
    };
    if rate_hz != model_rate_hz {
        text += &format!(", resampled from {model_rate_hz} Hz to {rate_hz} Hz");
    }
    let WriteReport { samples, clipped, .. } = *written;
    let seconds = samples as f64 / f64::from(rate_hz);
    text += &format!(" -> {}: {samples} samples, {seconds:.2} s, {}", output.display(), format.samples);
    if clipped > 0 {
        text += &format!(", {clipped} of them clipped");
    }
    text
}
