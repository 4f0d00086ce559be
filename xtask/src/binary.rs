//! The release binary `dac`, with the backends that a task needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Error, bail};

use crate::process::{cargo, command, run, target};

/// A built `dac`.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    path: PathBuf,
}

impl Binary {
    /// The binary at `path`.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn at(path: &Path) -> Result<Self, Error> {
        if !path.is_file() {
            bail!("{}: no such file", path.display());
        }
        Ok(Self { path: std::path::absolute(path)? })
    }

    /// The binary at `asked`, or a release build with the features that `devices` need beside the default ones.
    ///
    /// # Errors
    /// When there is none or the build fails.
    pub(crate) fn for_devices(asked: Option<&Path>, devices: &[String]) -> Result<Self, Error> {
        if let Some(path) = asked {
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

    /// The binary as it is shipped: default features, stripped, the C library linked in where that is possible.
    ///
    /// Both are matters of the last link alone, as for the standard library, which is the same for both kinds: an ordinary
    /// release build shares everything else with this one.
    ///
    /// # Errors
    /// When the build fails.
    pub(crate) fn shipped() -> Result<Self, Error> {
        let mut build = cargo();
        build.args(["rustc", "--release", "-p", "dac-cli", "--bin", "dac", "--", "-C", "strip=symbols"]);
        if cfg!(any(target_os = "linux", target_env = "msvc")) {
            build.args(["-C", "target-feature=+crt-static"]);
        }
        run(&mut build)?;
        Ok(Self::built())
    }

    /// Where cargo puts it.
    fn built() -> Self {
        Self { path: target().join("release").join(format!("dac{}", std::env::consts::EXE_SUFFIX)) }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A command of it.
    pub(crate) fn command(&self) -> Command {
        command(&self.path)
    }
}

/// Features of dac-cli beside the default ones, for devices by the names of `--device`.
fn features(devices: &[String]) -> Vec<&'static str> {
    let mut features = Vec::new();
    for device in devices {
        let feature = match device.split(':').next() {
            Some("ndarray") => "ndarray",
            Some("wgpu") => "wgpu",
            Some("cuda") => "cuda",
            _ => continue,
        };
        if !features.contains(&feature) {
            features.push(feature);
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_bring_their_features_once() {
        let names = |devices: &[&str]| features(&devices.iter().map(|d| (*d).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["cpu", "flex"]), [""; 0]);
        assert_eq!(names(&["wgpu:0", "cpu", "wgpu:1", "ndarray"]), ["wgpu", "ndarray"]);
    }
}
