//! The model that a command works with, and how many of its codebooks.

use std::path::Path;
use std::sync::Mutex;

use anyhow::{Error, anyhow, bail};
use dac::cache::{self, Environment};
use dac::codec::{CodecError, NetworkShape};
use dac::tokens::TokenInfo;
use dac::tokens::TokenMeta;
use dac::{Dac, Device, LoadOptions, ModelSource, Precision, Preset};

use crate::args::{BitrateArgs, DEFAULT_MODEL, ModelArgs, RunArgs};
use crate::exit::Usage;
use crate::report::say;

/// Opens the model of `--model`, `--weights` or the default.
pub(crate) fn open(args: &ModelArgs) -> Result<Dac, Error> {
    open_named(args.model, args.weights.as_deref(), &args.run)
}

/// Opens weights from a file, or else a preset's from the program or a cache.
pub(crate) fn open_named(model: Option<Preset>, weights: Option<&Path>, run: &RunArgs) -> Result<Dac, Error> {
    let (source, expected) = match weights {
        Some(path) => {
            if !path.is_file() {
                return Err(Usage(format!("{}: no such file of weights", path.display())).into());
            }
            (ModelSource::File(path.to_owned()), model)
        }
        None => {
            let preset = model.unwrap_or(DEFAULT_MODEL);
            (source_of(preset)?, Some(preset))
        }
    };
    open_source(&source, expected, run)
}

/// Opens a source; a device or precision that this build or machine lacks is wrong usage.
pub(crate) fn open_source(
    source: &ModelSource,
    expected: Option<Preset>,
    run: &RunArgs,
) -> Result<Dac, Error> {
    if run.memory_budget.is_some() && run.device == Device::Cpu {
        let why = "--memory-budget has a meaning on devices of burn alone; the engine (cpu) needs little memory by itself";
        return Err(Usage(why.to_owned()).into());
    }
    if matches!(run.device, Device::Cuda(_)) && run.precision == Precision::F32 {
        say(format_args!(
            "{}: burn may round the factors of f32 products to TF32 (10 bits) here, and codes may differ from the CPU's; \
             `dac doctor` compares them, and wgpu does not round",
            run.device
        ));
    }
    Dac::open(source, expected, &load_options(run)).map_err(|error| match error {
        dac::Error::Codec(
            CodecError::Device(_) | CodecError::Precision { .. } | CodecError::MemoryBudget { .. },
        )
        | dac::Error::NoTiny => Usage(error.to_string()).into(),
        other => other.into(),
    })
}

fn load_options(run: &RunArgs) -> LoadOptions {
    let mut options = LoadOptions::default();
    options.device = run.device;
    options.threads = run.threads.map(usize::from);
    options.precision = run.precision;
    options.memory_budget_bytes = run.memory_budget;
    options.low_latency = run.low_latency;
    options.timings = run.timings;
    options
}

/// Where a preset's weights are, told on standard error.
fn source_of(preset: Preset) -> Result<ModelSource, Usage> {
    if preset == Preset::Tiny {
        return Ok(ModelSource::Preset(preset));
    }
    match cache::find(preset, &Environment::from_process()) {
        Some(found) => {
            say(format_args!("{preset}: weights from {} ({})", found.path.display(), found.origin));
            Ok(ModelSource::File(found.path))
        }
        None => Err(Usage(no_weights(preset))),
    }
}

/// Why a preset cannot be used, and every way out.
fn no_weights(preset: Preset) -> String {
    let mut text = format!("there are no weights for {preset} on this machine. Either\n");
    text += &format!("  dac download {preset}    fetches the published ones, or\n");
    if cfg!(feature = "tiny") {
        text += "  --model tiny          takes the small model that is part of this program, or\n";
    }
    text + "  --weights FILE        takes a checkpoint that you have"
}

/// The models that token files ask for, each loaded once.
pub(crate) struct Models<'a> {
    args: &'a ModelArgs,
    fixed: Option<Dac>,
    loaded: Mutex<Vec<(Preset, Dac)>>,
}

impl<'a> Models<'a> {
    /// Loads the model that was asked for; without `--model` and `--weights`, the files decide one by one.
    pub(crate) fn new(args: &'a ModelArgs) -> Result<Self, Error> {
        let asked = args.model.is_some() || args.weights.is_some();
        let fixed = if asked { Some(open(args)?) } else { None };
        Ok(Self { args, fixed, loaded: Mutex::default() })
    }

    /// The model that was asked for, if one was.
    pub(crate) fn fixed(&self) -> Option<&Dac> {
        self.fixed.as_ref()
    }

    /// The model to decode a file with: the one that was asked for, else the one it names, else the one that its number of
    /// codebooks suggests.
    ///
    /// # Errors
    /// When the file is of another model than the one asked for, or its model cannot be loaded.
    pub(crate) fn for_tokens(&self, info: &TokenInfo) -> Result<Dac, Error> {
        self.for_meta(&info.meta, info.codes.map(|[_, codebooks, _]| codebooks))
    }

    /// The same from what is known of tokens, and how many codebooks their codes have.
    ///
    /// # Errors
    /// As [`Models::for_tokens`].
    pub(crate) fn for_meta(&self, meta: &TokenMeta, codebooks: Option<usize>) -> Result<Dac, Error> {
        let dac = match (&self.fixed, meta.model.as_deref().map(str::parse::<Preset>)) {
            (Some(dac), _) => dac.clone(),
            (None, None) => self.load(guess(codebooks), true)?,
            (None, Some(Ok(preset))) => self.load(preset, false)?,
            (None, Some(Err(unknown))) => {
                bail!("was made with the model '{}': give its weights with --weights FILE", unknown.found)
            }
        };
        let (made_with, used) = (meta.model.as_deref(), dac.info().name.as_str());
        if let Some(made_with) = made_with.filter(|&name| name != used) {
            return Err(anyhow!("was made with the model {made_with}, not with {used}"));
        }
        Ok(dac)
    }

    fn load(&self, preset: Preset, guessed: bool) -> Result<Dac, Error> {
        // Held while loading: whoever wants the same model meanwhile waits for it.
        let mut loaded = self.loaded.lock().map_err(|_| anyhow!("the models' list is lost"))?;
        if let Some((_, dac)) = loaded.iter().find(|(name, _)| *name == preset) {
            return Ok(dac.clone());
        }
        if guessed {
            say(format_args!("the tokens name no model and are taken for {preset}; --model names another"));
        }
        let dac = open_named(Some(preset), None, &self.args.run)?;
        loaded.push((preset, dac.clone()));
        Ok(dac)
    }
}

/// The model that a file without a model's name is taken for.
fn guess(codebooks: Option<usize>) -> Preset {
    codebooks.and_then(Preset::of_codebooks).unwrap_or(DEFAULT_MODEL)
}

/// How many codebooks `--quantizers` or `--bitrate` mean for a model; none when neither was given.
///
/// # Errors
/// When the model has fewer.
pub(crate) fn codebooks(args: &BitrateArgs, shape: &NetworkShape) -> Result<Option<usize>, Usage> {
    if let Some(asked) = args.quantizers.map(usize::from) {
        if asked > shape.codebooks {
            return Err(Usage(format!("--quantizers {asked}: the model has {} codebooks", shape.codebooks)));
        }
        return Ok(Some(asked));
    }
    let Some(kbps) = args.bitrate else { return Ok(None) };
    let fitting = (1..=shape.codebooks).rev().find(|&count| nominal_kbps(shape, count) <= kbps);
    Ok(Some(fitting.unwrap_or(1)))
}

/// The nominal bitrate as it is printed: kbit/s to two decimals.
pub(crate) fn nominal_kbps(shape: &NetworkShape, codebooks: usize) -> f64 {
    (shape.bitrate_kbps(codebooks) * 100.0).round() / 100.0
}

/// Says how `--bitrate` was understood.
pub(crate) fn tell_bitrate(args: &BitrateArgs, shape: &NetworkShape, codebooks: Option<usize>) {
    if let (Some(kbps), Some(count)) = (args.bitrate, codebooks) {
        let nominal = nominal_kbps(shape, count);
        say(format_args!(
            "--bitrate {kbps}: {count} of {} codebooks, nominally {nominal:.2} kbit/s",
            shape.codebooks
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_bitrate(preset: Preset, kbps: f64) -> usize {
        let args = BitrateArgs { quantizers: None, bitrate: Some(kbps) };
        codebooks(&args, &preset.shape()).unwrap().unwrap()
    }

    #[test]
    fn a_bitrate_is_an_upper_bound_with_one_codebook_at_least() {
        for (kbps, count) in
            [(0.1, 1), (0.86, 1), (1.71, 1), (1.72, 2), (6.0, 6), (7.74, 8), (7.75, 9), (64.0, 9)]
        {
            assert_eq!(by_bitrate(Preset::Khz44, kbps), count, "{kbps}");
        }
        assert_eq!(by_bitrate(Preset::Khz44Kbps16, 15.5), 18);
        assert_eq!(by_bitrate(Preset::Khz24, 24.0), 32);
        assert_eq!(by_bitrate(Preset::Khz24, 0.75), 1);
        assert_eq!(by_bitrate(Preset::Khz16, 5.99), 11);
    }

    #[test]
    fn more_quantizers_than_there_are_is_wrong_usage() {
        let ask = |count: usize| {
            let args = BitrateArgs { quantizers: std::num::NonZeroUsize::new(count), bitrate: None };
            codebooks(&args, &Preset::Khz16.shape())
        };
        assert_eq!(ask(12).unwrap(), Some(12));
        assert!(ask(13).unwrap_err().0.contains("12 codebooks"));
        assert_eq!(
            codebooks(&BitrateArgs { quantizers: None, bitrate: None }, &Preset::Khz16.shape()).unwrap(),
            None
        );
    }

    #[test]
    fn missing_weights_name_the_ways_out() {
        let text = no_weights(Preset::Khz44);
        assert!(text.contains("dac download 44khz") && text.contains("--weights FILE"));
        assert_eq!(text.contains("--model tiny"), cfg!(feature = "tiny"));
    }
}
