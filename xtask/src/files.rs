//! Files that tasks copy.

use std::fs;
use std::path::Path;

use anyhow::{Context, Error};

/// Copies a file, and creates the directories of its copy.
pub fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
