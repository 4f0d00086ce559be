//! Storage of GPU autotuning results on disk.

use std::path::Path;

/// Stores GPU autotuning results in `folder`, so that later processes reuse them.
///
/// Call this before the first device is opened. A directory set in `cubecl.toml` takes precedence.
pub fn set_autotune_dir(folder: &Path) {
    use burn::cubecl::config::cache::CacheConfig;
    use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

    // Reading the configuration sets a default directory, so it must precede `set_root`.
    if matches!(CubeClRuntimeConfig::get().environment.path, CacheConfig::Target) {
        burn::cubecl::environment::set_root(folder);
    }
}
