//! The binary's side: the reference's input encoded, the reference's codes decoded.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Error};

use super::{Reference, rate_and_hop};
use crate::binary::Binary;
use crate::process::run;
use crate::tensors::{File, Tensor, write_codes};
use crate::wav;

/// The encode's result.
const TOKENS: &str = "input.safetensors";
/// The decode's result.
const WAVE: &str = "codes.wav";

/// One device's runs.
pub(super) struct Session<'a> {
    pub(super) binary: &'a Binary,
    pub(super) reference: &'a Reference,
    pub(super) preset: &'a str,
    pub(super) device: &'a str,
    pub(super) precision: &'a str,
    /// Threads of the binary; as many as it takes by itself if not given.
    pub(super) threads: Option<usize>,
    /// Where files go; those of an earlier run are replaced.
    pub(super) folder: &'a Path,
}

impl Session<'_> {
    /// Codes and z of the reference's input.
    pub(super) fn encode(&self) -> Result<(Tensor<u16>, Tensor<f32>), Error> {
        let (rate_hz, _) = rate_and_hop(self.preset)?;
        let input = self.folder.join("input.wav");
        wav::write(&input, &self.reference.input.values, rate_hz)?;
        run(self.dac("encode", &input).args(["--save", "codes,z", "--format", "safetensors"]))?;
        let tokens = File::read(&self.folder.join("out").join(TOKENS))?;
        Ok((tokens.codes("codes")?, tokens.floats("z")?))
    }

    /// Audio of the reference's codes, frames · hop samples.
    pub(super) fn decode(&self) -> Result<Vec<f32>, Error> {
        let (rate_hz, hop) = rate_and_hop(self.preset)?;
        let codes = &self.reference.codes;
        let samples = codes.shape[2] * hop as usize;
        let metadata = [
            ("model", self.preset.to_owned()),
            ("model_rate_hz", rate_hz.to_string()),
            ("input_rate_hz", rate_hz.to_string()),
            ("input_samples", samples.to_string()),
        ];
        let metadata = metadata.map(|(name, value)| (name.to_owned(), value));
        let path = self.folder.join("codes.safetensors");
        write_codes(&path, codes, HashMap::from(metadata))?;
        run(self.dac("decode", &path).args(["--sample-format", "f32"]))?;
        wav::read(&self.folder.join("out").join(WAVE))
    }

    /// The bytes of both results as they lie there.
    pub(super) fn results(&self) -> Result<[Vec<u8>; 2], Error> {
        let read = |name| {
            let path = self.folder.join("out").join(name);
            std::fs::read(&path).with_context(|| path.display().to_string())
        };
        Ok([read(TOKENS)?, read(WAVE)?])
    }

    fn dac(&self, what: &str, input: &Path) -> Command {
        let mut command = self.binary.command();
        command.arg(what).arg(input).arg("--output").arg(self.folder.join("out")).arg("--overwrite");
        command.args(["--model", self.preset, "--device", self.device]);
        command.arg("--weights").arg(self.reference.weights());
        if self.device == "cpu" {
            command.args(["--precision", self.precision]);
        }
        if let Some(threads) = self.threads {
            command.args(["--threads", &threads.to_string()]);
        }
        command
    }
}
