//! Facts about a model that are recorded in two places: among its tensors, in the file's metadata, in the
//! `config.json` next to it. If two places disagree, the files belong to different models.

use std::mem::discriminant;

use dac_nn::NetworkShape;

use super::config_json::ConfigFile;
use super::error::Reason;
use super::properties::{Fact, PROPERTIES, Property, RATE_IN_CONFIG, RATE_IN_METADATA, RATES_HZ};
use super::tensor_file::TensorFile;

/// Where the facts about a file are recorded.
pub(crate) struct Places<'a> {
    pub(crate) file: &'a TensorFile,
    pub(crate) config: Option<&'a ConfigFile>,
    /// Whether the codec is part of a larger model, whose `config.json` describes more than the codec.
    pub(crate) is_part: bool,
}

impl Places<'_> {
    /// Sample rate in Hz, if it is recorded.
    pub(crate) fn sample_rate_hz(&self) -> Result<Option<u32>, Reason> {
        let number = |fact: &Fact| matches!(fact, Fact::Number(_));
        let in_file = self.file.fact(RATE_IN_METADATA).filter(number);
        let in_file = in_file.map(|fact| (fact, metadata_place(RATE_IN_METADATA)));
        let in_config = self.config.and_then(|config| {
            let fact = config.fact(RATE_IN_CONFIG, self.is_part).filter(number)?;
            Some((fact, config.place(RATE_IN_CONFIG)))
        });
        if let (Some(first), Some(second)) = (&in_file, &in_config) {
            check_equal("sample rate", first, second)?;
        }
        let Some((fact, place)) = in_file.or(in_config) else { return Ok(None) };
        match fact {
            Fact::Number(hz) if RATES_HZ.contains(&hz) => Ok(u32::try_from(hz).ok()),
            found => {
                let expected = format!("a sample rate from {} to {} Hz", RATES_HZ.start(), RATES_HZ.end());
                Err(Reason::InvalidFact { place, found: found.to_string(), expected })
            }
        }
    }

    /// Checks that the recorded facts agree with those of the tensors.
    pub(crate) fn check(&self, shape: &NetworkShape) -> Result<(), Reason> {
        for Property { name, metadata, config, of_shape } in &PROPERTIES {
            let of_tensors = (of_shape(shape), "its tensors".to_owned());
            if let Some((key, fact)) = metadata.and_then(|key| Some((key, self.file.fact(key)?))) {
                check_equal(name, &of_tensors, &(fact, metadata_place(key)))?;
            }
            let in_config = |key| Some((key, self.config?.fact(key, self.is_part)?));
            if let (Some((key, fact)), Some(file)) = (config.and_then(in_config), self.config) {
                check_equal(name, &of_tensors, &(fact, file.place(key)))?;
            }
        }
        Ok(())
    }
}

fn metadata_place(key: &str) -> String {
    format!("{key} in the file's metadata")
}

/// Compares two values of one fact. A number and a list are not compared: the reference accepts both for some
/// facts, and a wrong type gives a warning.
fn check_equal(
    property: &'static str,
    first: &(Fact, String),
    second: &(Fact, String),
) -> Result<(), Reason> {
    if first.0 == second.0 || discriminant(&first.0) != discriminant(&second.0) {
        return Ok(());
    }
    let describe = |(fact, place): &(Fact, String)| format!("{fact} by {place}");
    Err(Reason::Conflict { property, first: describe(first), second: describe(second) })
}
