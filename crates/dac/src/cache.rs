//! Search for weights in the caches on this machine.
//!
//! [`find`] searches, in this order,
//! 1. our own cache: `weights/` in `$DAC_HOME`, or in the directory `dac` of the platform's cache directory;
//! 2. the Python package's: `~/.cache/descript/dac/weights_{44khz|24khz|16khz}_{8kbps|16kbps}_{tag}.pth`;
//! 3. Hugging Face's hub cache: `models--OWNER--NAME/snapshots/*/FILE`.
//!
//! Nothing here opens a file, creates a directory or downloads. Unfinished downloads have other names
//! ([`PARTIAL_SUFFIX`]) and are not found.

use std::fmt;
use std::path::{Path, PathBuf};

use dac_model::Preset;
use dac_model::registry::{Source, published};
use etcetera::BaseStrategy;

/// Extensions of weights files in our own cache.
const EXTENSIONS: [&str; 3] = ["pth", "safetensors", "pt"];

/// Suffix of the name of an unfinished download.
pub const PARTIAL_SUFFIX: &str = ".part";

/// The directories and environment variables that determine where caches are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Home directory of the user.
    pub home: Option<PathBuf>,
    /// Cache directory of the platform (`~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`).
    pub platform_cache: Option<PathBuf>,
    /// `DAC_HOME`, which replaces our own cache directory.
    pub dac_home: Option<PathBuf>,
    /// `HF_HUB_CACHE`, or its older name `HUGGINGFACE_HUB_CACHE`: the hub cache itself.
    pub hf_hub_cache: Option<PathBuf>,
    /// `HF_HOME`: parent directory of the hub cache `hub`.
    pub hf_home: Option<PathBuf>,
    /// `XDG_CACHE_HOME`: parent directory of `huggingface/hub`.
    pub xdg_cache_home: Option<PathBuf>,
}

impl Environment {
    /// Reads the environment of this process. Empty variables count as unset.
    pub fn from_process() -> Self {
        let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let platform = etcetera::base_strategy::choose_native_strategy().ok();
        Self {
            home: etcetera::home_dir().ok(),
            platform_cache: platform.map(|strategy| strategy.cache_dir()),
            dac_home: folder("DAC_HOME"),
            hf_hub_cache: folder("HF_HUB_CACHE").or_else(|| folder("HUGGINGFACE_HUB_CACHE")),
            hf_home: folder("HF_HOME"),
            xdg_cache_home: folder("XDG_CACHE_HOME"),
        }
    }

    /// Returns our own cache directory, which may not exist; `None` when neither `DAC_HOME` nor a home
    /// directory is known.
    pub fn cache_folder(&self) -> Option<PathBuf> {
        self.dac_home.clone().or_else(|| self.platform_cache.as_ref().map(|cache| cache.join("dac")))
    }

    /// Returns the directory of weights in our own cache.
    pub fn weights_folder(&self) -> Option<PathBuf> {
        self.cache_folder().map(|folder| folder.join("weights"))
    }

    /// Returns the directory of prepared weights in our own cache.
    pub fn prepared_folder(&self) -> Option<PathBuf> {
        self.cache_folder().map(|folder| folder.join("prepared"))
    }

    /// Returns the directory of autotune results of GPUs in our own cache.
    pub fn autotune_folder(&self) -> Option<PathBuf> {
        self.cache_folder().map(|folder| folder.join("autotune"))
    }

    /// Returns the Python package's cache, which is in `~/.cache` on every platform.
    fn python_folder(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(".cache").join("descript").join("dac"))
    }

    /// Returns Hugging Face's hub cache, from the first of its settings that is set.
    fn hub_folder(&self) -> Option<PathBuf> {
        self.hf_hub_cache
            .clone()
            .or_else(|| self.hf_home.as_ref().map(|home| home.join("hub")))
            .or_else(|| self.xdg_cache_home.as_ref().map(|cache| cache.join("huggingface").join("hub")))
            .or_else(|| self.home.as_ref().map(|home| home.join(".cache").join("huggingface").join("hub")))
    }
}

/// The cache that a file was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Our own cache.
    Own,
    /// Cache of the Python package `descript-audio-codec`.
    PythonPackage,
    /// Hub cache of Hugging Face.
    HuggingFace,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "dac cache",
            Self::PythonPackage => "Python package's cache",
            Self::HuggingFace => "Hugging Face cache",
        })
    }
}

/// A weights file on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedWeights {
    /// Preset, from the file's name; checked when the file is loaded.
    pub preset: Preset,
    /// Path of the file.
    pub path: PathBuf,
    /// Cache that contains the file.
    pub origin: Origin,
    /// Publisher, from the file's name; `None` for a custom file.
    pub source: Option<Source>,
}

/// Returns the weights to use for `preset`: the first of [`find_all`].
pub fn find(preset: Preset, environment: &Environment) -> Option<CachedWeights> {
    find_all(preset, environment).into_iter().next()
}

/// Returns all weights for `preset` on this machine, most preferred first: custom files of our own cache,
/// then its published ones, the Python package's cache, Hugging Face's cache.
pub fn find_all(preset: Preset, environment: &Environment) -> Vec<CachedWeights> {
    let in_folder = |folder: Option<PathBuf>, files: fn(Preset, &Path) -> Vec<WeightsPath>| {
        folder.map_or_else(Vec::new, |folder| files(preset, &folder))
    };
    let caches = [
        (Origin::Own, in_folder(environment.weights_folder(), own)),
        (Origin::PythonPackage, in_folder(environment.python_folder(), python_package)),
        (Origin::HuggingFace, in_folder(environment.hub_folder(), hugging_face)),
    ];
    let weights = caches.into_iter().flat_map(|(origin, files)| {
        files.into_iter().map(move |(path, source)| CachedWeights { preset, path, origin, source })
    });
    weights.filter(|weights| is_filled(&weights.path)).collect()
}

/// Possible path of a weights file, and its publisher.
type WeightsPath = (PathBuf, Option<Source>);

/// Returns the directories that [`find`] searches, in order, whether they exist or not.
pub fn searched_folders(environment: &Environment) -> Vec<PathBuf> {
    [environment.weights_folder(), environment.python_folder(), environment.hub_folder()]
        .into_iter()
        .flatten()
        .collect()
}

/// Returns the path of weights for `preset` in our own cache: under the published name, or without a
/// publisher as `PRESET-custom.EXTENSION`. `None` when there is no cache directory, or the publisher does not
/// offer the preset.
pub fn place(
    preset: Preset,
    source: Option<Source>,
    extension: &str,
    environment: &Environment,
) -> Option<PathBuf> {
    let name = match source {
        Some(source) => published(preset, source)?.file_name.to_owned(),
        None => {
            let known = EXTENSIONS.iter().find(|known| known.eq_ignore_ascii_case(extension));
            format!("{preset}-custom.{}", known.unwrap_or(&EXTENSIONS[0]))
        }
    };
    environment.weights_folder().map(|folder| folder.join(name))
}

fn own(preset: Preset, folder: &Path) -> Vec<WeightsPath> {
    let custom = EXTENSIONS.map(|extension| (format!("{preset}-custom.{extension}"), None));
    let named = Source::ALL
        .into_iter()
        .filter_map(|source| Some((published(preset, source)?.file_name.to_owned(), Some(source))));
    custom.into_iter().chain(named).map(|(name, source)| (folder.join(name), source)).collect()
}

/// Finds files with any tag: first that of the published file, then the others by name, in descending order.
fn python_package(preset: Preset, folder: &Path) -> Vec<WeightsPath> {
    let Some(prefix) = preset.python_cache_prefix() else { return Vec::new() };
    let tag = published(preset, Source::Descript).and_then(|file| file.tag).unwrap_or_default();
    let mut names = names_in(folder);
    names.retain(|name| name.starts_with(prefix) && name.ends_with(".pth"));
    let published_name = format!("{prefix}{tag}.pth");
    names.sort_by(|a, b| (*b == published_name).cmp(&(*a == published_name)).then_with(|| b.cmp(a)));
    names.into_iter().map(|name| (folder.join(name), Some(Source::Descript))).collect()
}

/// Finds the snapshots of each repository: first the one that `refs/main` names, then the others by name.
fn hugging_face(preset: Preset, hub: &Path) -> Vec<WeightsPath> {
    let mut found = Vec::new();
    for file in preset.published() {
        let Some(repository) = file.repository else { continue };
        let folder = hub.join(format!("models--{}", repository.replace('/', "--")));
        let main = std::fs::read_to_string(folder.join("refs").join("main")).unwrap_or_default();
        let snapshots = folder.join("snapshots");
        let mut names = names_in(&snapshots);
        names.sort_by(|a, b| (b == main.trim()).cmp(&(a == main.trim())).then_with(|| a.cmp(b)));
        let path = |name| (snapshots.join(name).join(file.published_name()), Some(file.source));
        found.extend(names.into_iter().map(path));
    }
    found
}

/// Returns the names in a directory that are Unicode; none when it cannot be read.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Returns true for a file with content; follows links.
fn is_filled(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0)
}
