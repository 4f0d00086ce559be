//! `dac bench --streaming`: the cost of live streams compared with that of whole signals.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Error, anyhow};
use dac::Device;
use dac::codec::{Codec, Part, QuantizedRows};
use dac::stream::{DecoderGroup, EncoderGroup, StreamDecoder, StreamEncoder};
use serde::Serialize;

use super::timing::median;
use super::{open, signal};
use crate::args::BenchArgs;
use crate::exit::{Exit, Usage};
use crate::output::{eprint_line, print_record, print_text};
use crate::resources::{cpu_seconds, threads};

/// Frames per block.
const BLOCKS: [usize; 6] = [1, 2, 4, 8, 16, 32];
/// Streams of the group, and frames per block.
const GROUP: (usize, usize) = (16, 4);
/// Memory that is read to measure its speed.
const READ_BYTES: usize = 256 << 20;

/// Record of `--json`.
#[derive(Debug, Serialize)]
struct Record {
    model: String,
    precision: String,
    threads: usize,
    cpu_level: Option<String>,
    debug_build: bool,
    audio_seconds: f64,
    runs: usize,
    /// Speed at which one core reads memory.
    memory_gb_per_second: f64,
    encode: PartRecord,
    decode: PartRecord,
}

#[derive(Debug, Serialize)]
struct PartRecord {
    /// CPU seconds for the whole signal in one push.
    whole_cpu_seconds: f64,
    whole_wall_seconds: f64,
    /// Packed weights for live streams. A block of one frame reads all of them.
    weight_bytes: usize,
    /// Least CPU time per second of audio with blocks of one frame: the time of reading the weights.
    memory_floor: f64,
    streams: Vec<StreamRecord>,
}

#[derive(Debug, Serialize)]
struct StreamRecord {
    block_frames: usize,
    /// Streams computed together.
    streams: usize,
    /// CPU seconds for one signal.
    cpu_seconds: f64,
    wall_seconds: f64,
    /// CPU seconds relative to the whole signal.
    relative_cost: f64,
    /// CPU seconds per second of audio of one stream.
    cpu_per_audio_second: f64,
    /// Look-ahead of the network, and the time until a block is complete.
    latency_ms: f64,
    /// Mean CPU time of a block of all streams.
    block_cpu_ms: f64,
}

/// A way of computing the signal.
#[derive(Clone, Copy)]
enum Case {
    Whole,
    Blocks(usize),
    Group(usize, usize),
}

/// Codecs and the signal in both forms.
struct Bench {
    whole: Arc<Codec>,
    live: Arc<Codec>,
    samples: Vec<f32>,
    /// `[frames][codebooks]`
    codes: Vec<u16>,
    hop: usize,
}

impl Bench {
    /// Computes the signal once; a group computes it once per stream.
    fn run(&self, part: Part, case: Case) -> Result<(), Error> {
        let codebooks = self.whole.shape().codebooks;
        match (part, case) {
            (Part::Encoder, Case::Whole) => self.encode(&self.whole, self.samples.len()),
            (Part::Encoder, Case::Blocks(frames)) => self.encode(&self.live, frames * self.hop),
            (Part::Decoder, Case::Whole) => self.decode(&self.whole, self.codes.len()),
            (Part::Decoder, Case::Blocks(frames)) => self.decode(&self.live, frames * codebooks),
            (Part::Encoder, Case::Group(streams, frames)) => {
                let mut group = EncoderGroup::new(Arc::clone(&self.live), None, frames)?;
                let ids = (0..streams).map(|_| group.join()).collect::<Result<Vec<_>, _>>()?;
                for block in self.samples.chunks(frames * self.hop) {
                    ids.iter().try_for_each(|&id| group.push(id, block))?;
                    group.step().into_iter().try_for_each(|(_, result)| result.map(drop))?;
                }
                ids.iter().try_for_each(|&id| group.end(id))?;
                Ok(group.step().into_iter().try_for_each(|(_, result)| result.map(drop))?)
            }
            (Part::Decoder, Case::Group(streams, frames)) => {
                let mut group = DecoderGroup::new(Arc::clone(&self.live), frames);
                let ids: Vec<_> = (0..streams).map(|_| group.join()).collect();
                for block in self.codes.chunks(frames * codebooks) {
                    ids.iter().try_for_each(|&id| group.push_codes(id, block, codebooks))?;
                    group.step().into_iter().try_for_each(|(_, result)| result.map(drop))?;
                }
                ids.iter().try_for_each(|&id| group.end(id))?;
                Ok(group.step().into_iter().try_for_each(|(_, result)| result.map(drop))?)
            }
        }
    }

    fn encode(&self, codec: &Arc<Codec>, block_samples: usize) -> Result<(), Error> {
        let mut encoder = StreamEncoder::new(Arc::clone(codec), None, 1)?;
        let mut rows = QuantizedRows::default();
        for block in self.samples.chunks(block_samples) {
            encoder.push(block, &mut rows)?;
        }
        encoder.flush(&mut rows)?;
        Ok(())
    }

    fn decode(&self, codec: &Arc<Codec>, block_codes: usize) -> Result<(), Error> {
        let mut decoder = StreamDecoder::new(Arc::clone(codec), 1);
        let mut samples = Vec::new();
        for block in self.codes.chunks(block_codes) {
            decoder.push_codes(block, codec.shape().codebooks, &mut samples)?;
        }
        Ok(decoder.flush(&mut samples)?)
    }

    /// Measures all cases in turn, `runs` times after a warm-up; returns CPU and wall seconds.
    fn measure(&self, part: Part, cases: &[Case], runs: usize) -> Result<Vec<(f64, f64)>, Error> {
        let mut times = vec![(Vec::new(), Vec::new()); cases.len()];
        for run in 0..=runs {
            for (case, (cpu, wall)) in cases.iter().zip(&mut times) {
                let (started, before) = (Instant::now(), cpu_seconds());
                self.run(part, *case)?;
                let after = cpu_seconds();
                if run > 0 {
                    wall.push(started.elapsed().as_secs_f64());
                    cpu.push(after.zip(before).map_or(0.0, |(after, before)| after - before));
                }
            }
            eprint_line(format_args!("{part:?} {run} of {runs}"));
        }
        let medians = times.iter().map(|(cpu, wall)| median(cpu).zip(median(wall)));
        medians.collect::<Option<_>>().ok_or_else(|| anyhow!("no runs"))
    }
}

pub(super) fn run(args: &BenchArgs) -> Result<Exit, Error> {
    if args.run.device != Device::Cpu {
        return Err(Usage(format!("--streaming requires --device cpu, found {}", args.run.device)).into());
    }
    let (whole, live) = (open(args, false)?, open(args, true)?);
    let (shape, geometry) = (whole.shape(), whole.geometry());
    let samples = signal(args.seconds, shape.sample_rate_hz);
    let hop = geometry.hop_samples;
    let mut encoder = StreamEncoder::new(Arc::clone(whole.codec()), None, 1)?;
    let mut rows = QuantizedRows::default();
    encoder.push(&samples, &mut rows)?;
    encoder.flush(&mut rows)?;
    let frames = rows.codes.len() / shape.codebooks;
    let audio_seconds = (frames * hop) as f64 / f64::from(shape.sample_rate_hz);
    let bench = Bench {
        whole: Arc::clone(whole.codec()),
        live: Arc::clone(live.codec()),
        samples,
        codes: rows.codes,
        hop,
    };
    let blocks = BLOCKS.map(Case::Blocks);
    let cases: Vec<Case> =
        [Case::Whole].into_iter().chain(blocks).chain([Case::Group(GROUP.0, GROUP.1)]).collect();
    let memory_gb_per_second = memory_gb_per_second();
    let frames_per_second = f64::from(shape.sample_rate_hz) / hop as f64;
    let part = |part: Part, look_ahead_samples: usize| {
        let times = bench.measure(part, &cases, usize::from(args.runs))?;
        let (whole_cpu_seconds, whole_wall_seconds) = times.first().copied().unwrap_or_default();
        let streams = cases.iter().zip(&times).filter_map(|(case, &(cpu, wall))| {
            let (streams, block_frames) = match *case {
                Case::Whole => return None,
                Case::Blocks(frames) => (1, frames),
                Case::Group(streams, frames) => (streams, frames),
            };
            let waiting = look_ahead_samples + (block_frames - 1) * hop;
            Some(StreamRecord {
                block_frames,
                streams,
                cpu_seconds: cpu / streams as f64,
                wall_seconds: wall / streams as f64,
                relative_cost: cpu / streams as f64 / whole_cpu_seconds,
                cpu_per_audio_second: cpu / streams as f64 / audio_seconds,
                latency_ms: 1e3 * waiting as f64 / f64::from(shape.sample_rate_hz),
                block_cpu_ms: 1e3 * cpu / frames.div_ceil(block_frames) as f64,
            })
        });
        let weight_bytes = bench.live.engine_weight_bytes(part).unwrap_or(0);
        let memory_floor = weight_bytes as f64 * frames_per_second / (memory_gb_per_second * 1e9);
        let streams = streams.collect();
        Ok::<_, Error>(PartRecord {
            whole_cpu_seconds,
            whole_wall_seconds,
            weight_bytes,
            memory_floor,
            streams,
        })
    };
    let record = Record {
        model: args.model.to_string(),
        precision: args.run.precision.to_string(),
        threads: threads(args.run.threads),
        cpu_level: whole.codec().isa().map(|level| level.to_string()),
        debug_build: cfg!(debug_assertions),
        audio_seconds,
        runs: usize::from(args.runs),
        memory_gb_per_second,
        encode: part(Part::Encoder, geometry.encoder_right_samples)?,
        decode: part(Part::Decoder, geometry.decoder_right_frames * hop)?,
    };
    if args.json {
        print_record(&record)?
    } else {
        print_text(&table(&record))?
    }
    Ok(Exit::Done)
}

/// Measures the speed at which one core reads memory that no cache holds: the best of five passes.
fn memory_gb_per_second() -> f64 {
    let values = vec![1_u64; READ_BYTES / size_of::<u64>()];
    let pass = || {
        let started = Instant::now();
        let sum = values.iter().fold(0_u64, |sum, value| sum.wrapping_add(*value));
        std::hint::black_box(sum);
        READ_BYTES as f64 / 1e9 / started.elapsed().as_secs_f64()
    };
    (0..5).map(|_| pass()).fold(0.0, f64::max)
}

fn table(record: &Record) -> String {
    let Record { model, precision, threads, audio_seconds, runs, memory_gb_per_second, .. } = record;
    let level = record.cpu_level.as_deref().unwrap_or("-");
    let mut text = format!(
        "{model} on cpu ({level}), {threads} threads, {precision}: {audio_seconds:.2} s of audio, median of \
         {runs}; a core reads {memory_gb_per_second:.1} GB/s"
    );
    for (name, part) in [("encode", &record.encode), ("decode", &record.decode)] {
        let whole = part.whole_cpu_seconds;
        text += &format!(
            "\n\n{name:<10}{:>8}{:>10}{:>10}{:>12}{:>12}{:>12}{:>14}",
            "frames", "CPU s", "wall s", "cost", "real time", "latency ms", "ms per block"
        );
        text += &format!(
            "\n{:<10}{:>8}{whole:>10.3}{:>10.3}{:>12.2}{:>12.3}{:>12}{:>14}",
            "whole",
            "all",
            part.whole_wall_seconds,
            1.0,
            whole / audio_seconds,
            "-",
            "-"
        );
        for s in &part.streams {
            let label = if s.streams == 1 { "stream".to_owned() } else { format!("group {}", s.streams) };
            text += &format!(
                "\n{label:<10}{:>8}{:>10.3}{:>10.3}{:>12.2}{:>12.3}{:>12.0}{:>14.2}",
                s.block_frames,
                s.cpu_seconds,
                s.wall_seconds,
                s.relative_cost,
                s.cpu_per_audio_second,
                s.latency_ms,
                s.block_cpu_ms
            );
        }
        text += &format!(
            "\nreading the weights ({:.0} MB) for every frame takes {:.3} s per second of audio",
            part.weight_bytes as f64 / 1e6,
            part.memory_floor
        );
    }
    text
}
