//! The release binary `dac`, built with the backends that a task needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, bail};
use serde::Deserialize;

use crate::process::{cargo, command, run, stdout_of, target_dir};

/// A built `dac`.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    path: PathBuf,
}

/// A preset as printed by `dac models --json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Model {
    #[serde(rename = "model")]
    pub(crate) name: String,
    pub(crate) sample_rate_hz: u32,
    pub(crate) hop_samples: u32,
}

impl Binary {
    /// Uses the binary at `path`.
    pub(crate) fn at(path: &Path) -> Result<Self, Error> {
        if !path.is_file() {
            bail!("{}: no such file", path.display());
        }
        Ok(Self { path: std::path::absolute(path)? })
    }

    /// Uses the binary at `path` or makes a release build with the features that `devices` need.
    pub(crate) fn find_or_build(path: Option<&Path>, devices: &[String]) -> Result<Self, Error> {
        if let Some(path) = path {
            return Self::at(path);
        }
        let mut build = cargo();
        build.args(["build", "--release", "-p", "dac-cli"]);
        let features = features(devices);
        if !features.is_empty() {
            build.arg("--features").arg(features.join(","));
        }
        run(&mut build)?;
        Ok(Self::built())
    }

    /// Builds the binary that is shipped: default features, stripped, with the C library linked in where
    /// possible.
    ///
    /// Only the last link step has these options, so that everything else is shared with an ordinary release
    /// build.
    pub(crate) fn build_shipped() -> Result<Self, Error> {
        let mut build = cargo();
        build.args(["rustc", "--release", "-p", "dac-cli", "--bin", "dac", "--", "-C", "strip=symbols"]);
        if cfg!(any(target_os = "linux", target_env = "msvc")) {
            build.args(["-C", "target-feature=+crt-static"]);
        }
        run(&mut build)?;
        Ok(Self::built())
    }

    fn built() -> Self {
        Self { path: target_dir().join("release").join(format!("dac{}", std::env::consts::EXE_SUFFIX)) }
    }

    /// Path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a command that runs the binary.
    pub(crate) fn command(&self) -> Command {
        command(&self.path)
    }

    /// Asks the binary for a preset; fails if it does not know it.
    pub(crate) fn model(&self, name: &str) -> Result<Model, Error> {
        let text = stdout_of(self.command().args(["models", "--json"]))?;
        let models: Result<Vec<Model>, _> = text.lines().map(serde_json::from_str).collect();
        let models = models.context("cannot read the output of dac models --json")?;
        let names: Vec<_> = models.iter().map(|model| model.name.clone()).collect();
        let found = models.into_iter().find(|model| model.name == name);
        found.with_context(|| format!("unknown model '{name}'; expected one of {}", names.join(", ")))
    }
}

/// Lists the features of dac-cli, in addition to the default ones, that the devices need.
fn features(devices: &[String]) -> Vec<&'static str> {
    let is_needed = |feature: &&str| devices.iter().any(|device| device.split(':').next() == Some(feature));
    ["wgpu", "cuda", "ndarray"].into_iter().filter(is_needed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_adds_its_feature_once() {
        let names = |devices: &[&str]| features(&devices.iter().map(|d| (*d).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["cpu", "flex"]), [""; 0]);
        assert_eq!(names(&["wgpu:0", "cpu", "wgpu:1", "ndarray"]), ["wgpu", "ndarray"]);
    }
}
