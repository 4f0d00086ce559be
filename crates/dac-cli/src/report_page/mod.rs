//! `dac report`: one page to hear and see what the codec does to a recording, at each number of codebooks.
//!
//! [`excerpt`] reads the part of the recording that it is of, [`version`] decodes and measures, [`pictures`] draws, and [`html`]
//! makes the page, which [`target`] puts in its place.

mod excerpt;
mod html;
mod pictures;
mod record;
mod target;
mod version;

use anyhow::{Context, Error};
use dac::codec::NetworkShape;
use dac::{Codes, Dac, EncodeOptions, ModelInfo};

use crate::args::ReportArgs;
use crate::encode::input_remarks;
use crate::exit::{Exit, Usage};
use crate::model;
use crate::report::{print_record, say};
use excerpt::Excerpt;
use record::Record;
use version::{Original, Version};

/// What the players of a page hold at most, before it is written as text: browsers load pages as a whole.
const MAX_AUDIO_BYTES: u64 = 256_000_000;

/// All that a page tells.
struct Report {
    excerpt: Excerpt,
    model: ModelInfo,
    shape: NetworkShape,
    /// Which instructions the engine takes.
    cpu_level: Option<String>,
    codes: Codes,
    token_pictures: Vec<Vec<u8>>,
    original: Original,
    versions: Vec<Version>,
}

impl Report {
    /// Kilobits a second of a file of so many bytes.
    fn kbps(&self, bytes: u64) -> f64 {
        bytes as f64 * 0.008 / self.excerpt.seconds()
    }
}

/// Runs `dac report`.
pub(crate) fn run(args: &ReportArgs) -> Result<Exit, Error> {
    let read = target::check(args)
        .and_then(|()| Excerpt::read(&args.input, args.start, args.duration.0, args.signal.nan.into()));
    let excerpt = match read {
        Ok(excerpt) => excerpt,
        Err(error) => return Exit::by_input(error),
    };
    let dac = model::open(&args.model)?;
    let counts = counts(args, dac.shape())?;
    make(args, &dac, excerpt, &counts).or_else(Exit::by_input)
}

fn make(args: &ReportArgs, dac: &Dac, excerpt: Excerpt, counts: &[usize]) -> Result<Exit, Error> {
    let report = measure(args, dac, excerpt, counts)?;
    let page = html::page(args, &report);
    let bytes = target::write(&args.output, &page)?;
    let (seconds, versions) = (report.excerpt.seconds(), counts.len());
    say(format_args!(
        "{}: {seconds:.2} s{}, {versions} versions -> {}: {:.1} MB",
        args.input.display(),
        if report.excerpt.cut { " of a longer recording (--start, --duration)" } else { "" },
        args.output.display(),
        bytes as f64 / 1e6
    ));
    if args.json {
        print_record(&Record::new(args, &report, bytes))?;
    }
    Ok(Exit::Done)
}

/// The numbers of codebooks to decode with, rising.
fn counts(args: &ReportArgs, shape: &NetworkShape) -> Result<Vec<usize>, Usage> {
    let mut counts: Vec<usize> = args.quantizers.iter().copied().map(usize::from).collect();
    counts.sort_unstable();
    counts.dedup();
    match counts.last() {
        Some(&most) if most > shape.codebooks => {
            Err(Usage(format!("--quantizers {most}: the model has {} codebooks", shape.codebooks)))
        }
        Some(_) => Ok(counts),
        None => Ok((1..=shape.codebooks).collect()),
    }
}

fn measure(args: &ReportArgs, dac: &Dac, excerpt: Excerpt, counts: &[usize]) -> Result<Report, Error> {
    let mut options = EncodeOptions::default();
    options.channels = args.signal.channels.into();
    options.codebooks = counts.last().copied();
    let coded = excerpt.coded(options.channels, dac.shape().sample_rate_hz)?;
    let players = counts.len() as u64 + 1;
    let audio_bytes = players * 2 * coded.channels.len() as u64 * coded.samples() as u64;
    if audio_bytes > MAX_AUDIO_BYTES {
        let what = format!(
            "{players} players of {:.0} s would hold {} MB, and a page at most {}: take a shorter --duration or fewer --quantizers",
            excerpt.seconds(),
            audio_bytes / 1_000_000,
            MAX_AUDIO_BYTES / 1_000_000
        );
        return Err(Usage(what).into());
    }
    for remark in input_remarks(excerpt.replaced_samples, excerpt.truncated) {
        say(format_args!("{}: {remark}", args.input.display()));
    }
    let tokens = dac.encode(&excerpt.audio, &options).with_context(|| args.input.display().to_string())?;
    let original = Original::new(coded)?;
    let mut versions = Vec::with_capacity(counts.len());
    for &codebooks in counts {
        say(format_args!("decoding with {codebooks} of {} codebooks", dac.shape().codebooks));
        versions.push(original.version(dac, &tokens, codebooks)?);
    }
    let codes = tokens.codes.context("an encode without codes")?;
    Ok(Report {
        excerpt,
        model: dac.info().clone(),
        shape: dac.shape().clone(),
        cpu_level: dac.codec().isa().map(|level| level.to_string()),
        token_pictures: pictures::token_pngs(&codes)?,
        codes,
        original,
        versions,
    })
}
