//! `dac roundtrip`: encode, decode and compare, with the tokens and the decoded file kept.

use std::fs;
use std::path::Path;

use anyhow::{Error, bail};
use dac::audio::{AUDIO_EXTENSIONS, AudioReader};
use dac::tokens::Format;
use dac::weights::sha256_of_file;
use dac::{Dac, DecodeOptions, SampleFormat};
use dac_manifest::Roundtrip;

use crate::args::RoundtripArgs;
use crate::batch::{Batch, Done, Task};
use crate::comparison::Comparison;
use crate::encode::{Coding, Kind, describe, fill, name_model, remarks_of};
use crate::existing::Existing;
use crate::exit::{Exit, Usage};
use crate::model::{self, nominal_kbps};
use crate::plan::{Job, Outputs, plan};

struct Settings {
    coding: Coding,
    decode: DecodeOptions,
    sample_format: SampleFormat,
    text: String,
}

/// Runs `dac roundtrip`.
pub(crate) fn run(args: &RoundtripArgs) -> Result<Exit, Error> {
    if args.files.inputs.iter().any(|input| input == Path::new("-")) {
        let why = "it reads each input twice, and standard input can be read once";
        return Err(Usage(format!("roundtrip takes files, not -: {why}")).into());
    }
    let kind = Kind::of(&args.tokens, &args.chunk, None)?;
    let plan = plan(&args.files, &AUDIO_EXTENSIONS, Outputs::Files(&[kind.format.extension(), "wav"]))?;
    let batch = Batch::new(plan, &args.files, args.model.run.device, args.model.run.threads);
    let dac = batch.with_threads(|| model::open(&args.model.on_the_pool_around()))?;
    let codebooks = model::codebooks(&args.bitrate, dac.shape())?;
    model::tell_bitrate(&args.bitrate, dac.shape(), codebooks);
    let coding = Coding::new(kind, &dac, codebooks, &args.tokens, &args.chunk)?;
    let precise = coding.settings(&dac, args.model.run.precision);
    let mut decode = DecodeOptions::default();
    decode.output_rate = args.wave.output_rate.0;
    decode.chunk = coding.options.chunk;
    decode.restore_loudness = kind.format == Format::Dac;
    let settings = Settings {
        coding,
        decode,
        sample_format: args.wave.sample_format,
        text: format!(
            "{precise} sample-format={} output-rate={}",
            args.wave.sample_format, args.wave.output_rate
        ),
    };
    batch.run(|job, task| one(&dac, job, task, &settings))
}

fn one(dac: &Dac, job: &Job, task: &mut Task<'_>, settings: &Settings) -> Result<Done, Error> {
    let [token_path, wave_path] = job.outputs.as_slice() else { bail!("a job without its two outputs") };
    name_model(dac, &mut task.record);
    task.record.settings = Some(settings.text.clone());
    let there = task.end_by_what_is_there(|_, _| {
        // Tokens may be the right ones, but no file tells the figures.
        Ok(Existing::Foreign("no manifest knows it as the tokens of a round trip".to_owned()))
    })?;
    if let Some(done) = there {
        return Ok(done);
    }
    let spec = AudioReader::open(&job.input)?.spec().clone();
    let tokens = settings.coding.encode(dac, &job.input, task.stop())?;
    let (made_tokens, made_wave) = (task.made(0)?, task.made(1)?);
    tokens.write(made_tokens, settings.coding.kind.format, &settings.coding.write)?;
    for remark in remarks_of(&tokens.meta) {
        task.say(&remark);
    }
    let codebooks = settings.coding.options.codebooks.unwrap_or(dac.shape().codebooks);
    let record = &mut task.record;
    fill(record, &tokens, codebooks);

    let decoded = dac.decode(&tokens, &settings.decode)?;
    decoded.write(made_wave, settings.sample_format)?;

    let compared = Comparison::with_file(&job.input, &settings.coding.options, &decoded)?;
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let token_bytes = bytes(made_tokens);
    let result = Roundtrip {
        decoded: wave_path.display().to_string(),
        si_sdr_db: finite(compared.si_sdr_db),
        mel_distance: finite(compared.mel_distance),
        stft_distance: finite(compared.stft_distance),
        token_bytes,
        decoded_bytes: bytes(made_wave),
        decoded_sha256: Some(sha256_of_file(made_wave)?),
        nominal_kbps: nominal_kbps(dac.shape(), codebooks) * record.channels.unwrap_or(1) as f64,
        file_kbps: record.audio_seconds.map(|seconds| token_bytes as f64 * 0.008 / seconds),
    };
    let said = format!("{} and {}", describe(dac, record, &spec, token_path), wave_path.display());
    record.roundtrip = Some(result);
    Ok(Done::Written(said))
}
