//! One job in the hands of a worker.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, anyhow};
use dac_manifest::{Entry, Record};

use super::console::Console;
use super::ledger::{Ledger, Packed, fingerprint, is_file_of};
use super::{Batch, Done, Stop};
use crate::existing::Existing;
use crate::plan::Job;

/// What a job works with: its record, the places for its results, and the batch around it.
pub(crate) struct Task<'a> {
    pub(crate) record: Record,
    job: &'a Job,
    made: &'a [PathBuf],
    batch: &'a Batch<'a>,
    ledger: &'a Ledger,
    console: &'a Console,
    /// Whether a manifest proves the result that lies there.
    proven: bool,
}

impl<'a> Task<'a> {
    pub(super) fn new(
        job: &'a Job,
        record: Record,
        made: &'a [PathBuf],
        batch: &'a Batch<'a>,
        ledger: &'a Ledger,
        console: &'a Console,
    ) -> Self {
        Self { record, job, made, batch, ledger, console, proven: false }
    }

    pub(super) fn end(self) -> (Record, bool) {
        (self.record, self.proven)
    }

    /// Says something of this file that must be seen.
    pub(crate) fn say(&self, remark: &str) {
        self.console.say(&format!("{}: {remark}", self.job.input.display()));
    }

    /// Whether an end is wanted.
    pub(crate) fn stop(&self) -> &Stop {
        &self.batch.stop
    }

    /// Where the `index`-th result is to be made; it gets its name when the job is done.
    ///
    /// # Errors
    /// When the job has no such result.
    pub(crate) fn made(&self, index: usize) -> Result<&'a Path, Error> {
        self.made.get(index).map(PathBuf::as_path).context("a job without its outputs")
    }

    /// The name of the first result.
    ///
    /// # Errors
    /// When the job has none.
    pub(crate) fn output(&self) -> Result<&'a Path, Error> {
        self.job.outputs.first().map(PathBuf::as_path).context("a job without its outputs")
    }

    /// Looks at what lies at the results' names and says how the job ends by that; `None` when it is to be worked on. The
    /// record has to name the model and the settings by now. What a manifest proves is judged by its record, and what lies at a
    /// name of which no manifest tells by `by_file`.
    ///
    /// # Errors
    /// When something is in the way that this command did not make.
    pub(crate) fn end_by_what_is_there(
        &mut self,
        by_file: impl FnOnce(&mut Record, &Path) -> Result<Existing, Error>,
    ) -> Result<Option<Done>, Error> {
        let output = self.output()?;
        let is_in_the_way = |path: &Path| !self.batch.args.overwrite && fs::symlink_metadata(path).is_ok();
        let decoded = match self.job.outputs.get(1).filter(|path| is_in_the_way(path)) {
            Some(path) => Some(self.decoded(path)?),
            None => None,
        };
        let existing = if is_in_the_way(output) {
            self.judge(output, decoded.as_deref(), by_file)?
        } else {
            Existing::Absent
        };
        let dry = self.batch.args.batch.dry_run;
        let names: Vec<_> = self.job.outputs.iter().map(|output| output.display().to_string()).collect();
        let name = names.join(" and ");
        Ok(match existing {
            Existing::Absent if dry => Some(Done::Planned(format!("-> {name}"))),
            Existing::Absent => None,
            Existing::Valid => {
                let are = if names.len() > 1 { "are" } else { "is" };
                Some(Done::Skipped(format!("{name} {are} there; --overwrite redoes it")))
            }
            Existing::Stale(what) if dry => Some(Done::Planned(format!("-> {name}, differs in {what}"))),
            Existing::Stale(what) => {
                self.console.say(&format!("{name}: differs in {what}, done anew"));
                None
            }
            Existing::Foreign(what) => return Err(in_the_way(output, &what)),
        })
    }

    /// The same for an entry of a pack, by the manifests alone.
    ///
    /// # Errors
    /// When its pack was changed, or holds it as it came of other settings or another input: nothing in a pack can be replaced.
    pub(crate) fn end_by_what_is_packed(&mut self) -> Result<Option<Done>, Error> {
        let folder = self.batch.args.folder()?;
        match self.ledger.packed(&self.job.key, folder)? {
            Packed::Absent if self.batch.args.batch.dry_run => {
                Ok(Some(Done::Planned(format!("-> {} in a pack", self.job.key))))
            }
            Packed::Absent => Ok(None),
            Packed::Damaged(pack) => Err(anyhow!(
                "{} holds {} and was changed since; remove it, and the same command makes its entries again",
                pack.display(),
                self.job.key
            )),
            Packed::Whole(entry) => {
                let pack = folder.join(entry.pack.as_deref().unwrap_or_default());
                let differing = self.differing(entry);
                if !differing.is_empty() {
                    return Err(anyhow!(
                        "{} holds {}, which differs in {}: nothing in a pack can be replaced; take another --output, or remove \
                         the pack, and the same command makes its entries again",
                        pack.display(),
                        self.job.key,
                        differing.join(", ")
                    ));
                }
                entry.fill(&mut self.record);
                self.record.output = Some(pack.display().to_string());
                self.proven = true;
                Ok(Some(Done::Skipped(format!("in {}", pack.display()))))
            }
        }
    }

    /// The hash of the decoded file of a round trip, the second result, that lies there.
    ///
    /// # Errors
    /// When no manifest knows it.
    fn decoded(&self, path: &Path) -> Result<String, Error> {
        let found = fingerprint(path).ok().map(|found| found.sha256);
        found
            .filter(|sha256| self.ledger.knows_decoded(&self.job.key, sha256))
            .ok_or_else(|| in_the_way(path, "no manifest knows it as the decode of a round trip"))
    }

    fn judge(
        &mut self,
        output: &Path,
        decoded: Option<&str>,
        by_file: impl FnOnce(&mut Record, &Path) -> Result<Existing, Error>,
    ) -> Result<Existing, Error> {
        let Some(entry) = self.ledger.proven(&self.job.key, output) else {
            if self.ledger.knows(&self.job.key) {
                // By length and model alone it could be of an input that is no more.
                return Ok(Existing::Foreign("the manifest knows it as another file".to_owned()));
            }
            return by_file(&mut self.record, output);
        };
        let mut differing = self.differing(entry);
        let second = self.job.outputs.get(1);
        if second.is_some() && (decoded.is_none() || entry.decoded_sha256() != decoded) {
            differing.push("the decoded file".to_owned());
        }
        if differing.is_empty() {
            entry.fill(&mut self.record);
            if let (Some(roundtrip), Some(path)) = (&mut self.record.roundtrip, second) {
                roundtrip.decoded = path.display().to_string();
            }
            self.proven = true;
            return Ok(Existing::Valid);
        }
        Ok(Existing::Stale(differing.join(", ")))
    }

    /// In what an earlier run's result is not the one that this run would make.
    fn differing(&self, entry: &Entry) -> Vec<String> {
        let mut differing = Vec::new();
        if entry.weights_sha256.as_deref() != self.record.weights_sha256.as_deref() {
            differing.push("model".to_owned());
        }
        differing.extend(differing_settings(
            entry.settings.as_deref().unwrap_or_default(),
            self.record.settings.as_deref().unwrap_or_default(),
        ));
        if !self.is_same_input(entry) {
            differing.push("input".to_owned());
        }
        differing
    }

    /// Whether the input is the one of an earlier run. One that was touched is hashed.
    fn is_same_input(&self, entry: &Entry) -> bool {
        let (bytes, modified_s) = (self.record.input_bytes, self.record.input_modified_s);
        if entry.input_bytes != bytes {
            return false;
        }
        let untouched = modified_s.is_some() && entry.input_modified_s == modified_s;
        untouched || is_file_of(&self.job.input, bytes, entry.input_sha256.as_deref())
    }
}

/// Names of the settings, of `name=value` separated by blanks, that two lines do not share.
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

/// The error for a file that must not be replaced unasked.
pub(super) fn in_the_way(output: &Path, what: &str) -> Error {
    anyhow!("{} is there and is not this result ({what}); --overwrite replaces it", output.display())
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
