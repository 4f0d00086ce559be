//! Decides whether a job is skipped, refused or run, from its existing outputs and the manifests.

use std::fs;
use std::path::Path;

use crate::error::BatchError;
use crate::file_stamp::{FileStamp, Fingerprint, file_matches};
use crate::job_record::JobFacts;
use crate::manifest::Record;
use crate::manifest_store::{ManifestStore, PackedEntry};
use crate::options::BatchOptions;
use crate::output_check::OutputState;
use crate::plan::Job;

/// Decision about a job.
#[derive(Debug)]
pub(crate) enum Decision<'a> {
    /// Its output is missing, or is replaced because it differs in these points.
    Run { differences: Option<String> },
    /// Its output is up to date: according to this record, or to the file itself if no manifest lists it.
    Skip { record: Option<&'a Record> },
    /// Its output exists and must not be replaced.
    Refuse(BatchError),
}

/// Job to decide about, with its model and settings.
pub(crate) struct Candidate<'a> {
    pub(crate) job: &'a Job,
    /// Size and modification time of the input.
    pub(crate) stamp: Option<FileStamp>,
    pub(crate) options: &'a BatchOptions,
    pub(crate) manifests: &'a ManifestStore,
}

impl<'a> Candidate<'a> {
    /// Decides about a job. Outputs listed in a manifest are compared with their record, others are checked
    /// by `check_unlisted`.
    ///
    /// # Errors
    /// When `check_unlisted` fails.
    pub(crate) fn decide(
        &self,
        facts: &mut JobFacts,
        check_unlisted: impl FnOnce(&mut JobFacts, &Path) -> Result<OutputState, BatchError>,
    ) -> Result<Decision<'a>, BatchError> {
        match &self.job.entry {
            Some(_) => self.decide_pack_entry(facts),
            None => self.decide_files(facts, check_unlisted),
        }
    }

    fn decide_files(
        &self,
        facts: &mut JobFacts,
        check_unlisted: impl FnOnce(&mut JobFacts, &Path) -> Result<OutputState, BatchError>,
    ) -> Result<Decision<'a>, BatchError> {
        let exists = |path: &&Path| !self.options.overwrite && fs::symlink_metadata(path).is_ok();
        let output = |index: usize| self.job.outputs.get(index).map(|path| path.as_path());
        // The second output is the decoded file of a round trip.
        let decoded_sha256 = match output(1).filter(exists) {
            Some(path) => match self.listed_decoded_file(path) {
                Some(sha256) => Some(sha256),
                None => return Ok(refuse(path, "no manifest lists it as the decoded file of a round trip")),
            },
            None => None,
        };
        let Some(path) = output(0).filter(exists) else {
            return Ok(Decision::Run { differences: None });
        };
        let index = self.manifests.results();
        let Some(record) = index.result_of_file(&self.job.key, path) else {
            if index.contains_key(&self.job.key) {
                // Its length and model could match those of an earlier input.
                return Ok(refuse(path, "the manifest lists another file under this name"));
            }
            return Ok(match check_unlisted(facts, path)? {
                OutputState::Valid => Decision::Skip { record: None },
                OutputState::Foreign(reason) => refuse(path, &reason),
            });
        };
        let mut differences = self.differences(record, facts);
        if self.job.outputs.len() > 1
            && (decoded_sha256.is_none() || record.decoded_sha256() != decoded_sha256.as_deref())
        {
            differences.push("the decoded file".to_owned());
        }
        Ok(if differences.is_empty() {
            Decision::Skip { record: Some(record) }
        } else {
            Decision::Run { differences: Some(differences.join(", ")) }
        })
    }

    /// Decides about an entry of a pack by the manifests; entries cannot be replaced.
    fn decide_pack_entry(&self, facts: &JobFacts) -> Result<Decision<'a>, BatchError> {
        let dir = &self.options.output_dir;
        let key = &self.job.key;
        Ok(match self.manifests.packed_entry(key, dir)? {
            PackedEntry::Missing => Decision::Run { differences: None },
            PackedEntry::PackChanged(pack) => Decision::Refuse(BatchError::Job(format!(
                "{} contains {key} but was changed since it was written; remove it and rerun the same \
                 command to encode its entries again",
                pack.display()
            ))),
            PackedEntry::Valid(record) => {
                let differences = self.differences(record, facts);
                if differences.is_empty() {
                    Decision::Skip { record: Some(record) }
                } else {
                    Decision::Refuse(BatchError::Job(format!(
                        "{} contains {key} but it differs in {}; entries of a pack cannot be replaced: use \
                         another --output, or remove the pack and rerun the same command",
                        dir.join(record.pack.as_deref().unwrap_or_default()).display(),
                        differences.join(", ")
                    )))
                }
            }
        })
    }

    /// SHA-256 of an existing decoded file, if a manifest lists it for this job.
    fn listed_decoded_file(&self, path: &Path) -> Option<String> {
        let sha256 = Fingerprint::of(path).ok()?.sha256;
        self.manifests.lists_decoded_file(&self.job.key, &sha256).then_some(sha256)
    }

    /// Names of what distinguishes a recorded result from the one that this run would write.
    fn differences(&self, record: &Record, facts: &JobFacts) -> Vec<String> {
        let mut differences = Vec::new();
        if record.weights_sha256 != facts.weights_sha256 {
            differences.push("model".to_owned());
        }
        differences.extend(differing_settings(
            record.settings.as_deref().unwrap_or_default(),
            facts.settings.as_deref().unwrap_or_default(),
        ));
        if !self.has_same_input(record) {
            differences.push("input".to_owned());
        }
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
        is_untouched || file_matches(&self.job.input, bytes, record.input_sha256.as_deref())
    }
}

fn refuse(path: &Path, reason: &str) -> Decision<'static> {
    Decision::Refuse(BatchError::Exists { path: path.to_owned(), reason: reason.to_owned() })
}

/// Names of the settings that differ between two lines of `name=value` separated by spaces.
fn differing_settings(before: &str, now: &str) -> Vec<String> {
    let names = |these: &str, those: &str| -> Vec<String> {
        let those: Vec<&str> = those.split(' ').collect();
        let differing = these.split(' ').filter(|setting| !those.contains(setting));
        differing.filter_map(|setting| setting.split('=').next()).map(str::to_owned).collect()
    };
    let mut differing = names(before, now);
    differing.extend(names(now, before));
    differing.sort();
    differing.dedup();
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_settings_are_named_once() {
        let before = "encode codebooks=9 format=npy";
        assert_eq!(differing_settings(before, before), [""; 0]);
        assert_eq!(
            differing_settings(before, "encode codebooks=3 format=npy dtype=i64"),
            ["codebooks", "dtype"]
        );
        assert_eq!(differing_settings("", before), ["", "codebooks", "encode", "format"]);
    }
}
