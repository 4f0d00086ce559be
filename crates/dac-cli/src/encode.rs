//! `dac encode`: audio files to token files.

use std::path::Path;

use anyhow::{Context, Error, anyhow};
use dac::tokens::{Format, TokenFile, WriteOptions};
use dac::{AudioReader, AudioSpec, Dac, DescriptPlan, EncodeOptions, Save};

use crate::args::{ChunkArgs, EncodeArgs, FileArgs, TokenArgs, save};
use crate::batch::{self, Done};
use crate::chunk;
use crate::existing::{Existing, ExpectedTokens};
use crate::exit::{Exit, Usage};
use crate::model::{self, nominal_kbps};
use crate::pipe;
use crate::plan::{Job, plan};
use crate::report::Record;

/// Runs `dac encode`.
pub(crate) fn run(args: &EncodeArgs) -> Result<Exit, Error> {
    if pipe::is_asked(&args.files.inputs, args.files.output.as_ref(), args.files.json)? {
        return pipe::encode(args);
    }
    if args.raw_rate.is_some() {
        return Err(Usage("--raw-rate goes with - alone: files say their rate themselves".to_owned()).into());
    }
    let kind = Kind::of(&args.tokens, &args.chunk)?;
    let jobs = plan(&args.files.inputs, args.files.folder()?, &[kind.format.extension()])?;
    let dac = model::open(&args.model)?;
    let codebooks = model::codebooks(&args.bitrate, dac.shape())?;
    model::tell_bitrate(&args.bitrate, dac.shape(), codebooks);
    let coding = Coding::new(kind, &dac, codebooks, &args.tokens, &args.chunk)?;
    make_folder(&args.files)?;
    Ok(batch::run(&jobs, args.files.json, |job, record| {
        one(&dac, job, record, &coding, args.files.overwrite)
    }))
}

fn one(dac: &Dac, job: &Job, record: &mut Record, coding: &Coding, overwrite: bool) -> Result<Done, Error> {
    let output = first_output(job)?;
    let options = &coding.options;
    name_model(dac, record);
    let spec = AudioReader::open(&job.input)?.spec().clone();
    let channels = options.channels.channels(spec.channels);
    record.set_input(spec.samples, Some(spec.sample_rate_hz));
    record.channels = Some(channels);
    if !overwrite {
        let expected = ExpectedTokens {
            format: coding.kind.format,
            windows: coding.windows,
            model: dac.info(),
            codebooks: options.codebooks.unwrap_or(dac.shape().codebooks),
            channels,
            save: options.save,
            input_rate_hz: spec.sample_rate_hz,
            input_samples: spec.samples,
            model_samples: spec.samples.map(|samples| {
                dac::resampled_samples(samples, spec.sample_rate_hz, dac.shape().sample_rate_hz)
            }),
        };
        match expected.judge(output) {
            Existing::Absent => {}
            Existing::Valid => {
                record.codebooks = Some(expected.codebooks);
                return Ok(Done::Skipped(format!("{} is there; --overwrite redoes it", output.display())));
            }
            Existing::Stale(what) => eprintln!("{}: of another {what}, done anew", output.display()),
            Existing::Foreign(what) => return Err(in_the_way(output, &what)),
        }
    }
    let tokens = coding.encode(dac, &job.input)?;
    tokens.write(output, coding.kind.format, &coding.write)?;
    tell_replaced(&job.input, tokens.meta.replaced_samples);
    fill(record, &tokens, options.codebooks.unwrap_or(dac.shape().codebooks));
    Ok(Done::Written(describe(dac, record, &spec, output)))
}

/// What the token files are, as far as the arguments alone tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) format: Format,
    pub(crate) save: Save,
}

impl Kind {
    /// Checks that the arguments go together: the format can hold what is saved, and the chunking has its parameters.
    pub(crate) fn of(args: &TokenArgs, chunk: &ChunkArgs) -> Result<Self, Usage> {
        chunk::check(chunk)?;
        let windows = chunk::window_seconds(chunk).is_some();
        let format = args.format.unwrap_or(if windows { Format::Dac } else { Format::Safetensors });
        if windows && format != Format::Dac {
            let why = "only a .dac file tells the windows that it is made of";
            return Err(Usage(format!("--chunk descript writes --format dac, not {format}: {why}")));
        }
        if args.dtype.is_some() && format != Format::Npy {
            return Err(Usage(format!("--dtype has a meaning with --format npy alone, not with {format}")));
        }
        let save = save(&args.save);
        let arrays = usize::from(save.codes) + usize::from(save.z) + usize::from(save.latents);
        let holds = match format {
            Format::Safetensors | Format::Pt => true,
            Format::Npy => arrays == 1 && !save.latents,
            _ => save.codes && arrays == 1,
        };
        if holds {
            return Ok(Self { format, save });
        }
        let can = if format == Format::Npy { "codes or z alone" } else { "codes alone" };
        Err(Usage(format!("--format {format} holds {can}; safetensors and pt hold any --save")))
    }
}

/// How files are encoded and written.
pub(crate) struct Coding {
    pub(crate) kind: Kind,
    pub(crate) options: EncodeOptions,
    /// The reference's windows, where they are asked for.
    windows: Option<DescriptPlan>,
    pub(crate) write: WriteOptions,
}

impl Coding {
    pub(crate) fn new(
        kind: Kind,
        dac: &Dac,
        codebooks: Option<usize>,
        tokens: &TokenArgs,
        chunk: &ChunkArgs,
    ) -> Result<Self, Usage> {
        let windows = chunk::window_seconds(chunk)
            .map(|seconds| DescriptPlan::new(dac.shape(), seconds))
            .transpose()
            .map_err(|error| Usage(format!("--chunk-seconds: {error}")))?;
        let mut options = EncodeOptions::default();
        options.codebooks = codebooks;
        options.channels = tokens.channels.into();
        options.save = kind.save;
        options.non_finite = tokens.nan.into();
        options.measure_loudness = kind.format == Format::Dac;
        if windows.is_none() {
            options.chunk = chunk::chunking(chunk, dac.info())?;
        }
        let mut write = WriteOptions::default();
        if let Some(dtype) = tokens.dtype {
            write.npy_integer = dtype.into();
        }
        Ok(Self { kind, options, windows, write })
    }

    /// Encodes a file.
    pub(crate) fn encode(&self, dac: &Dac, input: &Path) -> Result<TokenFile, dac::Error> {
        match self.windows {
            Some(windows) => dac.compress_file(input, windows.window_seconds, &self.options),
            None => dac.encode_file(input, &self.options),
        }
    }
}

/// Makes the output folder.
pub(crate) fn make_folder(args: &FileArgs) -> Result<(), Error> {
    let folder = args.folder()?;
    std::fs::create_dir_all(folder)
        .map_err(|error| Usage(format!("{}: cannot be made a folder: {error}", folder.display())).into())
}

pub(crate) fn first_output(job: &Job) -> Result<&Path, Error> {
    job.outputs.first().map(|output| output.as_path()).context("a job without output")
}

/// The error for a file that must not be replaced unasked.
pub(crate) fn in_the_way(output: &Path, what: &str) -> Error {
    anyhow!("{} is there and is not this result ({what}); --overwrite replaces it", output.display())
}

/// Says that `--nan zero` had something to do.
pub(crate) fn tell_replaced(input: &Path, samples: Option<u64>) {
    if let Some(samples) = samples.filter(|&samples| samples > 0) {
        eprintln!("{}: {samples} samples were not finite and are coded as 0", input.display());
    }
}

/// Puts the model into the record.
pub(crate) fn name_model(dac: &Dac, record: &mut Record) {
    record.model = Some(dac.info().name.clone());
    record.weights_sha256 = Some(dac.info().weights_sha256.clone());
}

/// Puts what was encoded into the record.
pub(crate) fn fill(record: &mut Record, tokens: &TokenFile, codebooks: usize) {
    record.set_input(tokens.meta.input_samples, tokens.meta.input_rate_hz);
    if let Some([channels, _, frames]) = tokens.shape() {
        record.channels = Some(channels);
        record.frames = Some(frames);
    }
    record.codebooks = Some(tokens.codes.as_ref().map_or(codebooks, dac::Codes::codebooks));
}

/// What happened to the signal on its way, for people.
pub(crate) fn describe(dac: &Dac, record: &Record, spec: &AudioSpec, output: &Path) -> String {
    let model_rate_hz = dac.shape().sample_rate_hz;
    let seconds = record.audio_seconds.unwrap_or(0.0);
    let mut text = format!("{seconds:.2} s");
    if spec.sample_rate_hz != model_rate_hz {
        text += &format!(", resampled from {} Hz to {model_rate_hz} Hz", spec.sample_rate_hz);
    }
    let channels = record.channels.unwrap_or(1);
    if spec.channels != channels {
        text += &format!(", {} channels mixed to {channels}", spec.channels);
    }
    let (frames, codebooks) = (record.frames.unwrap_or(0), record.codebooks.unwrap_or(0));
    let kbps = nominal_kbps(dac.shape(), codebooks) * channels as f64;
    text += &format!(" -> {}: {frames} frames of {codebooks} codebooks", output.display());
    if channels > 1 {
        text += &format!(" in {channels} channels");
    }
    text + &format!(", nominally {kbps:.2} kbit/s")
}
