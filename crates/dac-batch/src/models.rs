//! Models for decoding token files, each loaded once.

use std::sync::{Mutex, PoisonError};

use dac::codec::BatchTotals;
use dac::tokens::TokenMeta;
use dac::{Dac, Preset};

use crate::error::BatchError;

/// Model for tokens that name none and whose number of codebooks fits no preset.
pub const DEFAULT_MODEL: Preset = Preset::Khz44;

/// Loads the weights of a preset.
type LoadPreset<'a> = dyn Fn(Preset) -> Result<Dac, BatchError> + Send + Sync + 'a;

/// Models that token files need.
pub struct Models<'a> {
    requested: Option<Dac>,
    load: Box<LoadPreset<'a>>,
    loaded: Mutex<Vec<(Preset, Dac)>>,
}

impl<'a> Models<'a> {
    /// Uses the `requested` model for all tokens. Without one, each token file decides, and `load` loads its
    /// preset.
    pub fn new(
        requested: Option<Dac>,
        load: impl Fn(Preset) -> Result<Dac, BatchError> + Send + Sync + 'a,
    ) -> Self {
        Self { requested, load: Box::new(load), loaded: Mutex::default() }
    }

    /// The model requested for all tokens.
    pub fn requested(&self) -> Option<&Dac> {
        self.requested.as_ref()
    }

    /// What the device has computed in batches of several files, with all models together.
    pub(crate) fn batch_totals(&self) -> Option<BatchTotals> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let models = self.requested.iter().chain(loaded.iter().map(|(_, dac)| dac));
        models.filter_map(|dac| dac.codec().batch_totals()).reduce(BatchTotals::plus)
    }

    /// Model for tokens with this metadata and number of codebooks: the requested one, else the one that the
    /// tokens name, else the preset with this number of codebooks. Calls `warn` the first time it guesses a
    /// preset.
    ///
    /// # Errors
    /// When the tokens were made with another model than the requested one, or their model cannot be loaded.
    pub fn for_tokens(
        &self,
        meta: &TokenMeta,
        codebooks: Option<usize>,
        warn: &dyn Fn(&str),
    ) -> Result<Dac, BatchError> {
        let named = meta.model.as_deref();
        let dac = match (&self.requested, named.map(str::parse::<Preset>)) {
            (Some(dac), _) => dac.clone(),
            (None, Some(Ok(preset))) => self.preset(preset, || {})?,
            (None, Some(Err(_))) => {
                let name = named.unwrap_or_default();
                return Err(BatchError::Job(format!(
                    "made with {}; give the same weights with --weights FILE",
                    describe(name, meta.weights_sha256.as_deref())
                )));
            }
            (None, None) => {
                let preset = codebooks.and_then(Preset::of_codebooks).unwrap_or(DEFAULT_MODEL);
                self.preset(preset, || {
                    warn(&format!(
                        "the tokens name no model; assuming {preset} (choose another with --model)"
                    ));
                })?
            }
        };
        let used = dac.info().name.as_str();
        match named {
            Some(name) if name != used => Err(BatchError::Job(format!(
                "made with {}; {} cannot decode it: {}",
                describe(name, meta.weights_sha256.as_deref()),
                describe(used, Some(&dac.info().weights_sha256)),
                match name.parse::<Preset>() {
                    Ok(_) => format!("leave out --model and --weights, or give --model {name}"),
                    Err(_) => "give the same weights with --weights FILE".to_owned(),
                },
            ))),
            _ => Ok(dac),
        }
    }

    /// Loads a preset unless it is loaded; calls `before_loading` if it is not.
    fn preset(&self, preset: Preset, before_loading: impl FnOnce()) -> Result<Dac, BatchError> {
        // Locked while loading: workers that need the same model wait for it.
        let poisoned = |_| BatchError::internal("the list of models is lost");
        let mut loaded = self.loaded.lock().map_err(poisoned)?;
        if let Some((_, dac)) = loaded.iter().find(|(name, _)| *name == preset) {
            return Ok(dac.clone());
        }
        before_loading();
        let dac = (self.load)(preset)?;
        loaded.push((preset, dac.clone()));
        Ok(dac)
    }
}

/// Digits of a hash that a message shows.
const SHOWN_DIGITS: usize = 12;

/// Describes a model by its name. Weights in the shape of no preset are named `custom`; their hash
/// identifies them.
fn describe(name: &str, sha256: Option<&str>) -> String {
    if name != "custom" {
        return format!("the model '{name}'");
    }
    let digits = sha256.and_then(|hash| hash.get(..SHOWN_DIGITS));
    let hash = digits.map_or_else(String::new, |digits| format!(" (SHA-256 {digits}…)"));
    format!("custom weights{hash}")
}
