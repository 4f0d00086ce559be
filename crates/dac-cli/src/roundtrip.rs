//! `dac roundtrip`: encodes and decodes audio files, compares the two, and keeps tokens and decoded audio.

use std::path::Path;

use anyhow::Error;
use dac_batch::{RoundtripSettings, roundtrip_files};

use crate::args::RoundtripArgs;
use crate::batch::{load_options, run_batch};
use crate::exit::{Exit, Usage};
use crate::load;
use crate::token_settings::token_settings;

pub(crate) fn run(args: &RoundtripArgs) -> Result<Exit, Error> {
    if args.files.inputs.iter().any(|input| input == Path::new("-")) {
        let why = "its results are named after the file; use /dev/stdin";
        return Err(Usage(format!("roundtrip takes files, not '-' (stdin): {why}")).into());
    }
    let precision = args.model.run.precision;
    let settings = RoundtripSettings {
        encode: token_settings(&args.tokens, &args.bitrate, &args.chunk, None, precision)?,
        output_rate: args.wave.output_rate,
        wave: args.wave.format(),
    };
    let load = || load::open(&args.model, &load_options(&args.model.run));
    run_batch(&args.files, &args.model.run, |options, console| {
        roundtrip_files(options, &settings, load, console, &console.signals.token)
    })
}
