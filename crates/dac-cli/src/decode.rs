//! `dac decode`: token files to WAV files.

use std::path::Path;

use anyhow::{Error, bail};
use dac::tokens::{Format, TokenReader};
use dac::{Dac, DecodeOptions, DecodeSession, TimeRange, WavWriter, WriteReport};

use crate::args::{BitrateArgs, ChunkArgs, DecodeArgs, WaveArgs};
use crate::batch::{self, Done};
use crate::chunk;
use crate::encode::{first_output, in_the_way, make_folder, name_model};
use crate::existing::{Existing, ExpectedWave};
use crate::exit::{Exit, Usage};
use crate::model::{self, Models};
use crate::pipe;
use crate::plan::{Job, plan};
use crate::report::Record;

/// What does not change from file to file.
struct Settings<'a> {
    bitrate: &'a BitrateArgs,
    wave: &'a WaveArgs,
    chunk: &'a ChunkArgs,
    range: Option<TimeRange>,
    loudness: bool,
    overwrite: bool,
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
        overwrite: args.files.overwrite,
    };
    if pipe::is_asked(&args.files.inputs, args.files.output.as_ref(), args.files.json)? {
        return pipe::decode(args, |dac, format, held| options(dac, format, held, &settings));
    }
    if args.raw {
        return Err(Usage("--raw goes with - alone: files are written as WAV".to_owned()).into());
    }
    let jobs = plan(&args.files.inputs, args.files.folder()?, &["wav"])?;
    let mut models = Models::new(&args.model)?;
    if let Some(dac) = models.fixed() {
        model::codebooks(&args.bitrate, dac.shape())?;
    }
    make_folder(&args.files)?;
    Ok(batch::run(&jobs, args.files.json, |job, record| one(&mut models, job, record, &settings)))
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
    models: &mut Models<'_>,
    job: &Job,
    record: &mut Record,
    settings: &Settings<'_>,
) -> Result<Done, Error> {
    let output = first_output(job)?;
    let mut reader = TokenReader::open_path(&job.input)?;
    let info = reader.info().clone();
    record.set_input(info.meta.input_samples, info.meta.input_rate_hz);
    record.channels = Some(info.channels());
    record.frames = Some(info.frames());
    let dac = models.for_tokens(&info)?;
    name_model(&dac, record);
    if let Some(remark) = dac.check_tokens(&info.meta)? {
        eprintln!("{}: {remark}", job.input.display());
    }
    if info.truncated {
        eprintln!("{}: the file is cut; its {} frames are decoded", job.input.display(), info.frames());
    }
    let held = info.codes.map(|[_, codebooks, _]| codebooks);
    let options = options(&dac, Some(info.format), held, settings)?;
    record.codebooks = options.codebooks.or(held);
    let tokens = reader.read_all()?;
    let mut session = DecodeSession::new(&dac, &tokens, &options)?;
    let (rate_hz, channels, samples) = (session.rate_hz(), session.channels(), session.samples());
    if record.audio_seconds.is_none() {
        record.audio_seconds = Some(samples as f64 / f64::from(rate_hz));
    }
    if !settings.overwrite {
        let format = settings.wave.sample_format;
        match (ExpectedWave { rate_hz, channels, samples, format }).judge(output) {
            Existing::Absent => {}
            Existing::Valid => {
                return Ok(Done::Skipped(format!("{} is there; --overwrite redoes it", output.display())));
            }
            Existing::Stale(what) | Existing::Foreign(what) => return Err(in_the_way(output, &what)),
        }
    }
    let mut writer = WavWriter::create(output, rate_hz, channels, settings.wave.sample_format)?;
    writer.check_length(samples)?;
    while let Some(block) = session.next_block()? {
        writer.write(&block)?;
    }
    let written = writer.finish()?;
    Ok(Done::Written(describe(&dac, record, &written, rate_hz, settings, output)))
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
