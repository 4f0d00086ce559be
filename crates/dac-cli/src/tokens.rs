//! `dac tokens`: facts about the tokens of a model.

use anyhow::{Error, anyhow};
use dac::{Audio, EncodeOptions};
use serde_json::json;

use crate::args::TokensAction;
use crate::exit::Exit;
use crate::load;
use crate::output::{print_record, print_text};

/// Seconds of silence that are encoded, whose middle does not depend on the ends.
const SECONDS: usize = 2;

pub(crate) fn run(action: &TokensAction) -> Result<Exit, Error> {
    let TokensAction::Silence(args) = action;
    let dac = load::open(&args.model, &args.model.run.load_options())?;
    let shape = dac.shape();
    let codebooks = args.bitrate.limit().map(|limit| limit.resolve(shape)).transpose()?;
    let samples = vec![0.0; SECONDS * shape.sample_rate_hz as usize];
    let options = EncodeOptions { codebooks, ..EncodeOptions::default() };
    let tokens = dac.encode(&Audio::mono(samples, shape.sample_rate_hz), &options)?;
    let codes = tokens.codes.ok_or_else(|| anyhow!("internal error: silence has no codes"))?;
    let middle = codes.frames() / 2;
    let codes = codes.slice_frames(middle..middle + 1).into_vec();
    if args.json {
        print_record(
            &json!({ "model": dac.info().name, "weights_sha256": dac.info().weights_sha256, "codes": codes }),
        )?;
    } else {
        let codes: Vec<_> = codes.iter().map(ToString::to_string).collect();
        print_text(&codes.join(" "))?;
    }
    Ok(Exit::Done)
}
