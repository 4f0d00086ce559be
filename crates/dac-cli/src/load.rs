//! Loads the models of commands.

use std::path::{Path, PathBuf};

use dac::cache::{self, Environment};
use dac::codec::CodecError;
use dac::formulations;
use dac::weights::Checkpoint;
use dac::{Dac, Device, LoadOptions, ModelSource, Preset};
use dac_batch::{BatchError, DEFAULT_MODEL, Models};

use crate::args::ModelArgs;
use crate::output::eprint_line;

/// Opens the model of `--model` or `--weights`, or the default.
pub(crate) fn open(args: &ModelArgs, options: &LoadOptions) -> Result<Dac, BatchError> {
    open_named(args.model, args.weights.as_deref(), options)
}

/// Opens the weights in a file, or those of a preset in the program or a cache.
pub(crate) fn open_named(
    model: Option<Preset>,
    weights: Option<&Path>,
    options: &LoadOptions,
) -> Result<Dac, BatchError> {
    match weights {
        Some(path) => open_source(&ModelSource::File(check_is_file(path, model)?), model, options),
        None => {
            let preset = model.unwrap_or(DEFAULT_MODEL);
            let source = find_source(preset).ok_or_else(|| no_weights(preset, model.is_none()))?;
            open_source(&source, Some(preset), options)
        }
    }
}

/// Returns the weights file of `--weights` or of a preset in a cache.
pub(crate) fn weights_file(model: Option<Preset>, weights: Option<&Path>) -> Result<PathBuf, BatchError> {
    if let Some(path) = weights {
        return check_is_file(path, model);
    }
    let preset = model.unwrap_or(DEFAULT_MODEL);
    match find_source(preset) {
        Some(ModelSource::File(path)) => Ok(path),
        Some(_) => Err(BatchError::Usage(format!("{preset} is part of this program and loads at once"))),
        None => Err(no_weights(preset, false)),
    }
}

fn check_is_file(path: &Path, model: Option<Preset>) -> Result<PathBuf, BatchError> {
    if path.is_dir() {
        return Err(BatchError::Usage(match Checkpoint::open(path, model) {
            Err(error) => error.to_string(),
            Ok(_) => format!("{}: is a directory", path.display()),
        }));
    }
    if !path.is_file() {
        return Err(BatchError::Usage(format!("weights file not found: {}", path.display())));
    }
    Ok(path.to_owned())
}

/// Opens a source. A device or precision that this build or machine lacks is a usage error.
pub(crate) fn open_source(
    source: &ModelSource,
    expected: Option<Preset>,
    options: &LoadOptions,
) -> Result<Dac, BatchError> {
    if options.memory_budget_bytes.is_some() && options.device == Device::Cpu {
        let error = "--memory-budget applies only to burn devices; the cpu engine always needs little memory";
        return Err(BatchError::Usage(error.to_owned()));
    }
    if options.formulations.is_some() && options.device == Device::Cpu {
        let error = "--formulation applies only to burn devices; the cpu engine has its own convolutions";
        return Err(BatchError::Usage(error.to_owned()));
    }
    let mut options = options.clone();
    if options.device != Device::Cpu && options.formulations.is_none() {
        options.formulations = formulations::find(&options, &Environment::from_process());
    }
    let opened = Dac::open(source, expected, &options).map_err(|error| match error {
        dac::Error::Codec(
            CodecError::Device(_) | CodecError::Precision { .. } | CodecError::MemoryBudget { .. },
        )
        | dac::Error::NoTiny => BatchError::Usage(error.to_string()),
        other => BatchError::from(other),
    })?;
    for warning in opened.info().report.iter().flat_map(|report| &report.warnings) {
        eprint_line(format_args!("warning: {warning}"));
    }
    Ok(opened)
}

/// Loads the model requested with `--model` or `--weights`; without them, each token file decides.
pub(crate) fn models(args: &ModelArgs, options: LoadOptions) -> Result<Models<'static>, BatchError> {
    let is_requested = args.model.is_some() || args.weights.is_some();
    let requested = if is_requested { Some(open(args, &options)?) } else { None };
    Ok(Models::new(requested, move |preset| open_named(Some(preset), None, &options)))
}

/// Finds the weights of a preset and prints their path.
fn find_source(preset: Preset) -> Option<ModelSource> {
    if preset == Preset::Tiny {
        return Some(ModelSource::Preset(preset));
    }
    let found = cache::find(preset, &Environment::from_process())?;
    eprint_line(format_args!("{preset}: weights from {} ({})", found.path.display(), found.origin));
    Some(ModelSource::File(found.path))
}

/// Error of a preset without weights, with the remedies. Another model is one of them for the default preset.
fn no_weights(preset: Preset, is_default: bool) -> BatchError {
    let mut text = format!(
        "the weights of {preset} are not on this machine; run `dac download {preset}`, or give a checkpoint \
         with --weights FILE"
    );
    if is_default && cfg!(feature = "tiny") {
        text += ", or use --model tiny, a small model that is part of this program";
    }
    BatchError::Usage(text)
}
