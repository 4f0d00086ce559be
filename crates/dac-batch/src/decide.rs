//! Decides whether a job is skipped or run, from its existing outputs and the manifests.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::BatchError;
use crate::file_stamp::{FileStamp, Fingerprint, file_matches};
use crate::manifest::Record;
use crate::manifest_store::{ListedFile, ManifestStore, PackedEntry};
use crate::options::BatchOptions;
use crate::plan::Job;
use crate::row_data::RowData;
use crate::work::Unlisted;

/// Decision about a job.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Its output is missing, or is replaced because it differs in these points.
    Run { differences: Option<String> },
    /// Its output is up to date: according to this record, or to the file itself if no manifest lists it.
    Skip { record: Option<Box<Record>> },
}

/// Job to decide about, with its model and settings.
pub(crate) struct Candidate<'a> {
    pub(crate) job: &'a Job,
    /// Size and modification time of the input.
    pub(crate) stamp: Option<FileStamp>,
    /// What the job works on.
    pub(crate) data: &'a RowData,
    pub(crate) options: &'a BatchOptions,
    pub(crate) manifests: &'a ManifestStore,
}

impl Candidate<'_> {
    /// Decides about a job. Outputs listed in a manifest are compared with their record, others are checked
    /// by `check_unlisted`. An output that exists and must not be replaced is an error, and so is one that
    /// cannot have its name.
    pub(crate) fn decide(
        &self,
        facts: &mut Record,
        check_unlisted: impl FnOnce(&mut Record, &Path, Unlisted) -> Result<(), BatchError>,
    ) -> Result<Decision, BatchError> {
        if self.job.entry.is_some() {
            return self.decide_pack_entry(facts);
        }
        let mut existing = [None; 2];
        for (existing, path) in existing.iter_mut().zip(&self.job.outputs) {
            if exists(path)? && !self.options.overwrite {
                *existing = Some(path.as_path());
            }
        }
        // The second output is the decoded file of a round trip.
        let [tokens, decoded] = existing;
        let decoded_sha256 = decoded.map(|path| self.sha256_of_decoded_file(path)).transpose()?;
        let Some(path) = tokens else {
            return Ok(Decision::Run { differences: None });
        };
        let unlisted = match self.manifests.find_file(&self.job.key, path) {
            ListedFile::Result(record) => return Ok(self.decide_listed(record, facts, decoded_sha256)),
            ListedFile::OtherResult => Unlisted::OtherResult,
            ListedFile::Unknown => Unlisted::Unknown,
        };
        let Err(error) = check_unlisted(facts, path, unlisted) else {
            return Ok(Decision::Skip { record: None });
        };
        let record = self.manifests.find_new_file(&self.job.key, path)?.ok_or(error)?;
        Ok(self.decide_listed(record, facts, decoded_sha256))
    }

    /// Decides about a job whose output a record describes.
    fn decide_listed(&self, record: Box<Record>, facts: &Record, decoded_sha256: Option<String>) -> Decision {
        let mut differences = self.differences(&record, facts);
        if self.job.outputs.len() > 1
            && (decoded_sha256.is_none() || record.decoded_sha256() != decoded_sha256.as_deref())
        {
            differences.push("the decoded file".to_owned());
        }
        if differences.is_empty() {
            Decision::Skip { record: Some(record) }
        } else {
            Decision::Run { differences: Some(differences.join(", ")) }
        }
    }

    /// Decides about an entry of a pack by the manifests; entries cannot be replaced.
    fn decide_pack_entry(&self, facts: &Record) -> Result<Decision, BatchError> {
        let dir = &self.options.output_dir;
        let key = &self.job.key;
        let record = match self.manifests.packed_entry(key, dir)? {
            PackedEntry::Missing => return Ok(Decision::Run { differences: None }),
            PackedEntry::PackChanged(pack) => {
                return Err(BatchError::Job(format!(
                    "{} contains {key} but was changed since it was written; remove it and rerun the same \
                     command to encode its entries again",
                    pack.display()
                )));
            }
            PackedEntry::Valid(record) => record,
        };
        let differences = self.differences(&record, facts);
        if differences.is_empty() {
            return Ok(Decision::Skip { record: Some(record) });
        }
        Err(BatchError::Job(format!(
            "{} contains {key} but it differs in {}; entries of a pack cannot be replaced: use another \
             --output, or remove the pack and rerun the same command",
            dir.join(record.pack.as_deref().unwrap_or_default()).display(),
            differences.join(", ")
        )))
    }

    /// SHA-256 of an existing decoded file, which a manifest must list for this job.
    fn sha256_of_decoded_file(&self, path: &Path) -> Result<String, BatchError> {
        let sha256 = Fingerprint::of(path).map_err(|error| BatchError::read(path, error))?.sha256;
        if self.manifests.lists_decoded_file(&self.job.key, &sha256)? {
            return Ok(sha256);
        }
        Err(BatchError::exists(path, "no manifest lists it as the decoded file of a round trip"))
    }

    /// Names of what distinguishes a recorded result from the one that this run would write.
    fn differences(&self, record: &Record, facts: &Record) -> Vec<String> {
        let mut differences = self.differences_of_work(record, facts);
        if !self.has_same_input(record) {
            differences.push("input".to_owned());
        }
        differences
    }

    /// Names of what distinguishes the work of two results, whatever their inputs.
    pub(crate) fn differences_of_work(&self, record: &Record, facts: &Record) -> Vec<String> {
        let mut differences = Vec::new();
        if record.weights_sha256 != facts.weights_sha256 {
            differences.push("model".to_owned());
        }
        differences.extend(differing_settings(
            record.settings.as_deref().unwrap_or_default(),
            facts.settings.as_deref().unwrap_or_default(),
        ));
        differences
    }

    /// Reports whether the input is the recorded one. It is hashed only if its modification time differs.
    fn has_same_input(&self, record: &Record) -> bool {
        let bytes = self.stamp.map(|stamp| stamp.bytes);
        if record.input_bytes != bytes {
            return false;
        }
        let modified_s = self.stamp.and_then(|stamp| stamp.modified_s());
        let is_untouched = modified_s.is_some() && record.input_modified_s == modified_s;
        if let Some(identity) = &self.data.identity {
            let is_same = |sha256: String| record.input_sha256.as_deref() == Some(sha256.as_str());
            return is_untouched || identity.sha256().is_ok_and(is_same);
        }
        is_untouched || file_matches(&self.job.input, bytes, record.input_sha256.as_deref())
    }
}

/// Reports whether there is an output at `path`. Fails if there cannot be one: if its name is too long, or a
/// file has the name of its directory.
fn exists(path: &Path) -> Result<bool, BatchError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(BatchError::write(path, error)),
    }
}

/// Names of the settings that differ between two lines of `name=value` separated by spaces.
fn differing_settings(before: &str, now: &str) -> BTreeSet<String> {
    let [before, now] = [before, now].map(|text| text.split(' ').collect::<BTreeSet<_>>());
    let names = before.symmetric_difference(&now).filter_map(|setting| setting.split('=').next());
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_settings_are_named_once() {
        let before = "encode codebooks=9 format=npy";
        let differing = |now| Vec::from_iter(differing_settings(before, now));
        assert_eq!(differing(before), [""; 0]);
        assert_eq!(differing("encode codebooks=3 format=npy dtype=i64"), ["codebooks", "dtype"]);
        assert_eq!(differing(""), ["", "codebooks", "encode", "format"]);
    }
}
