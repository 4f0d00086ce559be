//! `dac roundtrip`: encode, decode and compare, with the tokens and the decoded file kept.

use std::fs;
use std::path::Path;

use anyhow::{Error, bail};
use dac::metrics::DistortionMeter;
use dac::tokens::{Format, TokenReader};
use dac::{Audio, AudioReader, Dac, DecodeOptions, EncodeOptions, Planar, Resampler, SampleFormat};

use crate::args::RoundtripArgs;
use crate::batch::{self, Done};
use crate::encode::{Coding, Kind, describe, fill, in_the_way, make_folder, name_model, tell_replaced};
use crate::exit::Exit;
use crate::model::{self, nominal_kbps};
use crate::plan::{Job, plan};
use crate::report::{Record, Roundtrip, print_text};

/// Samples a block of the comparison.
const BLOCK_SAMPLES: usize = 1 << 16;

struct Settings {
    coding: Coding,
    decode: DecodeOptions,
    sample_format: SampleFormat,
    overwrite: bool,
    json: bool,
}

/// Runs `dac roundtrip`.
pub(crate) fn run(args: &RoundtripArgs) -> Result<Exit, Error> {
    let kind = Kind::of(&args.tokens, &args.chunk)?;
    let jobs = plan(&args.files.inputs, args.files.folder()?, &[kind.format.extension(), "wav"])?;
    let dac = model::open(&args.model)?;
    let codebooks = model::codebooks(&args.bitrate, dac.shape())?;
    model::tell_bitrate(&args.bitrate, dac.shape(), codebooks);
    let coding = Coding::new(kind, &dac, codebooks, &args.tokens, &args.chunk)?;
    let mut decode = DecodeOptions::default();
    decode.output_rate = args.wave.output_rate.0;
    decode.chunk = coding.options.chunk;
    decode.restore_loudness = kind.format == Format::Dac;
    let settings = Settings {
        coding,
        decode,
        sample_format: args.wave.sample_format,
        overwrite: args.files.overwrite,
        json: args.files.json,
    };
    make_folder(&args.files)?;
    Ok(batch::run(&jobs, args.files.json, |job, record| one(&dac, job, record, &settings)))
}

fn one(dac: &Dac, job: &Job, record: &mut Record, settings: &Settings) -> Result<Done, Error> {
    let [token_path, wave_path] = job.outputs.as_slice() else { bail!("a job without its two outputs") };
    name_model(dac, record);
    let spec = AudioReader::open(&job.input)?.spec().clone();
    if !settings.overwrite {
        // A WAV file without its tokens beside it is not known to be an earlier result of this command.
        for (path, needs) in [(token_path, None), (wave_path, Some(token_path))] {
            let ours = TokenReader::open_path(needs.unwrap_or(path)).is_ok();
            if path.exists() && !ours {
                return Err(in_the_way(path, "not a file of an earlier round trip"));
            }
        }
    }
    let tokens = settings.coding.encode(dac, &job.input)?;
    tokens.write(token_path, settings.coding.kind.format, &settings.coding.write)?;
    tell_replaced(&job.input, tokens.meta.replaced_samples);
    let codebooks = settings.coding.options.codebooks.unwrap_or(dac.shape().codebooks);
    fill(record, &tokens, codebooks);

    let decoded = dac.decode(&tokens, &settings.decode)?;
    decoded.write(wave_path, settings.sample_format)?;

    let si_sdr_db = si_sdr_db(&job.input, &settings.coding.options, &decoded)?;
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let (input_bytes, token_bytes) = (bytes(&job.input), bytes(token_path));
    let kbps = |bytes: u64| record.audio_seconds.map(|seconds| bytes as f64 * 0.008 / seconds);
    let result = Roundtrip {
        decoded: wave_path.display().to_string(),
        si_sdr_db: Some(si_sdr_db).filter(|db| db.is_finite()),
        input_bytes,
        token_bytes,
        decoded_bytes: bytes(wave_path),
        nominal_kbps: nominal_kbps(dac.shape(), codebooks) * record.channels.unwrap_or(1) as f64,
        file_kbps: kbps(token_bytes),
    };
    if !settings.json {
        print_text(&table(record, &result, si_sdr_db, kbps(input_bytes)))?;
    }
    let said = format!("{} and {}", describe(dac, record, &spec, token_path), wave_path.display());
    record.roundtrip = Some(result);
    Ok(Done::Written(said))
}

/// SI-SDR in dB of a decode against the original, which is mixed and resampled as the encoder did it.
fn si_sdr_db(input: &Path, options: &EncodeOptions, decoded: &Audio) -> Result<f64, Error> {
    let mut reader = AudioReader::open(input)?.with_non_finite(options.non_finite);
    let mut resampler =
        Resampler::new(reader.spec().sample_rate_hz, decoded.rate_hz, decoded.channels.len())?;
    let mut meter = DistortionMeter::new();
    let mut position = 0_usize;
    let mut compare = |original: Planar| -> Result<(), Error> {
        let samples = original.first().map_or(0, Vec::len);
        // Rounding may make the two lengths differ by a sample.
        let available = decoded.channels.iter().map(|plane| plane.len().saturating_sub(position)).min();
        let samples = samples.min(available.unwrap_or(0));
        let original: Vec<&[f32]> = original.iter().filter_map(|plane| plane.get(..samples)).collect();
        let planes = decoded.channels.iter();
        let estimate: Vec<&[f32]> =
            planes.filter_map(|plane| plane.get(position..position + samples)).collect();
        meter.push(&original, &estimate)?;
        position += samples;
        Ok(())
    };
    while let Some(block) = reader.next_block(BLOCK_SAMPLES)? {
        compare(resampler.push(&options.channels.apply(block))?)?;
    }
    compare(resampler.flush()?)?;
    Ok(meter.si_sdr_db())
}

fn table(record: &Record, result: &Roundtrip, si_sdr_db: f64, input_kbps: Option<f64>) -> String {
    let rate = |kbps: Option<f64>| kbps.map_or_else(|| "-".to_owned(), |kbps| format!("{kbps:.2} kbit/s"));
    let row = |name: &str, path: &str, bytes: u64, kbps: Option<f64>| {
        format!("\n  {name:<9}{bytes:>12} bytes{:>18}  {path}", rate(kbps))
    };
    let mut text = format!("{}: SI-SDR {si_sdr_db:.2} dB", record.input);
    if let (Some(codebooks), Some(frames)) = (record.codebooks, record.frames) {
        text += &format!(
            " with {codebooks} codebooks, {frames} frames, nominally {:.2} kbit/s",
            result.nominal_kbps
        );
    }
    let decoded_kbps = record.audio_seconds.map(|seconds| result.decoded_bytes as f64 * 0.008 / seconds);
    text += &row("original", &record.input, result.input_bytes, input_kbps);
    text += &row("tokens", record.output.as_deref().unwrap_or("-"), result.token_bytes, result.file_kbps);
    text + &row("decoded", &result.decoded, result.decoded_bytes, decoded_kbps)
}
