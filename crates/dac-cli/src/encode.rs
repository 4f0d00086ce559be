//! `dac encode`: encodes audio files to token files.

use anyhow::Error;
use dac_batch::{BatchOptions, EncodeSettings, encode_files};

use crate::args::EncodeArgs;
use crate::batch::{load_options, run_batch};
use crate::exit::{Exit, Usage};
use crate::load;
use crate::stdio;
use crate::token_settings::token_settings;

pub(crate) fn run(args: &EncodeArgs) -> Result<Exit, Error> {
    if stdio::is_requested(&args.files)? {
        if args.rows.is_given() {
            let error = "'-' (stdin) cannot be combined with --segment or other options for data sets";
            return Err(Usage(error.to_owned()).into());
        }
        if args.layout.settings()?.is_some() {
            return Err(Usage("'-' (stdin) cannot be combined with --layout; give a file".to_owned()).into());
        }
        if args.adopt {
            let error = "'-' (stdin) cannot be combined with --adopt, which is for batches of files";
            return Err(Usage(error.to_owned()).into());
        }
        return stdio::encode(args);
    }
    if args.raw_rate.is_some() {
        return Err(
            Usage("--raw-rate applies only to '-' (stdin); files contain their rate".to_owned()).into()
        );
    }
    let precision = args.model.run.precision;
    let settings = token_settings(&args.tokens, &args.bitrate, &args.chunk, Some(&args.pack), precision)?;
    let (segments, column) = (args.rows.segments(), args.rows.column());
    let settings = EncodeSettings { segments, column, layout: args.layout.settings()?, ..settings };
    let load = || load::open(&args.model, &load_options(&args.model.run));
    run_batch(&args.files, &args.model.run, |options, console| {
        let options =
            BatchOptions { adopt: args.adopt, retry_failed: args.pack.retry_failed, ..options.clone() };
        encode_files(&options, &settings, load, console, &console.signals.token)
    })
}
