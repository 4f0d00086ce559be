//! `-` as the one input: standard input to standard output, as it comes.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::Path;

use anyhow::{Error, bail};
use dac::audio::{AudioReader, Planar, StreamFormat, StreamWriter};
use dac::tokens::{DacpHeader, DacpReader, DacpWriter, Format, TokenFile};
use dac::{Dac, DecodeOptions, DecodeSession, EncodeSession, PushDecodeSession};

use crate::args::{ChunkArg, DecodeArgs, EncodeArgs, FileArgs, ModelArgs};
use crate::encode::{Coding, Kind, input_remarks};
use crate::exit::{Exit, Usage};
use crate::model::{self, Models};
use crate::report::say;

/// What errors call standard input and output.
const NAME: &str = "-";
/// Frames a block: short, so that the other end hears soon of them; the blocks cost 9 % of the bytes.
const BLOCK_FRAMES: u32 = 8;

/// Bytes at the start of a stream that tell a .dacp.
const DACP_SNIFF_BYTES: u64 = 8;

/// Whether the command reads standard input.
///
/// # Errors
/// When `-` stands beside other inputs or with options that need files.
pub(crate) fn is_asked(args: &FileArgs) -> Result<bool, Usage> {
    let FileArgs { inputs, output, json, batch, .. } = args;
    if !inputs.iter().any(|input| input == Path::new(NAME)) {
        return Ok(false);
    }
    let wrong = if inputs.len() > 1 {
        "- reads standard input and stands alone"
    } else if output.is_some() {
        "- writes to standard output and takes no --output"
    } else if batch.is_given() {
        "- is one stream: the options of batches have no meaning for it"
    } else if *json {
        "- writes its result to standard output, where --json would print too"
    } else {
        return Ok(true);
    };
    Err(Usage(wrong.to_owned()))
}

/// `dac encode -`: WAV or raw samples in, a .dacp stream out.
pub(crate) fn encode(args: &EncodeArgs) -> Result<Exit, Error> {
    if let Some(format) = args.tokens.format.filter(|format| *format != Format::Dacp) {
        bail!(Usage(format!("encode - writes .dacp, which can be read as it comes, not .{format}")));
    }
    if args.pack.pack.is_some() {
        bail!(Usage("encode - writes one stream, no --pack".to_owned()));
    }
    let kind = Kind::of(&args.tokens, &args.chunk, None)?;
    if kind.save != dac::Save::default() || args.chunk.chunk != ChunkArg::Exact {
        bail!(Usage("encode - writes codes alone, in exact chunks".to_owned()));
    }
    let dac = model::open(&live(&args.model))?;
    let codebooks = model::codebooks(&args.bitrate, dac.shape())?;
    model::tell_bitrate(&args.bitrate, dac.shape(), codebooks);
    let coding = Coding::new(kind, &dac, codebooks, &args.tokens, &args.chunk)?;
    encode_stream(args, &dac, &coding).or_else(Exit::by_input)
}

fn encode_stream(args: &EncodeArgs, dac: &Dac, coding: &Coding) -> Result<Exit, Error> {
    let reader = match args.raw_rate {
        Some(rate_hz) => AudioReader::from_raw_f32(io::stdin(), NAME, rate_hz, 1)?,
        None => AudioReader::from_stream(io::stdin(), NAME)?,
    };
    let mut reader = reader.with_non_finite(args.tokens.signal.nan.into());
    let spec = reader.spec().clone();
    let mut session = EncodeSession::new(dac, spec.sample_rate_hz, spec.channels, &coding.options)?;
    let codebooks = coding.options.codebooks.unwrap_or(dac.shape().codebooks);
    let header =
        DacpHeader::new(session.channels(), codebooks, session.meta())?.with_block_frames(BLOCK_FRAMES)?;
    let mut writer = DacpWriter::new(io::stdout().lock(), header)?;
    let block_samples = dac.geometry().hop_samples;
    while let Some(block) = reader.next_block(block_samples)? {
        session.push(block)?;
        if let Some(codes) = session.take_codes()? {
            writer.push(&codes)?;
        }
    }
    let samples = reader.position();
    if let Some(codes) = session.finish("standard input")?.codes {
        writer.push(&codes)?;
    }
    drop(writer.finish(Some(samples))?);
    for remark in input_remarks(reader.replaced_samples(), reader.is_truncated()) {
        say(format_args!("{NAME}: {remark}"));
    }
    Ok(Exit::Done)
}

/// `dac decode -`: tokens of any format in, WAV or raw samples out; .dacp as it comes.
pub(crate) fn decode(
    args: &DecodeArgs,
    options: impl Fn(&Dac, Option<Format>, Option<usize>) -> Result<DecodeOptions, Error>,
) -> Result<Exit, Error> {
    let model = live(&args.model);
    let models = Models::new(&model)?;
    decode_stream(args, &models, options).or_else(Exit::by_input)
}

fn decode_stream(
    args: &DecodeArgs,
    models: &Models<'_>,
    options: impl Fn(&Dac, Option<Format>, Option<usize>) -> Result<DecodeOptions, Error>,
) -> Result<Exit, Error> {
    let mut input = io::stdin().lock();
    let mut head = Vec::new();
    // No more than it takes to know a .dacp: whoever writes it may wait for an answer to its first frames.
    input.by_ref().take(DACP_SNIFF_BYTES).read_to_end(&mut head)?;
    let format = Format::sniff(&head);
    let input = Cursor::new(head).chain(input);
    if format == Some(Format::Dacp)
        && args.start.is_none()
        && args.duration.is_none()
        && args.chunk.chunk == ChunkArg::Exact
    {
        return decode_live(args, models, DacpReader::new(input)?, options);
    }
    let tokens = TokenFile::read_stream(input)?;
    let held = tokens.codes.as_ref().map(dac::Codes::codebooks);
    let dac = models.for_meta(&tokens.meta, held)?;
    let mut session = DecodeSession::new(&dac, &tokens, &options(&dac, format, held)?)?;
    let mut out = Output::open(args, session.rate_hz(), session.channels())?;
    while let Some(block) = session.next_block()? {
        out.write(&block)?;
    }
    out.finish()
}

fn decode_live(
    args: &DecodeArgs,
    models: &Models<'_>,
    mut reader: DacpReader<impl Read>,
    options: impl Fn(&Dac, Option<Format>, Option<usize>) -> Result<DecodeOptions, Error>,
) -> Result<Exit, Error> {
    let header = reader.header();
    let (channels, held, meta) =
        (usize::from(header.channels), usize::from(header.codebooks), header.meta.clone());
    let dac = models.for_meta(&meta, Some(held))?;
    if let Some(remark) = dac.check_tokens(&meta)? {
        say(format_args!("{NAME}: {remark}"));
    }
    let options = options(&dac, Some(Format::Dacp), Some(held))?;
    let mut decoder = PushDecodeSession::new(&dac, &meta, channels, options.output_rate)?;
    let mut out = Output::open(args, decoder.rate_hz(), channels)?;
    while let Some(codes) = reader.next_codes()? {
        let codes = match options.codebooks {
            Some(codebooks) => {
                codes.truncate(codebooks).map_err(dac::codec::CodecError::from).map_err(dac::Error::from)?
            }
            None => codes,
        };
        out.write(&decoder.push(&codes)?)?;
    }
    if reader.truncated() {
        say(format_args!("{NAME}: the stream is cut; its {} frames are decoded", reader.frames()));
    }
    out.write(&decoder.finish(reader.input_samples())?)?;
    out.finish()
}

/// The same model arguments for streams that give out what they can at once.
fn live(args: &ModelArgs) -> ModelArgs {
    let mut args = args.clone();
    args.run.low_latency = true;
    args
}

/// Standard output: a pipe gets a WAV header without sizes, a file gets the true ones at the end.
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

/// Standard output as a file, where it is one and nothing stands in it yet.
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
