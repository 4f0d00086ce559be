//! Encoding and decoding audio files, and comparing the two.

use dac::audio::{AUDIO_EXTENSIONS, AudioInput, ModelRateReader, WriteFormat};
use dac::codec::BatchTotals;
use dac::metrics::{Comparison, ComparisonMeter};
use dac::tokens::Format;
use dac::{Audio, Dac, DecodeOptions, EncodeOptions, OutputRate};

use crate::cancel::CancelToken;
use crate::encode::FileEncoder;
use crate::encode_settings::EncodeSettings;
use crate::error::BatchError;
use crate::job_context::JobContext;
use crate::manifest::{Record, Roundtrip};
use crate::observer::{BatchObserver, BatchReport};
use crate::options::BatchOptions;
use crate::plan::{OutputKind, Plan};
use crate::queue::RowSettings;
use crate::run::{Batch, with_threads};
use crate::wave_format::{check_wave_format, wave_settings_text};
use crate::work::{Outcome, Product, Work};

/// Settings of a round trip.
#[derive(Debug, Clone)]
pub struct RoundtripSettings {
    /// Settings of the encode; packs are not supported.
    pub encode: EncodeSettings,
    /// Sample rate of the decoded files.
    pub output_rate: OutputRate,
    /// Format of the decoded files.
    pub wave: WriteFormat,
}

/// Encodes and decodes the audio files of `options` with the model that `load` loads, and writes token and
/// audio files.
///
/// # Errors
/// As [`encode_files`](crate::encode_files).
pub fn roundtrip_files(
    options: &BatchOptions,
    settings: &RoundtripSettings,
    load: impl FnOnce() -> Result<Dac, BatchError> + Send,
    observer: &dyn BatchObserver,
    cancel: &CancelToken,
) -> Result<BatchReport, BatchError> {
    if settings.encode.pack.is_some() {
        return Err(BatchError::Usage("the tokens of a round trip cannot be packed".to_owned()));
    }
    check_wave_format(settings.wave, settings.output_rate)?;
    let extensions = [settings.encode.format.extension(), settings.wave.file.extension()];
    let plan = Plan::new(options, &AUDIO_EXTENSIONS, OutputKind::Files(&extensions))?;
    if let Some(source) = plan.sources.first() {
        let path = source.path.display();
        return Err(BatchError::Usage(format!("{path}: is a data set, and round trips work on audio files")));
    }
    let dac = with_threads(options, load)?;
    let mut encoder = FileEncoder::new(&dac, &settings.encode, observer, false)?;
    encoder.settings_text =
        format!("{} {}", encoder.settings_text, wave_settings_text(settings.wave, settings.output_rate))
            .into();
    let decode = DecodeOptions {
        output_rate: settings.output_rate,
        chunk: encoder.options.chunk,
        restore_loudness: settings.encode.format == Format::Dac,
        ..DecodeOptions::default()
    };
    let work = FileRoundtrip { encoder, decode, wave: settings.wave };
    let read = work.encoder.options.read_options();
    let (outputs, rows) = (OutputKind::Files(&extensions), RowSettings::default());
    Batch { plan, options, shards: None, outputs, rows, read, observer, cancel }.run(&work)
}

struct FileRoundtrip<'a> {
    encoder: FileEncoder<'a>,
    decode: DecodeOptions,
    wave: WriteFormat,
}

impl Work for FileRoundtrip<'_> {
    type Prepared = ();
    // The tokens may be valid, but no file contains the distances.
    const UNLISTED: &'static str = "no manifest lists it as the tokens of a round trip";

    fn prepare(&self, context: &JobContext<'_>, facts: &mut Record) -> Result<(), BatchError> {
        self.encoder.prepare(context, facts)
    }

    fn batch_totals(&self) -> Option<BatchTotals> {
        self.encoder.batch_totals()
    }

    fn run(&self, context: &JobContext<'_>, (): (), facts: &mut Record) -> Result<Outcome, BatchError> {
        let encoder = &self.encoder;
        // The last pass compares.
        let input = encoder.input(context, 1)?;
        let reader = input.open()?;
        let spec = reader.spec().clone();
        let tokens = encoder.encode(context, facts, &input, reader)?;
        let token_file = encoder.write(context, &tokens)?;

        let decoded = encoder.dac.decode(&tokens, &self.decode)?;
        let (token_path, wave_path) = (context.output(0)?, context.output(1)?);
        let (rate_hz, channels) = (decoded.rate_hz, decoded.channels.len());
        let mut writer = context.audio_writer(1, rate_hz, channels, self.wave)?;
        writer.write(&decoded.channels)?;
        let (wave_file, _) = writer.finish_unnamed()?;

        let compared = compare(&input, &encoder.options, &decoded)?;
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        let token_bytes = token_file.bytes().map_err(|error| BatchError::read(token_path, error))?;
        let decoded_file = || Ok((wave_file.bytes()?, wave_file.sha256()?));
        let (decoded_bytes, decoded_sha256) =
            decoded_file().map_err(|error| BatchError::read(wave_path, error))?;
        let roundtrip = Roundtrip {
            decoded: wave_path.display().to_string(),
            si_sdr_db: finite(compared.si_sdr_db),
            mel_distance: finite(compared.mel_distance),
            stft_distance: finite(compared.stft_distance),
            token_bytes,
            decoded_bytes,
            decoded_sha256: Some(decoded_sha256),
            nominal_kbps: encoder.dac.shape().bitrate_kbps(encoder.codebooks)
                * facts.channels.unwrap_or(1) as f64,
            file_kbps: facts.audio_seconds.map(|seconds| token_bytes as f64 * 0.008 / seconds),
        };
        let description =
            format!("{} and {}", encoder.describe(facts, &spec, token_path), wave_path.display());
        Ok(Outcome {
            product: Product::Files(vec![token_file, wave_file]),
            roundtrip: Some(roundtrip),
            description,
        })
    }
}

/// Compares decoded audio with the original file, mixed and resampled as for encoding.
fn compare(input: &AudioInput, options: &EncodeOptions, decoded: &Audio) -> Result<Comparison, BatchError> {
    let mut original = ModelRateReader::new(input.open()?, options.channels, decoded.rate_hz)?;
    let mut meter = ComparisonMeter::new(&decoded.channels, decoded.rate_hz);
    while let Some(block) = original.next_block()? {
        meter.push(&block)?;
    }
    Ok(meter.finish())
}
