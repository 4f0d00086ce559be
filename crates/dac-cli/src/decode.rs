//! `dac decode`: decodes token files to audio files.

use anyhow::Error;
use dac::TimeRange;
use dac_batch::{DecodeSettings, decode_files};

use crate::args::DecodeArgs;
use crate::batch::{load_options, run_batch};
use crate::exit::{Exit, Usage};
use crate::load;
use crate::stdio;

pub(crate) fn run(args: &DecodeArgs) -> Result<Exit, Error> {
    let settings = settings(args)?;
    if stdio::is_requested(&args.files)? {
        if settings.layout.is_some() {
            return Err(Usage("'-' (stdin) cannot be combined with --layout; give a file".to_owned()).into());
        }
        return stdio::decode(args, &settings);
    }
    if args.raw {
        return Err(
            Usage("--raw applies only to '-' (stdout); files are written as WAV or FLAC".to_owned()).into()
        );
    }
    let load = || load::models(&args.model, load_options(&args.model.run));
    run_batch(&args.files, &args.model.run, |options, console| {
        decode_files(options, &settings, load, console, &console.signals.token)
    })
}

fn settings(args: &DecodeArgs) -> Result<DecodeSettings, Usage> {
    Ok(DecodeSettings {
        codebooks: args.bitrate.limit(),
        output_rate: args.wave.output_rate,
        wave: args.wave.format(),
        chunking: args.chunk.choice()?,
        range: range(args),
        tail_frames: args.tail_frames,
        restore_loudness: !args.no_loudness,
        precision: args.model.run.precision,
        layout: args.layout.settings()?,
    })
}

/// Range of `--start` and `--duration`, either of which may be missing.
fn range(args: &DecodeArgs) -> Option<TimeRange> {
    if args.start.is_none() && args.duration.is_none() {
        return None;
    }
    // The library ends a range at the end of the signal.
    let duration_seconds = args.duration.unwrap_or(f64::MAX);
    Some(TimeRange { start_seconds: args.start.unwrap_or(0.0), duration_seconds })
}
