//! Encoding audio files to token files or packs.

use std::io::{BufWriter, IntoInnerError};
use std::path::Path;
use std::sync::Arc;

use dac::audio::{AUDIO_EXTENSIONS, AudioError, AudioInput, AudioReader, AudioSpec, resampled_samples};
use dac::codec::BatchTotals;
use dac::tokens::{TokenError, TokenFile};
use dac::{Chunking, Codes, Dac, EncodeOptions};
use dac_atomic::FinishedFile;

use crate::cancel::CancelToken;
use crate::encode_settings::{EncodeSettings, check_kept_shards, check_layout, settings_text};
use crate::error::BatchError;
use crate::job_context::JobContext;
use crate::manifest::Record;
use crate::observer::{BatchObserver, BatchReport};
use crate::options::BatchOptions;
use crate::output_check::{ADOPT_HINT, ExpectedTokens};
use crate::plan::{OutputKind, Plan};
use crate::row_data::{RowContent, Samples};
use crate::run::{Batch, with_threads};
use crate::work::{Outcome, Product, Unlisted, Work};

/// Samples per channel that are read at a time to measure the length of an input.
const COUNT_BLOCK_SAMPLES: usize = 1 << 16;

/// Encodes the audio files of `options` with the model that `load` loads, once the inputs are planned.
///
/// # Errors
/// When the inputs cannot be planned, the model cannot be loaded, or the output directory or a manifest
/// cannot be used. Errors of single files are reported in their records.
pub fn encode_files(
    options: &BatchOptions,
    settings: &EncodeSettings,
    load: impl FnOnce() -> Result<Dac, BatchError> + Send,
    observer: &dyn BatchObserver,
    cancel: &CancelToken,
) -> Result<BatchReport, BatchError> {
    if settings.pack.is_some() && options.overwrite {
        let why = "entries of a pack cannot be replaced; remove the pack to encode its entries again";
        return Err(BatchError::Usage(format!("--overwrite cannot be combined with --pack: {why}")));
    }
    check_layout(settings, options.adopt)?;
    let extensions = [settings.format.extension()];
    let outputs =
        if settings.pack.is_some() { OutputKind::PackEntry } else { OutputKind::Files(&extensions) };
    let plan = Plan::new(options, &AUDIO_EXTENSIONS, outputs)?;
    check_kept_shards(&plan, options, settings)?;
    let dac = with_threads(options, load)?;
    let encoder = FileEncoder::new(&dac, settings, observer, options.adopt)?;
    let shards =
        settings.pack.map(|pack| pack.shards(settings.format, &settings.write, settings.layout.clone()));
    let (read, rows) = (encoder.options.read_options(), settings.row_settings());
    Batch { plan, options, shards, outputs, rows, read, observer, cancel }.run(&encoder)
}

/// Encodes files with one model and settings.
pub(crate) struct FileEncoder<'a> {
    pub(crate) dac: &'a Dac,
    settings: &'a EncodeSettings,
    pub(crate) options: EncodeOptions,
    pub(crate) codebooks: usize,
    /// Settings that the tokens depend on, in addition to input and weights.
    pub(crate) settings_text: Arc<str>,
    /// Accepts existing outputs by their content.
    adopts: bool,
}

impl<'a> FileEncoder<'a> {
    /// Reports the number of codebooks chosen for a bitrate.
    pub(crate) fn new(
        dac: &'a Dac,
        settings: &'a EncodeSettings,
        observer: &dyn BatchObserver,
        adopts: bool,
    ) -> Result<Self, BatchError> {
        let options = settings.options_for(dac)?;
        if let Some(remark) = settings.bitrate_remark(dac, &options) {
            observer.message(&remark);
        }
        let codebooks = options.codebooks.unwrap_or(dac.shape().codebooks);
        let settings_text = settings_text(settings, &options, codebooks, dac)?.into();
        Ok(Self { dac, settings, options, codebooks, settings_text, adopts })
    }

    /// Prepares the input of a job, which is read `passes` times in addition to the passes of the encode.
    pub(crate) fn input(&self, context: &JobContext<'_>, passes: usize) -> Result<AudioInput, BatchError> {
        context.audio_input(self.options.read_options(), self.options.passes() + passes)
    }

    /// Encodes the input of a job; `reader` reads it for the first time.
    pub(crate) fn encode(
        &self,
        context: &JobContext<'_>,
        facts: &mut Record,
        input: &AudioInput,
        reader: AudioReader,
    ) -> Result<TokenFile, BatchError> {
        // A pipe that is read once can be opened only once.
        let mut first = Some(reader);
        let mut open = || first.take().map_or_else(|| input.open(), Ok);
        let tokens = self.dac.encode_reader(&mut open, &self.options, &mut context.progress())?;
        self.note(context, facts, &tokens);
        Ok(tokens)
    }

    /// Notes the facts about tokens, and passes on warnings about their input.
    fn note(&self, context: &JobContext<'_>, facts: &mut Record, tokens: &TokenFile) {
        let meta = &tokens.meta;
        for remark in input_remarks(meta.replaced_samples.unwrap_or(0), meta.input_truncated == Some(true)) {
            context.warn(&remark);
        }
        for remark in damage_remarks(meta.damaged_samples, meta.input_warning.as_deref()) {
            context.warn(&remark);
        }
        facts.set_input(meta.input_samples, meta.input_rate_hz);
        if let Some([channels, _, frames]) = tokens.shape() {
            facts.channels = Some(channels);
            facts.frames = Some(frames);
        }
        facts.input_truncated = meta.input_truncated;
        facts.damaged_samples = meta.damaged_samples;
        facts.input_warning = meta.input_warning.as_deref().map(Into::into);
        facts.codebooks = Some(tokens.codes.as_ref().map_or(self.codebooks, Codes::codebooks));
    }

    /// Number of frames of an input, except in modes where it also depends on the chunks.
    fn frames_for(&self, input_samples: u64, rate_hz: u32) -> Option<usize> {
        if matches!(self.options.chunk, Chunking::Windowed { .. } | Chunking::Overlap(_)) {
            return None;
        }
        let samples = resampled_samples(input_samples, rate_hz, self.dac.shape().sample_rate_hz);
        Some(self.dac.geometry().frames_for_samples(usize::try_from(samples).ok()?))
    }

    /// Writes tokens to the staging file of a job's first output.
    pub(crate) fn write(
        &self,
        context: &JobContext<'_>,
        tokens: &TokenFile,
    ) -> Result<FinishedFile, BatchError> {
        let file = context.staged_file(0)?;
        let mut arranged = None;
        if let (Some(layout), Some(codes)) = (&self.settings.layout, &tokens.codes) {
            let codes = layout.arrange(codes, tokens.meta.codebook_size);
            let codes = codes.map_err(|error| BatchError::Job(error.to_string()))?;
            arranged = Some(TokenFile::of_codes(codes, tokens.meta.clone()));
        }
        let tokens = arranged.as_ref().unwrap_or(tokens);
        let write = move || -> Result<FinishedFile, TokenError> {
            let mut file = BufWriter::new(file);
            tokens.write_to(&mut file, self.settings.format, &self.settings.write)?;
            Ok(file.into_inner().map_err(IntoInnerError::into_error)?.finish()?)
        };
        let path = context.output(0)?.to_owned();
        write().map_err(|source| TokenError::InFile { path, source: Box::new(source) }.into())
    }

    /// Describes what was done to the signal of a job.
    pub(crate) fn describe(&self, facts: &Record, spec: &AudioSpec, output: &Path) -> String {
        let model_rate_hz = self.dac.shape().sample_rate_hz;
        let mut text = format!("{:.2} s", facts.audio_seconds.unwrap_or(0.0));
        if spec.sample_rate_hz != model_rate_hz {
            text += &format!(", resampled from {} Hz to {model_rate_hz} Hz", spec.sample_rate_hz);
        }
        let channels = facts.channels.unwrap_or(1);
        if spec.channels != channels {
            text += &format!(", {} channels mixed to {channels}", spec.channels);
        }
        let (frames, codebooks) = (facts.frames.unwrap_or(0), facts.codebooks.unwrap_or(0));
        let kbps = self.dac.shape().bitrate_kbps(codebooks) * channels as f64;
        text += &format!(" -> {}: {frames} frames of {codebooks} codebooks", output.display());
        if channels > 1 {
            text += &format!(" in {channels} channels");
        }
        text + &format!(", nominally {kbps:.2} kbit/s")
    }
}

impl Work for FileEncoder<'_> {
    type Prepared = ();

    fn prepare(&self, _: &JobContext<'_>, facts: &mut Record) -> Result<(), BatchError> {
        facts.set_model(self.dac);
        facts.settings = Some(Arc::clone(&self.settings_text));
        Ok(())
    }

    fn check_unlisted(
        &self,
        context: &JobContext<'_>,
        facts: &mut Record,
        output: &Path,
        unlisted: Unlisted,
    ) -> Result<(), BatchError> {
        if let Some(reason) = unlisted.reason().filter(|_| !self.adopts) {
            return Err(BatchError::exists(output, format!("{reason}{ADOPT_HINT}")));
        }
        context.check_can_reread()?;
        let mut reader = self.input(context, 0)?.open()?;
        let spec = reader.spec().clone();
        let input_samples = if self.adopts { Some(count_samples(&mut reader)?) } else { spec.samples };
        let channels = self.options.channels.channels(spec.channels);
        facts.set_input(input_samples, Some(spec.sample_rate_hz));
        facts.channels = Some(channels);
        facts.codebooks = Some(self.codebooks);
        let expected = ExpectedTokens {
            format: self.settings.format,
            dac: self.dac,
            codebooks: self.codebooks,
            channels,
            save: self.options.save,
            integer: self.settings.integer_type(),
            input_rate_hz: spec.sample_rate_hz,
            input_samples,
            frames: input_samples.and_then(|samples| self.frames_for(samples, spec.sample_rate_hz)),
        };
        facts.frames = expected.frames;
        facts.input_truncated = reader.is_truncated().then_some(true);
        let checked = if self.adopts { expected.check_content(output) } else { expected.check(output) };
        checked.map_err(|reason| BatchError::exists(output, reason))
    }

    fn batch_totals(&self) -> Option<BatchTotals> {
        self.dac.codec().batch_totals()
    }

    fn run(&self, context: &JobContext<'_>, (): (), facts: &mut Record) -> Result<Outcome, BatchError> {
        if let RowContent::Samples(samples) = &context.data.content {
            return self.run_piece(context, samples, facts);
        }
        let input = self.input(context, 0)?;
        let reader = input.open()?;
        let spec = reader.spec().clone();
        facts.set_input(spec.samples, Some(spec.sample_rate_hz));
        facts.channels = Some(self.options.channels.channels(spec.channels));
        self.check_length(context, &spec)?;
        let tokens = self.encode(context, facts, &input, reader)?;
        self.finish(context, tokens, facts, &spec)
    }
}

impl FileEncoder<'_> {
    /// Drops an input that is too short or too long. If its header does not contain its length, it is read
    /// once more.
    fn check_length(&self, context: &JobContext<'_>, spec: &AudioSpec) -> Result<(), BatchError> {
        let segments = self.settings.segments;
        if !segments.has_limits() {
            return Ok(());
        }
        let samples = match spec.samples {
            Some(samples) => samples,
            None => {
                context.check_can_reread()?;
                count_samples(&mut self.input(context, 0)?.open()?)?
            }
        };
        segments.check(samples, spec.sample_rate_hz)
    }

    /// Encodes a piece of a recording.
    fn run_piece(
        &self,
        context: &JobContext<'_>,
        samples: &Samples,
        facts: &mut Record,
    ) -> Result<Outcome, BatchError> {
        let Samples { channels, start, rate_hz, damaged, is_truncated, warning } = samples;
        let length = channels.first().map_or(0, Vec::len) as u64;
        facts.set_input(Some(length), Some(*rate_hz));
        self.settings.segments.check(length, *rate_hz)?;
        let slices: Vec<_> = channels.iter().map(Vec::as_slice).collect();
        let encoded = self.dac.encode_slices(&slices, *rate_hz, &self.options, &mut context.progress());
        let mut tokens = encoded.map_err(|error| in_recording(error, &context.job.input, *start))?;
        let meta = &mut tokens.meta;
        meta.damaged_samples = *damaged;
        meta.input_truncated = is_truncated.then_some(true);
        meta.input_warning = meta.input_warning.take().or_else(|| warning.clone());
        self.note(context, facts, &tokens);
        let spec = AudioSpec {
            sample_rate_hz: *rate_hz,
            channels: channels.len(),
            samples: Some(length),
            codec: String::new(),
        };
        self.finish(context, tokens, facts, &spec)
    }

    /// Writes tokens, or hands them to the pack.
    fn finish(
        &self,
        context: &JobContext<'_>,
        tokens: TokenFile,
        facts: &Record,
        spec: &AudioSpec,
    ) -> Result<Outcome, BatchError> {
        let (product, description) = if context.job.entry.is_some() {
            let description = self.describe(facts, spec, Path::new(&context.job.key));
            (Product::PackEntry(Box::new(tokens)), description)
        } else {
            let file = self.write(context, &tokens)?;
            (Product::Files(vec![file]), self.describe(facts, spec, context.output(0)?))
        };
        Ok(Outcome { product, roundtrip: None, description })
    }
}

/// Error about a piece that starts at this sample of a recording, with the place in the recording.
fn in_recording(error: dac::Error, path: &Path, start: u64) -> dac::Error {
    match error {
        dac::Error::Audio(AudioError::NonFinite { sample, channel, value, .. }) => {
            AudioError::NonFinite { path: path.to_owned(), sample: start + sample, channel, value }.into()
        }
        error => error,
    }
}

/// Reads audio to its end for its length, which headers do not always contain.
fn count_samples(reader: &mut AudioReader) -> Result<u64, BatchError> {
    while reader.next_block(COUNT_BLOCK_SAMPLES)?.is_some() {}
    Ok(reader.position())
}

/// Messages about an input whose non-finite samples were replaced, or which was truncated.
pub fn input_remarks(replaced_samples: u64, is_truncated: bool) -> impl Iterator<Item = String> {
    let replaced =
        (replaced_samples > 0).then(|| format!("NaN and infinite samples replaced by 0: {replaced_samples}"));
    let truncated = is_truncated.then(|| "input is truncated; encoded the available samples".to_owned());
    replaced.into_iter().chain(truncated)
}

/// Messages about an input that was damaged or not read completely.
pub fn damage_remarks(damaged_samples: Option<u64>, warning: Option<&str>) -> impl Iterator<Item = String> {
    let damaged = damaged_samples.map(|samples| format!("replaced {samples} damaged samples with silence"));
    damaged.into_iter().chain(warning.map(str::to_owned))
}
