//! What the manifest beside token files knows of them that formats like .npy and .pt cannot say: the model, and the length and
//! rate of the audio.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Error, anyhow};
use dac::tokens::TokenMeta;
use dac_manifest::{Entries, key_of, manifests_in};

use crate::batch::entry_of_file;

/// The manifests that were met, by folder.
#[derive(Debug, Default)]
pub(crate) struct Provenance {
    folders: Mutex<HashMap<PathBuf, Option<Arc<Entries>>>>,
}

impl Provenance {
    /// Completes `meta` of the token file at `path` by the record of the nearest manifest in its folder or one above, provided
    /// that the file is still the one that the record is of. What the file says itself is left.
    ///
    /// # Errors
    /// When a manifest is there and cannot be read.
    pub(crate) fn complete(&self, path: &Path, meta: &mut TokenMeta) -> Result<(), Error> {
        if meta.input_samples.is_some() && meta.model.is_some() {
            return Ok(());
        }
        let Ok(path) = path.canonicalize() else { return Ok(()) };
        for folder in path.ancestors().skip(1) {
            let Some(entries) = self.entries(folder)? else { continue };
            let key = key_of(path.strip_prefix(folder).unwrap_or(&path));
            if let Some(entry) = entry_of_file(&entries, &key, &path) {
                let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
                meta.model = meta.model.take().or_else(|| text(&entry.model));
                meta.weights_sha256 = meta.weights_sha256.take().or_else(|| text(&entry.weights_sha256));
                meta.input_samples = meta.input_samples.or(entry.input_samples);
                meta.input_rate_hz = meta.input_rate_hz.or(entry.input_rate_hz);
            }
            break;
        }
        Ok(())
    }

    fn entries(&self, folder: &Path) -> Result<Option<Arc<Entries>>, Error> {
        let mut folders = self.folders.lock().map_err(|_| anyhow!("the manifests' list is lost"))?;
        if let Some(known) = folders.get(folder) {
            return Ok(known.clone());
        }
        let mut entries = None;
        // A folder above that cannot be listed is none of ours.
        for (_, path) in manifests_in(folder).unwrap_or_default() {
            entries.get_or_insert_with(Entries::default).read(&path)?;
        }
        let entries = entries.map(Arc::new);
        folders.insert(folder.to_owned(), entries.clone());
        Ok(entries)
    }
}
