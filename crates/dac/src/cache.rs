//! Where weights lie on this machine: the cache folder of `dac`, and the caches of its relatives.
//!
//! [`find`] looks, in this order, into
//! 1. our own cache: `weights/` in `$DAC_HOME`, or in the folder `dac` of the platform's cache folder;
//! 2. the Python package's: `~/.cache/descript/dac/weights_{44khz|24khz|16khz}_{8kbps|16kbps}_{tag}.pth`;
//! 3. Hugging Face's hub cache: `models--OWNER--NAME/snapshots/*/model.safetensors`.
//!
//! Nothing here opens a file, creates a folder or downloads; a file that is still being downloaded never has the name
//! of a finished one and so is never found.

use std::fmt;
use std::path::{Path, PathBuf};

use dac_model::Preset;
use dac_model::registry::{Published, Source, published};
use etcetera::BaseStrategy;

/// Endings of weight files that are looked for in our own cache.
const EXTENSIONS: [&str; 3] = ["pth", "safetensors", "pt"];

/// The ending of a file that is still being downloaded.
pub const PARTIAL_SUFFIX: &str = ".part";

/// What of the environment decides where caches lie. Made from the process by [`Environment::from_process`], or by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The platform's cache folder (`~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`).
    pub platform_cache: Option<PathBuf>,
    /// `DAC_HOME`: replaces our own cache folder.
    pub dac_home: Option<PathBuf>,
    /// `HF_HUB_CACHE` (or its older name `HUGGINGFACE_HUB_CACHE`): the hub cache itself.
    pub hf_hub_cache: Option<PathBuf>,
    /// `HF_HOME`: the folder above the hub cache `hub`.
    pub hf_home: Option<PathBuf>,
    /// `XDG_CACHE_HOME`: the folder above `huggingface/hub`.
    pub xdg_cache_home: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process. Empty variables count as unset.
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

    /// Our own cache folder, which need not exist; none when neither `DAC_HOME` nor a home folder is known.
    pub fn cache_folder(&self) -> Option<PathBuf> {
        self.dac_home.clone().or_else(|| self.platform_cache.as_ref().map(|cache| cache.join("dac")))
    }

    /// The folder of weights in our own cache.
    pub fn weights_folder(&self) -> Option<PathBuf> {
        self.cache_folder().map(|folder| folder.join("weights"))
    }

    /// The folder of what GPUs find out about their fastest programs, in our own cache.
    pub fn autotune_folder(&self) -> Option<PathBuf> {
        self.cache_folder().map(|folder| folder.join("autotune"))
    }

    /// The Python package's cache, which is `~/.cache` on every platform.
    fn python_folder(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(".cache").join("descript").join("dac"))
    }

    /// Hugging Face's hub cache: the first of its settings that is set.
    fn hub_folder(&self) -> Option<PathBuf> {
        self.hf_hub_cache
            .clone()
            .or_else(|| self.hf_home.as_ref().map(|home| home.join("hub")))
            .or_else(|| self.xdg_cache_home.as_ref().map(|cache| cache.join("huggingface").join("hub")))
            .or_else(|| self.home.as_ref().map(|home| home.join(".cache").join("huggingface").join("hub")))
    }
}

/// Whose cache a file was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Our own.
    Own,
    /// The Python package `descript-audio-codec`.
    PythonPackage,
    /// Hugging Face's hub cache.
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

/// A file of weights on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedWeights {
    /// The model it is for, by its name; loading it proves that.
    pub preset: Preset,
    /// The file.
    pub path: PathBuf,
    /// Whose cache it lies in.
    pub origin: Origin,
    /// Whose copy it is by its name; none for a file that came from a chosen address or file.
    pub source: Option<Source>,
}

/// The weights that are used for `preset`: the first of [`find_all`].
pub fn find(preset: Preset, environment: &Environment) -> Option<CachedWeights> {
    find_all(preset, environment).into_iter().next()
}

/// All weights for `preset` on this machine, in the order of preference: our own cache (first a file that was put there from
/// a chosen address, then by publisher), the Python package's, Hugging Face's.
pub fn find_all(preset: Preset, environment: &Environment) -> Vec<CachedWeights> {
    let mut found = own(preset, environment);
    found.extend(python_package(preset, environment));
    found.extend(hugging_face(preset, environment));
    found
}

/// The folders that [`find`] looks into, in order, whether they exist or not.
pub fn searched_folders(environment: &Environment) -> Vec<PathBuf> {
    [environment.weights_folder(), environment.python_folder(), environment.hub_folder()]
        .into_iter()
        .flatten()
        .collect()
}

/// Where our own cache keeps weights for `preset`: the publisher's file under its name, or, with no publisher, whatever came
/// from a chosen address, as `PRESET-custom.EXTENSION`. None when there is no cache folder, or the source does not publish it.
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

fn own(preset: Preset, environment: &Environment) -> Vec<CachedWeights> {
    let Some(folder) = environment.weights_folder() else { return Vec::new() };
    let custom = EXTENSIONS.map(|extension| (format!("{preset}-custom.{extension}"), None));
    let named = Source::ALL
        .into_iter()
        .filter_map(|source| Some((published(preset, source)?.file_name.to_owned(), Some(source))));
    custom
        .into_iter()
        .chain(named)
        .map(|(name, source)| CachedWeights { preset, path: folder.join(name), origin: Origin::Own, source })
        .filter(|weights| is_filled(&weights.path))
        .collect()
}

/// Any tag is taken: first the one of the published file, then the others by name, the last first.
fn python_package(preset: Preset, environment: &Environment) -> Vec<CachedWeights> {
    let Some(folder) = environment.python_folder() else { return Vec::new() };
    let Some(prefix) = preset.python_cache_prefix() else { return Vec::new() };
    let tag = published(preset, Source::Descript).and_then(|file| file.tag).unwrap_or_default();
    let mut names = names_in(&folder);
    names.retain(|name| name.starts_with(prefix) && name.ends_with(".pth"));
    let published_name = format!("{prefix}{tag}.pth");
    names.sort_by(|a, b| (*b == published_name).cmp(&(*a == published_name)).then_with(|| b.cmp(a)));
    names
        .into_iter()
        .map(|name| CachedWeights {
            preset,
            path: folder.join(name),
            origin: Origin::PythonPackage,
            source: Some(Source::Descript),
        })
        .filter(|weights| is_filled(&weights.path))
        .collect()
}

/// Of each repository first the snapshot that `refs/main` names, then the others by name.
fn hugging_face(preset: Preset, environment: &Environment) -> Vec<CachedWeights> {
    let Some(hub) = environment.hub_folder() else { return Vec::new() };
    let mut found = Vec::new();
    for source in [Source::Hance, Source::Transformers] {
        let Some(Published { repository: Some(repository), .. }) = published(preset, source) else {
            continue;
        };
        let folder = hub.join(format!("models--{}", repository.replace('/', "--")));
        let main = std::fs::read_to_string(folder.join("refs").join("main")).unwrap_or_default();
        let snapshots = folder.join("snapshots");
        let mut names = names_in(&snapshots);
        names.sort_by(|a, b| (b == main.trim()).cmp(&(a == main.trim())).then_with(|| a.cmp(b)));
        for name in names {
            let path = snapshots.join(name).join("model.safetensors");
            if is_filled(&path) {
                found.push(CachedWeights { preset, path, origin: Origin::HuggingFace, source: Some(source) });
            }
        }
    }
    found
}

/// Names in a folder; empty when it cannot be read. A name that is no Unicode is none of ours.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// A file with content (links followed).
fn is_filled(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0)
}
