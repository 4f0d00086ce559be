//! What GPUs find out about their fastest programs, kept on disk.

use std::path::Path;

/// Keeps what GPUs find out about their fastest programs in `folder`, beyond this process; where a `cubecl.toml` names a place,
/// that one holds. To be called before the first device is opened.
pub fn keep_autotune_in(folder: &Path) {
    use burn::cubecl::config::cache::CacheConfig;
    use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

    // Reading the configuration sets a folder: it has to come first.
    if matches!(CubeClRuntimeConfig::get().environment.path, CacheConfig::Target) {
        burn::cubecl::environment::set_root(folder);
    }
}
