//! `dac encode`: audio files to token files.

use std::path::Path;

use anyhow::Error;
use dac::audio::{AUDIO_EXTENSIONS, AudioReader, AudioSpec, NonFinitePolicy};
use dac::stream::WindowedPlan;
use dac::tokens::{Format, TokenFile, TokenMeta, WriteOptions};
use dac::{ChannelMix, Chunking, Dac, EncodeOptions, Precision, Save};
use dac_dataset::PackKind;
use dac_manifest::Record;

use crate::args::{ChunkArgs, EncodeArgs, PackArg, TokenArgs, save};
use crate::batch::{Batch, Done, Packing, Stop, Task};
use crate::chunk;
use crate::existing::ExpectedTokens;
use crate::exit::{Exit, Usage};
use crate::model::{self, nominal_kbps};
use crate::pipe;
use crate::plan::{Job, Outputs, plan};

/// Runs `dac encode`.
pub(crate) fn run(args: &EncodeArgs) -> Result<Exit, Error> {
    if pipe::is_asked(&args.files)? {
        return pipe::encode(args);
    }
    if args.raw_rate.is_some() {
        return Err(Usage("--raw-rate goes with - alone: files say their rate themselves".to_owned()).into());
    }
    if args.pack.pack.is_some() && args.files.overwrite {
        let why = "nothing in a pack can be replaced: remove the pack, and its entries are made again";
        return Err(Usage(format!("--overwrite does not go with --pack: {why}")).into());
    }
    let kind = Kind::of(&args.tokens, &args.chunk, args.pack.pack)?;
    let extensions = [kind.format.extension()];
    let outputs = if kind.pack.is_some() { Outputs::Entries } else { Outputs::Files(&extensions) };
    let plan = plan(&args.files, &AUDIO_EXTENSIONS, outputs)?;
    let batch = Batch::new(plan, &args.files, args.model.run.device, args.model.run.threads);
    let dac = batch.with_threads(|| model::open(&args.model.on_the_pool_around()))?;
    let codebooks = model::codebooks(&args.bitrate, dac.shape())?;
    model::tell_bitrate(&args.bitrate, dac.shape(), codebooks);
    let coding = Coding::new(kind, &dac, codebooks, &args.tokens, &args.chunk)?;
    let settings = coding.settings(&dac, args.model.run.precision);
    batch.packed(coding.packing(args)).run(|job, task| {
        task.record.settings = Some(settings.clone());
        one(&dac, job, task, &coding)
    })
}

fn one(dac: &Dac, job: &Job, task: &mut Task<'_>, coding: &Coding) -> Result<Done, Error> {
    let options = &coding.options;
    let codebooks = options.codebooks.unwrap_or(dac.shape().codebooks);
    name_model(dac, &mut task.record);
    let there = if coding.kind.pack.is_some() {
        task.end_by_what_is_packed()?
    } else {
        there(dac, job, task, coding, codebooks)?
    };
    if let Some(done) = there {
        return Ok(done);
    }
    let spec = AudioReader::open(&job.input)?.spec().clone();
    task.record.set_input(spec.samples, Some(spec.sample_rate_hz));
    task.record.channels = Some(options.channels.channels(spec.channels));
    let tokens = coding.encode(dac, &job.input, task.stop())?;
    for remark in remarks_of(&tokens.meta) {
        task.say(&remark);
    }
    fill(&mut task.record, &tokens, codebooks);
    if coding.kind.pack.is_some() {
        let what = describe(dac, &task.record, &spec, Path::new(&job.key));
        return Ok(Done::Packed(Box::new(tokens), what));
    }
    tokens.write(task.made(0)?, coding.kind.format, &coding.write)?;
    Ok(Done::Written(describe(dac, &task.record, &spec, task.output()?)))
}

/// How a job ends by the token file that is there.
fn there(
    dac: &Dac,
    job: &Job,
    task: &mut Task<'_>,
    coding: &Coding,
    codebooks: usize,
) -> Result<Option<Done>, Error> {
    let options = &coding.options;
    task.end_by_what_is_there(|record, output| {
        let spec = AudioReader::open(&job.input)?.spec().clone();
        let channels = options.channels.channels(spec.channels);
        record.set_input(spec.samples, Some(spec.sample_rate_hz));
        (record.channels, record.codebooks) = (Some(channels), Some(codebooks));
        let expected = ExpectedTokens {
            format: coding.kind.format,
            model: dac.info(),
            codebooks,
            channels,
            save: options.save,
            input_rate_hz: spec.sample_rate_hz,
            input_samples: spec.samples,
        };
        Ok(expected.judge(output))
    })
}

/// What the token files are, as far as the arguments alone tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) format: Format,
    pub(crate) save: Save,
    /// What they are collected in. Parquet files hold no token files, but codes: the format says whether loudness is measured.
    pub(crate) pack: Option<PackArg>,
}

impl Kind {
    /// Checks that the arguments go together: the format can hold what is saved, and the chunking has its parameters.
    pub(crate) fn of(args: &TokenArgs, chunk: &ChunkArgs, pack: Option<PackArg>) -> Result<Self, Usage> {
        chunk::check(chunk)?;
        let windows = chunk::window_seconds(chunk).is_some();
        let default = match pack {
            _ if windows => Format::Dac,
            Some(_) => Format::Npy,
            None => Format::Safetensors,
        };
        let parquet = pack == Some(PackArg::Parquet);
        if parquet && (args.format.is_some() || args.dtype.is_some()) {
            let why = "a parquet file holds codes as uint16, no token files";
            return Err(Usage(format!("--pack parquet takes neither --format nor --dtype: {why}")));
        }
        let format = args.format.unwrap_or(default);
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
            _ if parquet && (!save.codes || arrays > 1) => {
                return Err(Usage("--pack parquet holds codes alone".to_owned()));
            }
            Format::Safetensors | Format::Pt => true,
            Format::Npy => arrays == 1 && !save.latents,
            _ => save.codes && arrays == 1,
        };
        if holds {
            return Ok(Self { format, save, pack });
        }
        let can = if format == Format::Npy { "codes or z alone" } else { "codes alone" };
        Err(Usage(format!("--format {format} holds {can}; safetensors and pt hold any --save")))
    }
}

/// How files are encoded and written.
pub(crate) struct Coding {
    pub(crate) kind: Kind,
    pub(crate) options: EncodeOptions,
    /// Frames of a window in windowed mode.
    window_frames: Option<usize>,
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
        let seconds = chunk::window_seconds(chunk);
        let window_frames = seconds
            .map(|seconds| WindowedPlan::new(dac.shape(), seconds))
            .transpose()
            .map_err(|error| Usage(format!("--chunk-seconds: {error}")))?
            .map(|plan| plan.chunk_frames);
        let mut options = EncodeOptions::default();
        options.codebooks = codebooks;
        options.channels = tokens.signal.channels.into();
        options.save = kind.save;
        options.non_finite = tokens.signal.nan.into();
        options.measure_loudness = kind.format == Format::Dac;
        options.chunk = match seconds {
            Some(seconds) => Chunking::Windowed { seconds },
            None => chunk::chunking(chunk, dac.info())?,
        };
        let mut write = WriteOptions::default();
        if let Some(dtype) = tokens.dtype {
            write.npy_integer = dtype.into();
        }
        Ok(Self { kind, options, window_frames, write })
    }

    /// What packs are made, if any.
    fn packing(&self, args: &EncodeArgs) -> Option<Packing> {
        let kind = match self.kind.pack? {
            PackArg::Tar => PackKind::Tar(self.kind.format, self.write.clone()),
            PackArg::Parquet => PackKind::Parquet,
        };
        Some(Packing { kind, limits: args.pack.limits() })
    }

    /// All that a token file depends on beside its input and the weights, as one line of `name=value`. How long an exact chunk
    /// is makes no difference to it.
    pub(crate) fn settings(&self, dac: &Dac, precision: Precision) -> String {
        let options = &self.options;
        let Save { codes, z, latents } = options.save;
        let saved = [(codes, "codes"), (z, "z"), (latents, "latents")];
        let saved: Vec<_> = saved.iter().filter(|(saved, _)| *saved).map(|(_, name)| *name).collect();
        let channels = match options.channels {
            ChannelMix::Mono => "mono",
            ChannelMix::Keep => "keep",
        };
        let codebooks = options.codebooks.unwrap_or(dac.shape().codebooks);
        let mut text = format!(
            "format={} codebooks={codebooks} channels={channels} save={} precision={precision} chunking={}",
            self.kind.format,
            saved.join(","),
            match self.window_frames {
                Some(frames) => format!("descript:{frames}"),
                None => chunk::name(&options.chunk),
            }
        );
        if options.non_finite != NonFinitePolicy::default() {
            text += " nan=zero";
        }
        if let Some(pack) = self.kind.pack {
            text += &format!(" pack={pack:?}").to_lowercase();
        }
        if self.kind.format == Format::Npy {
            text += &format!(" dtype={:?}", self.write.npy_integer).to_lowercase();
        }
        text
    }

    /// Encodes a file, unless an end is wanted meanwhile.
    pub(crate) fn encode(&self, dac: &Dac, input: &Path, stop: &Stop) -> Result<TokenFile, Error> {
        let tokens = dac.encode_file(input, &self.options, &mut |_: u64| stop.flow());
        if let Err(dac::Error::Cancelled) = tokens {
            stop.check()?;
        }
        Ok(tokens?)
    }
}

/// What is to be said of an input that was not quite what it should be: that `--nan zero` had something to do, that the audio
/// ended before what its file promised.
pub(crate) fn input_remarks(replaced_samples: u64, truncated: bool) -> impl Iterator<Item = String> {
    let replaced = (replaced_samples > 0)
        .then(|| format!("{replaced_samples} samples were not finite and are coded as 0"));
    let cut = truncated.then(|| "the audio is cut; what there is of it is coded".to_owned());
    replaced.into_iter().chain(cut)
}

/// The same of an input that was encoded.
pub(crate) fn remarks_of(meta: &TokenMeta) -> impl Iterator<Item = String> + use<> {
    input_remarks(meta.replaced_samples.unwrap_or(0), meta.input_truncated == Some(true))
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
    record.input_truncated = tokens.meta.input_truncated;
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
