//! `dac decode`: token files to WAV files.

use std::path::Path;

use anyhow::{Error, bail};
use dac::audio::WriteReport;
use dac::tokens::{Format, TokenReader};
use dac::{Dac, DecodeOptions, DecodeSession, Precision, TimeRange};
use dac_manifest::Record;

use crate::args::{BitrateArgs, ChunkArgs, DecodeArgs, WaveArgs};
use crate::batch::{Batch, Done, Task};
use crate::chunk;
use crate::encode::name_model;
use crate::existing::Existing;
use crate::exit::{Exit, Usage};
use crate::model::{self, Models};
use crate::pipe;
use crate::plan::{Job, Outputs, plan};
use crate::provenance::Provenance;

/// What does not change from file to file.
struct Settings<'a> {
    bitrate: &'a BitrateArgs,
    wave: &'a WaveArgs,
    chunk: &'a ChunkArgs,
    range: Option<TimeRange>,
    loudness: bool,
    precision: Precision,
}

/// Runs `dac decode`.
pub(crate) fn run(args: &DecodeArgs) -> Result<Exit, Error> {
    chunk::check(&args.chunk)?;
    let settings = Settings {
        bitrate: &args.bitrate,
        wave: &args.wave,
        chunk: &args.chunk,
        range: range(args),
        loudness: !args.no_loudness,
        precision: args.model.run.precision,
    };
    if pipe::is_asked(&args.files)? {
        return pipe::decode(args, |dac, format, held| options(dac, format, held, &settings));
    }
    if args.raw {
        return Err(Usage("--raw goes with - alone: files are written as WAV".to_owned()).into());
    }
    let plan = plan(&args.files, &Format::ALL.map(Format::extension), Outputs::Files(&["wav"]))?;
    let batch = Batch::new(plan, &args.files, args.model.run.device, args.model.run.threads);
    let model = args.model.on_the_pool_around();
    let models = batch.with_threads(|| Models::new(&model))?;
    if let Some(dac) = models.fixed() {
        model::codebooks(&args.bitrate, dac.shape())?;
    }
    let provenance = Provenance::default();
    batch.run(|job, task| one(&models, &provenance, job, task, &settings))
}

/// The range of `--start` and `--duration`, either of which may be left out.
fn range(args: &DecodeArgs) -> Option<TimeRange> {
    if args.start.is_none() && args.duration.is_none() {
        return None;
    }
    // The library cuts a range at the signal's end.
    let duration_seconds = args.duration.map_or(f64::MAX, |seconds| seconds.0);
    Some(TimeRange { start_seconds: args.start.unwrap_or(0.0), duration_seconds })
}

fn one(
    models: &Models<'_>,
    provenance: &Provenance,
    job: &Job,
    task: &mut Task<'_>,
    settings: &Settings<'_>,
) -> Result<Done, Error> {
    let mut reader = TokenReader::open_path(&job.input)?;
    let mut info = reader.info().clone();
    provenance.complete(&job.input, &mut info.meta)?;
    let record = &mut task.record;
    record.set_input(info.meta.input_samples, info.meta.input_rate_hz);
    record.channels = Some(info.channels());
    record.frames = Some(info.frames());
    let dac = models.for_tokens(&info)?;
    name_model(&dac, record);
    let held = info.codes.map(|[_, codebooks, _]| codebooks);
    let options = options(&dac, Some(info.format), held, settings)?;
    record.codebooks = options.codebooks.or(held);
    record.settings = Some(settings.text(&options));
    if let Some(remark) = dac.check_tokens(&info.meta)? {
        task.say(&remark);
    }
    if info.truncated {
        task.say(&format!("the file is cut; its {} frames are decoded", info.frames()));
    }
    let there = task.end_by_what_is_there(|_, _| {
        let what = "a file that no manifest knows as its decode";
        Ok(Existing::Foreign(what.to_owned()))
    })?;
    if let Some(done) = there {
        return Ok(done);
    }
    let mut tokens = reader.read_all()?;
    tokens.meta = info.meta;
    let session = DecodeSession::new(&dac, &tokens, &options)?;
    let rate_hz = session.rate_hz();
    if task.record.audio_seconds.is_none() {
        task.record.audio_seconds = Some(session.samples() as f64 / f64::from(rate_hz));
    }
    let (stop, wave) = (task.stop(), task.made(0)?);
    let written = session.write_wav(wave, settings.wave.sample_format, &mut |_: u64| stop.flow());
    if let Err(dac::Error::Cancelled) = written {
        stop.check()?;
    }
    let written = written?;
    Ok(Done::Written(describe(&dac, &task.record, &written, rate_hz, settings, task.output()?)))
}

impl Settings<'_> {
    /// All that a decode depends on beside its tokens and the weights, as one line of `name=value`.
    fn text(&self, options: &DecodeOptions) -> String {
        let mut text = format!(
            "sample-format={} output-rate={} precision={} chunking={}",
            self.wave.sample_format,
            self.wave.output_rate,
            self.precision,
            chunk::name(&options.chunk)
        );
        if let Some(codebooks) = options.codebooks {
            text += &format!(" codebooks={codebooks}");
        }
        if let Some(TimeRange { start_seconds, duration_seconds }) = options.range {
            text += &format!(" start={start_seconds} duration={duration_seconds}");
        }
        if !self.loudness {
            text += " loudness=decoded";
        }
        text
    }
}

/// The options of one file's decode. `--bitrate` is an upper bound, so a file that holds less is decoded whole;
/// `--quantizers` is a number, so it has to hold as many.
fn options(
    dac: &Dac,
    format: Option<Format>,
    held: Option<usize>,
    settings: &Settings<'_>,
) -> Result<DecodeOptions, Error> {
    let mut codebooks = model::codebooks(settings.bitrate, dac.shape())?;
    if let (Some(asked), Some(held)) = (codebooks, held) {
        if settings.bitrate.bitrate.is_some() {
            codebooks = Some(asked.min(held));
            model::tell_bitrate(settings.bitrate, dac.shape(), codebooks);
        } else if asked > held {
            bail!("--quantizers {asked}: the file holds {held} codebooks");
        }
    }
    if codebooks.is_some() && held.is_none() {
        bail!("the file holds no codes: --quantizers and --bitrate have no meaning for it");
    }
    let mut options = DecodeOptions::default();
    options.codebooks = codebooks;
    options.output_rate = settings.wave.output_rate.0;
    options.chunk = chunk::chunking(settings.chunk, dac.info())?;
    options.range = settings.range;
    // A .dacp can be decoded as it comes, where no first pass is possible: from a file it has to sound the same.
    options.restore_loudness = settings.loudness && format != Some(Format::Dacp);
    Ok(options)
}

fn describe(
    dac: &Dac,
    record: &Record,
    written: &WriteReport,
    rate_hz: u32,
    settings: &Settings<'_>,
    output: &Path,
) -> String {
    let model_rate_hz = dac.shape().sample_rate_hz;
    let mut text = String::new();
    if let (Some(frames), Some(codebooks)) = (record.frames, record.codebooks) {
        text += &format!("{frames} frames of {codebooks} codebooks");
    } else {
        text += "z";
    }
    if rate_hz != model_rate_hz {
        text += &format!(", resampled from {model_rate_hz} Hz to {rate_hz} Hz");
    }
    let WriteReport { samples, clipped, .. } = *written;
    let seconds = samples as f64 / f64::from(rate_hz);
    let format = settings.wave.sample_format;
    text += &format!(" -> {}: {samples} samples, {seconds:.2} s, {format}", output.display());
    if clipped > 0 {
        text += &format!(", {clipped} of them clipped");
    }
    text
}
