//! `dac report`: one HTML page to hear and see a recording at each number of codebooks.

use anyhow::{Context, Error, anyhow};
use dac::audio::ReadOptions;
use dac::codec::NetworkShape;
use dac_batch::{damage_remarks, input_remarks};
use dac_report::{Excerpt, Report, ReportError, Step, check_paths, html_page, try_output, write_page};
use serde::Serialize;

use crate::args::ReportArgs;
use crate::exit::{Exit, Usage};
use crate::load;
use crate::output::{eprint_line, print_record};
use crate::resources::start_threads;

/// The record of `--json`.
#[derive(Debug, Serialize)]
struct Record<'a> {
    input: String,
    output: String,
    output_bytes: u64,
    #[serde(flatten)]
    report: &'a Report,
}

pub(crate) fn run(args: &ReportArgs) -> Result<Exit, Error> {
    let excerpt = match read(args).map_err(with_remedy) {
        Ok(excerpt) => excerpt,
        Err(error) => return Exit::by_input(&args.input, error),
    };
    try_output(&args.output)?;
    start_threads(args.model.run.threads)?;
    let dac = load::open(&args.model, &args.model.run.load_options())?;
    let counts = codebook_counts(args, dac.shape())?;
    let mut on_step = |step| match step {
        Step::Encode => {
            let recording = &excerpt.recording;
            let damage = damage_remarks(recording.damaged_samples, None);
            for remark in input_remarks(recording.replaced_samples, recording.truncated).chain(damage) {
                eprint_line(format_args!("warning: {}: {remark}", args.input.display()));
            }
        }
        Step::Decode(codebooks) => {
            eprint_line(format_args!("decoding with {codebooks} of {} codebooks", dac.shape().codebooks));
        }
    };
    let report = Report::measure(&dac, &excerpt, args.signal.channels.into(), &counts, &mut on_step);
    let report = report.map_err(with_remedy).with_context(|| args.input.display().to_string());
    match report {
        Ok(report) => write(args, &report),
        Err(error) => Exit::by_input(&args.input, error),
    }
}

fn read(args: &ReportArgs) -> Result<Excerpt, ReportError> {
    check_paths(&args.input, &args.output, args.overwrite)?;
    let options = ReadOptions {
        non_finite: args.signal.nan.into(),
        damage: args.reading.damaged.into(),
        backend: args.reading.reader.audio_reader.into(),
    };
    Excerpt::read(&args.input, args.start, args.duration, options)
}

/// Writes the page and prints what it shows.
fn write(args: &ReportArgs, report: &Report) -> Result<Exit, Error> {
    if let Some(warning) = &report.recording.warning {
        eprint_line(format_args!("{}: {warning}", args.input.display()));
    }
    let output_bytes = write_page(&args.output, &html_page(report))?;
    let (input, output) = (args.input.display().to_string(), args.output.display().to_string());
    eprint_line(format_args!(
        "{input}: {:.2} s{}, decoded in {} versions -> {output}: {:.1} MB",
        report.recording.seconds,
        if report.recording.continues { " of a longer recording (--start, --duration)" } else { "" },
        report.variants.len(),
        output_bytes as f64 / 1e6
    ));
    if args.json {
        print_record(&Record { input, output, output_bytes, report })?;
    }
    Ok(Exit::Done)
}

/// Returns the numbers of codebooks to decode with, ascending.
fn codebook_counts(args: &ReportArgs, shape: &NetworkShape) -> Result<Vec<usize>, Usage> {
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

/// Adds the options that help to an error, and marks wrong usage.
fn with_remedy(error: ReportError) -> Error {
    let remedy = match &error {
        ReportError::TooMuchAudio { .. } => "; use a shorter --duration or fewer --quantizers",
        ReportError::NotAReport(_) => "; use --overwrite",
        _ => "",
    };
    match error {
        error if error.is_usage() => Usage(format!("{error}{remedy}")).into(),
        error if remedy.is_empty() => error.into(),
        error => anyhow!("{error}{remedy}"),
    }
}
