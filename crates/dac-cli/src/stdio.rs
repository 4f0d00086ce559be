//! `-`: encodes or decodes standard input to standard output.

use std::fs::File;
use std::io::{self, Cursor, IsTerminal, Read, Seek, Write};
use std::path::Path;

use anyhow::{Error, bail};
use dac::audio::{AudioFormat, AudioReader, Planar, StreamFormat, StreamWriter};
use dac::codec::CodecError;
use dac::tokens::{DacpHeader, DacpReader, DacpWriter, Format, TokenReader};
use dac::{Dac, DecodeSession, EncodeOptions, EncodeSession, LoadOptions, PushDecodeSession, Save};
use dac_batch::{DecodeSettings, IGNORED_BYTES_REMARK, Models, damage_remarks, input_remarks};

use crate::args::{ChunkArg, DecodeArgs, EncodeArgs, FileArgs, ModelArgs};
use crate::exit::{Exit, Usage};
use crate::load;
use crate::output::eprint_line;
use crate::resources;
use crate::token_settings::token_settings;

/// Argument for standard input, and its name in messages.
const NAME: &str = "-";
/// Frames per block of the .dacp output: few, so that a reader gets them early; costs 9 % more bytes.
const BLOCK_FRAMES: u32 = 8;
/// Bytes at the start of a stream that identify a .dacp stream.
const DACP_SNIFF_BYTES: u64 = 8;

/// Reports whether a command reads standard input.
pub(crate) fn is_requested(args: &FileArgs) -> Result<bool, Usage> {
    let FileArgs { inputs, output, json, batch, .. } = args;
    if !inputs.iter().any(|input| input == Path::new(NAME)) {
        return Ok(false);
    }
    let conflict = if inputs.len() > 1 {
        "other inputs"
    } else if output.is_some() {
        "--output: it writes to stdout"
    } else if batch.is_given() {
        "options for batches of files"
    } else if *json {
        "--json: its output goes to stdout"
    } else {
        return Ok(true);
    };
    Err(Usage(format!("'-' (stdin) cannot be combined with {conflict}")))
}

/// Runs `dac encode -`: reads audio of any format or raw samples, writes a .dacp stream.
pub(crate) fn encode(args: &EncodeArgs) -> Result<Exit, Error> {
    if let Some(format) = args.tokens.format.filter(|format| *format != Format::Dacp) {
        bail!(Usage(format!("'encode -' writes .dacp, the only format for streams, not .{format}")));
    }
    if args.pack.pack.is_some() {
        bail!(Usage("'encode -' writes one stream and cannot be combined with --pack".to_owned()));
    }
    check_stdout()?;
    let precision = args.model.run.precision;
    let settings = token_settings(&args.tokens, &args.bitrate, &args.chunk, None, precision)?;
    if settings.save != Save::default() || args.chunk.chunk != ChunkArg::Exact {
        bail!(Usage("'encode -' supports only --save codes and --chunk exact".to_owned()));
    }
    resources::start_threads(args.model.run.threads)?;
    let dac = load::open(&args.model, &low_latency(&args.model))?;
    let options = settings.options_for(&dac)?;
    if let Some(remark) = settings.bitrate_remark(&dac, &options) {
        eprint_line(remark);
    }
    encode_stream(args, &dac, &options).or_else(|error| Exit::by_input(Path::new(NAME), error))
}

fn encode_stream(args: &EncodeArgs, dac: &Dac, options: &EncodeOptions) -> Result<Exit, Error> {
    let reader = match args.raw_rate {
        Some(rate_hz) => AudioReader::from_raw_f32(io::stdin(), NAME, rate_hz, 1)?,
        None => AudioReader::from_stream_with(io::stdin(), NAME, options.read_options())?,
    };
    let mut reader = reader.with_non_finite(options.non_finite);
    let spec = reader.spec().clone();
    let mut session = EncodeSession::new(dac, spec.sample_rate_hz, spec.channels, options)?;
    let codebooks = options.codebooks.unwrap_or(dac.shape().codebooks);
    let header =
        DacpHeader::new(session.channels(), codebooks, session.meta())?.with_block_frames(BLOCK_FRAMES)?;
    let mut writer = DacpWriter::new(io::stdout().lock(), header)?;
    // The encoder's look-ahead comes first, so that each further block completes a block of frames.
    let look_ahead_frames = dac.geometry().encoder_right_samples.div_ceil(dac.geometry().hop_samples);
    // A resampler holds back a little.
    let margin_frames = usize::from(spec.sample_rate_hz != dac.shape().sample_rate_hz);
    let mut block_frames = BLOCK_FRAMES as usize + look_ahead_frames + margin_frames;
    while let Some(block) = reader.next_block(samples_of_frames(dac, block_frames, spec.sample_rate_hz))? {
        block_frames = BLOCK_FRAMES as usize;
        session.push(block)?;
        if let Some(codes) = session.take_codes()? {
            writer.push(&codes)?;
        }
    }
    let samples = reader.position();
    let tokens = session.finish("standard input")?;
    if let Some(codes) = tokens.codes {
        writer.push(&codes)?;
    }
    drop(writer.finish(Some(samples))?);
    for remark in input_remarks(reader.replaced_samples(), reader.is_truncated()) {
        warn(&remark);
    }
    let damaged = Some(reader.damage().samples).filter(|_| reader.damage().places > 0);
    let warnings = [reader.warning(), tokens.meta.input_warning.as_deref()];
    for remark in damage_remarks(damaged, None).chain(warnings.into_iter().flatten().map(str::to_owned)) {
        warn(&remark);
    }
    Ok(Exit::Done)
}

/// Returns the number of input samples that are as long as `frames` frames, rounded up.
fn samples_of_frames(dac: &Dac, frames: usize, input_hz: u32) -> usize {
    let model_samples = (frames * dac.geometry().hop_samples) as u64;
    let samples = (model_samples * u64::from(input_hz)).div_ceil(u64::from(dac.shape().sample_rate_hz));
    usize::try_from(samples).unwrap_or(usize::MAX)
}

/// Runs `dac decode -`: tokens of any format to WAV or raw samples. .dacp is decoded as it arrives.
pub(crate) fn decode(args: &DecodeArgs, settings: &DecodeSettings) -> Result<Exit, Error> {
    if args.wave.audio_format != AudioFormat::Wav {
        let format = args.wave.audio_format;
        bail!(Usage(format!("'decode -' writes WAV or raw samples, not --audio-format {format}")));
    }
    check_stdout()?;
    resources::start_threads(args.model.run.threads)?;
    let models = load::models(&args.model, low_latency(&args.model))?;
    decode_stream(args, &models, settings).or_else(|error| Exit::by_input(Path::new(NAME), error))
}

fn decode_stream(args: &DecodeArgs, models: &Models<'_>, settings: &DecodeSettings) -> Result<Exit, Error> {
    let mut input = io::stdin().lock();
    let mut head = Vec::new();
    // Only as much as identifies a .dacp stream: its writer may wait for the audio of its first frames.
    input.by_ref().take(DACP_SNIFF_BYTES).read_to_end(&mut head)?;
    let format = Format::sniff(&head);
    let input = Cursor::new(head).chain(input);
    if format == Some(Format::Dacp) && settings.range.is_none() && args.chunk.chunk == ChunkArg::Exact {
        return decode_dacp(args, models, DacpReader::new(input)?, settings);
    }
    let mut reader = TokenReader::from_stream(input)?;
    let info = reader.info().clone();
    let stored = info.codes.map(|[_, codebooks, _]| codebooks);
    let dac = models.for_tokens(&info.meta, stored, &|text| eprint_line(text))?;
    reader.set_codebook_size(dac.shape().codebook_size);
    let tokens = reader.read_all()?;
    if info.ignored_bytes > 0 {
        warn(IGNORED_BYTES_REMARK);
    }
    let options = settings.options_for(&dac, format, stored)?;
    if let Some(remark) = settings.bitrate_remark(&dac, &options) {
        eprint_line(remark);
    }
    let mut session = DecodeSession::new(&dac, &tokens, &options)?;
    let mut out = Output::open(args, session.rate_hz(), session.channels())?;
    while let Some(block) = session.next_block()? {
        out.write(&block)?;
    }
    out.finish()
}

fn decode_dacp(
    args: &DecodeArgs,
    models: &Models<'_>,
    mut reader: DacpReader<impl Read>,
    settings: &DecodeSettings,
) -> Result<Exit, Error> {
    let header = reader.header();
    let (channels, stored, meta) =
        (usize::from(header.channels), usize::from(header.codebooks), header.meta.clone());
    let dac = models.for_tokens(&meta, Some(stored), &|text| eprint_line(text))?;
    if let Some(remark) = dac.check_tokens(&meta)? {
        warn(&remark);
    }
    let options = settings.options_for(&dac, Some(Format::Dacp), Some(stored))?;
    if let Some(remark) = settings.bitrate_remark(&dac, &options) {
        eprint_line(remark);
    }
    let mut decoder = PushDecodeSession::new(&dac, &meta, channels, options.output_rate)?
        .with_tail_frames(options.tail_frames);
    let mut next = reader.next_codes()?;
    // A stream without frames is an error: it gets no WAV header.
    let mut out = match next {
        Some(_) => Some(Output::open(args, decoder.rate_hz(), channels)?),
        None => None,
    };
    while let (Some(codes), Some(out)) = (next, &mut out) {
        let codes = match options.codebooks {
            Some(codebooks) => {
                codes.truncate(codebooks).map_err(CodecError::from).map_err(dac::Error::from)?
            }
            None => codes,
        };
        out.write(&decoder.push(&codes)?)?;
        next = reader.next_codes()?;
    }
    if reader.truncated() {
        warn(&format!("the stream is truncated; decoded its {} frames", reader.frames()));
    }
    let rest = decoder.finish(reader.input_samples())?;
    if let Some(mut out) = out {
        out.write(&rest)?;
        out.finish()?;
    }
    // After the last sample is written: the writer of the stream may keep it open.
    if reader.has_ignored_bytes()? {
        warn(IGNORED_BYTES_REMARK);
    }
    Ok(Exit::Done)
}

/// Prints a warning about standard input.
fn warn(text: &str) {
    eprint_line(format_args!("warning: {NAME}: {text}"));
}

/// Load options for streams that deliver results as early as possible.
fn low_latency(args: &ModelArgs) -> LoadOptions {
    let mut options = args.run.load_options();
    options.low_latency = true;
    options
}

/// Standard output: a pipe gets a WAV header without sizes, a file gets its sizes at the end.
enum Output {
    Pipe(StreamWriter<io::StdoutLock<'static>>),
    File(StreamWriter<File>),
}

impl Output {
    fn open(args: &DecodeArgs, rate_hz: u32, channels: usize) -> Result<Self, Error> {
        let format = if args.raw { StreamFormat::RawF32 } else { StreamFormat::Wav(args.wave.sample_format) };
        Ok(match stdout_file() {
            Some(file) => Self::File(StreamWriter::new(file, NAME, rate_hz, channels, format)?),
            None => Self::Pipe(StreamWriter::new(io::stdout().lock(), NAME, rate_hz, channels, format)?),
        })
    }

    fn write(&mut self, block: &Planar) -> Result<(), Error> {
        match self {
            Self::Pipe(writer) => writer.write(block)?,
            Self::File(writer) => writer.write(block)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<Exit, Error> {
        match self {
            Self::Pipe(writer) => writer.finish()?.0.flush()?,
            Self::File(writer) => writer.finish_seekable()?.0.flush()?,
        }
        Ok(Exit::Done)
    }
}

/// Fails if standard output is a terminal, or was closed when the program started. Rust's runtime then opens
/// the null device in its place, for reading and writing, and everything written is lost.
fn check_stdout() -> Result<(), Error> {
    if io::stdout().is_terminal() {
        bail!(Usage("standard output is a terminal; redirect it to a file or a pipe".to_owned()));
    }
    if stdout_is_closed() {
        bail!("cannot write standard output: it is closed; redirect it to a file or a pipe");
    }
    Ok(())
}

#[cfg(unix)]
fn stdout_is_closed() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{OFlags, fcntl_getfl};

    let stdout = io::stdout();
    let is_read_write = fcntl_getfl(&stdout).is_ok_and(|flags| flags & OFlags::ACCMODE == OFlags::RDWR);
    let device =
        |file: io::Result<File>| file.and_then(|file| file.metadata()).map(|found| found.rdev()).ok();
    let found = device(stdout.as_fd().try_clone_to_owned().map(File::from));
    is_read_write && found.is_some() && found == device(File::open("/dev/null"))
}

#[cfg(not(unix))]
fn stdout_is_closed() -> bool {
    false
}

/// Standard output as a file, if it is an empty one.
#[cfg(unix)]
fn stdout_file() -> Option<File> {
    use std::os::fd::AsFd;

    let mut file = File::from(io::stdout().as_fd().try_clone_to_owned().ok()?);
    let empty = file.metadata().is_ok_and(|found| found.is_file() && found.len() == 0);
    (empty && file.stream_position().is_ok_and(|at| at == 0)).then_some(file)
}

#[cfg(not(unix))]
fn stdout_file() -> Option<File> {
    None
}
