//! The binary's results: the reference's input encoded, the reference's codes decoded.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error};

use super::Reference;
use crate::binary::Binary;
use crate::process::{run, target_dir};
use crate::tensors::{Tensor, TensorFile, write_codes};
use crate::wav;

const TOKENS: &str = "input.safetensors";
const AUDIO: &str = "codes.wav";

/// Settings of the binary's runs.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    pub binary: &'a Binary,
    pub reference: &'a Reference,
    pub device: &'a str,
    /// Precision of the device `cpu`.
    pub precision: &'a str,
    /// Number of threads; the binary's default if not given.
    pub threads: Option<usize>,
}

impl Session<'_> {
    /// Encodes the reference's input and returns codes and z.
    pub fn encode(&self) -> Result<(Tensor<u16>, Tensor<f32>), Error> {
        std::fs::create_dir_all(folder())?;
        let input = folder().join("input.wav");
        wav::write(&input, &self.reference.input.values, self.reference.model.sample_rate_hz)?;
        run(self.dac("encode", &input).args(["--save", "codes,z", "--format", "safetensors"]))?;
        let tokens = TensorFile::read(&result(TOKENS))?;
        Ok((tokens.codes("codes")?, tokens.floats("z")?))
    }

    /// Decodes the reference's codes, after an encode, and returns one hop of audio per frame.
    pub fn decode(&self) -> Result<Vec<f32>, Error> {
        let Reference { model, codes, .. } = self.reference;
        let rate_hz = model.sample_rate_hz;
        let samples = codes.shape[2] * model.hop_samples as usize;
        let metadata = HashMap::from([
            ("model".to_owned(), model.name.clone()),
            ("model_rate_hz".to_owned(), rate_hz.to_string()),
            ("input_rate_hz".to_owned(), rate_hz.to_string()),
            ("input_samples".to_owned(), samples.to_string()),
        ]);
        let path = folder().join("codes.safetensors");
        write_codes(&path, codes, metadata)?;
        run(self.dac("decode", &path).args(["--sample-format", "f32"]))?;
        wav::read(&result(AUDIO))
    }

    fn dac(&self, subcommand: &str, input: &Path) -> Command {
        let mut command = self.binary.command();
        command.arg(subcommand).arg(input).arg("--output").arg(folder().join("out")).arg("--overwrite");
        command.args(["--model", &self.reference.model.name, "--device", self.device]);
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

/// Reads the files of the last encode and decode.
pub fn result_bytes() -> Result<[Vec<u8>; 2], Error> {
    let read = |name| std::fs::read(result(name)).with_context(|| result(name).display().to_string());
    Ok([read(TOKENS)?, read(AUDIO)?])
}

fn result(name: &str) -> PathBuf {
    folder().join("out").join(name)
}

/// Directory for inputs and results, which each run replaces.
fn folder() -> PathBuf {
    target_dir().join("parity").join("work")
}
