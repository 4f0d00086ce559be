//! The release binary `dac`, built with the backends that a task needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, ensure};
use serde::Deserialize;

use crate::process::{cargo, command, run, stdout_of, target_dir};

#[derive(Debug, Clone)]
pub struct Binary {
    path: PathBuf,
}

/// A preset as printed by `dac models --json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Model {
    #[serde(rename = "model")]
    pub name: String,
    pub sample_rate_hz: u32,
    pub hop_samples: u32,
}

impl Binary {
    /// Uses the binary at `path`, or makes a release build with the features that `devices` need.
    pub fn find_or_build(path: Option<&Path>, devices: &[String]) -> Result<Self, Error> {
        if let Some(path) = path {
            ensure!(path.is_file(), "{}: no such file", path.display());
            return Ok(Self { path: std::path::absolute(path)? });
        }
        let mut build = cargo();
        build.args(["build", "--release", "-p", "dac-cli"]);
        let features = features(devices);
        if !features.is_empty() {
            build.arg("--features").arg(features.join(","));
        }
        run(&mut build)?;
        Ok(Self::built("release"))
    }

    /// Builds the binary that is shipped: default features, stripped, with the C library linked in where
    /// possible.
    ///
    /// Only the last link step has these options, so that everything else is shared with an ordinary release
    /// build.
    pub fn build_shipped(profile: &str) -> Result<Self, Error> {
        let mut build = cargo();
        build.args(["rustc", "--profile", profile, "-p", "dac-cli", "--bin", "dac"]);
        build.args(["--", "-C", "strip=symbols"]);
        if cfg!(any(target_os = "linux", target_env = "msvc")) {
            build.args(["-C", "target-feature=+crt-static"]);
        }
        run(&mut build)?;
        Ok(Self::built(profile))
    }

    fn built(profile: &str) -> Self {
        let folder = if profile == "dev" { "debug" } else { profile };
        Self { path: target_dir().join(folder).join(format!("dac{}", std::env::consts::EXE_SUFFIX)) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn command(&self) -> Command {
        command(&self.path)
    }

    /// Asks the binary for a preset; fails if it does not know it.
    pub fn model(&self, name: &str) -> Result<Model, Error> {
        let text = stdout_of(self.command().args(["models", "--json"]))?;
        let models: Result<Vec<Model>, _> = text.lines().map(serde_json::from_str).collect();
        let models = models.context("cannot read the output of dac models --json")?;
        let names: Vec<_> = models.iter().map(|model| model.name.clone()).collect();
        let found = models.into_iter().find(|model| model.name == name);
        found.with_context(|| format!("unknown model '{name}'; expected one of {}", names.join(", ")))
    }
}

/// Lists the features of dac-cli, in addition to the default ones, that the devices need.
pub fn features(devices: &[String]) -> Vec<&'static str> {
    let is_needed = |feature: &&str| devices.iter().any(|device| device.split(':').next() == Some(feature));
    ["wgpu", "cuda", "ndarray"].into_iter().filter(is_needed).collect()
}
