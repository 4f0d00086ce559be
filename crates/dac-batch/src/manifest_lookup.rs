//! Token metadata from the manifest next to a token file, for formats such as .npy and .pt that do not store
//! the model, or the length and rate of the audio.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dac::tokens::TokenMeta;

use crate::error::BatchError;
use crate::manifest::{ManifestIndex, manifests_in, output_key};

/// Cache of the manifests read so far, by directory.
#[derive(Debug, Default)]
pub struct ManifestLookup {
    dirs: Mutex<HashMap<PathBuf, Option<Arc<ManifestIndex>>>>,
}

impl ManifestLookup {
    /// Fills unknown fields of `meta`, the metadata of the token file at `path`, from the nearest manifest in
    /// its directory or above, if that lists the file with its present bytes.
    ///
    /// # Errors
    /// When a manifest cannot be read.
    pub fn complete(&self, path: &Path, meta: &mut TokenMeta) -> Result<(), BatchError> {
        if meta.input_samples.is_some() && meta.model.is_some() {
            return Ok(());
        }
        let Ok(path) = path.canonicalize() else { return Ok(()) };
        for dir in path.ancestors().skip(1) {
            let Some(index) = self.index_of(dir)? else { continue };
            let key = output_key(path.strip_prefix(dir).unwrap_or(&path));
            if let Some(record) = index.result_of_file(&key, &path) {
                let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
                meta.model = meta.model.take().or_else(|| text(&record.model));
                meta.weights_sha256 = meta.weights_sha256.take().or_else(|| text(&record.weights_sha256));
                meta.input_samples = meta.input_samples.or(record.input_samples);
                meta.input_rate_hz = meta.input_rate_hz.or(record.input_rate_hz);
            }
            break;
        }
        Ok(())
    }

    fn index_of(&self, dir: &Path) -> Result<Option<Arc<ManifestIndex>>, BatchError> {
        let poisoned = |_| BatchError::internal("the list of manifests is lost");
        let mut dirs = self.dirs.lock().map_err(poisoned)?;
        if let Some(index) = dirs.get(dir) {
            return Ok(index.clone());
        }
        let mut index = None;
        // A parent directory that cannot be listed has no manifest of ours.
        for (_, path) in manifests_in(dir).unwrap_or_default() {
            index.get_or_insert_with(ManifestIndex::default).read(&path)?;
        }
        let index = index.map(Arc::new);
        dirs.insert(dir.to_owned(), index.clone());
        Ok(index)
    }
}
