//! `dac encode`: encodes audio files to token files.

use anyhow::Error;
use dac_batch::encode_files;

use crate::args::EncodeArgs;
use crate::batch::{load_options, run_batch};
use crate::exit::{Exit, Usage};
use crate::load;
use crate::stdio;
use crate::token_settings::token_settings;

pub(crate) fn run(args: &EncodeArgs) -> Result<Exit, Error> {
    if stdio::is_requested(&args.files)? {
        return stdio::encode(args);
    }
    if args.raw_rate.is_some() {
        return Err(
            Usage("--raw-rate applies only to '-' (stdin); files contain their rate".to_owned()).into()
        );
    }
    let precision = args.model.run.precision;
    let settings = token_settings(&args.tokens, &args.bitrate, &args.chunk, Some(&args.pack), precision)?;
    let load = || load::open(&args.model, &load_options(&args.model.run));
    run_batch(&args.files, &args.model.run, |options, console| {
        encode_files(options, &settings, load, console, &console.signals.token)
    })
}
