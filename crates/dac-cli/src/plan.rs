//! From arguments to a list of jobs, checked as a whole before any work is done.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// One input and the files that come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) input: PathBuf,
    /// In the order of the extensions that the plan was made with.
    pub(crate) outputs: Vec<PathBuf>,
}

/// Everything that keeps a plan from being carried out, at once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PlanError {
    /// Inputs that are not there or are not files, each with the reason.
    unreadable: Vec<(PathBuf, String)>,
    /// Outputs that several inputs would write.
    collisions: Vec<(PathBuf, Vec<PathBuf>)>,
    /// Outputs that are inputs too.
    overwritten: Vec<(PathBuf, PathBuf)>,
}

impl PlanError {
    fn is_empty(&self) -> bool {
        self.unreadable.is_empty() && self.collisions.is_empty() && self.overwritten.is_empty()
    }
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing was done:")?;
        for (path, reason) in &self.unreadable {
            write!(f, "\n  {}: {reason}", path.display())?;
        }
        for (output, inputs) in &self.collisions {
            write!(f, "\n  {} would be written by {} inputs:", output.display(), inputs.len())?;
            for input in inputs {
                write!(f, " {}", input.display())?;
            }
        }
        for (input, output) in &self.overwritten {
            write!(f, "\n  {}: its result {} is itself an input", input.display(), output.display())?;
        }
        Ok(())
    }
}

/// Plans one job an input: `DIR/STEM.EXTENSION` for each of `extensions`.
///
/// # Errors
/// Names every input that is missing or no file, every output that two inputs share, and every output that would replace an
/// input.
pub(crate) fn plan(inputs: &[PathBuf], folder: &Path, extensions: &[&str]) -> Result<Vec<Job>, PlanError> {
    let mut error = PlanError::default();
    let mut jobs = Vec::with_capacity(inputs.len());
    for input in inputs {
        match check_input(input) {
            Ok(stem) => {
                let outputs = extensions.iter().map(|extension| output(folder, &stem, extension)).collect();
                jobs.push(Job { input: input.clone(), outputs });
            }
            Err(reason) => error.unreadable.push((input.clone(), reason)),
        }
    }

    let mut writers: BTreeMap<&Path, Vec<PathBuf>> = BTreeMap::new();
    for job in &jobs {
        for output in &job.outputs {
            writers.entry(output).or_default().push(job.input.clone());
        }
    }
    let shared = writers.into_iter().filter(|(_, inputs)| inputs.len() > 1);
    error.collisions = shared.map(|(output, inputs)| (output.to_owned(), inputs)).collect();

    // An output can only be an input if it exists; comparing resolved paths sees through links and "..".
    let resolved: BTreeMap<PathBuf, &Path> =
        jobs.iter().filter_map(|job| Some((job.input.canonicalize().ok()?, job.input.as_path()))).collect();
    for job in &jobs {
        for output in &job.outputs {
            if output.canonicalize().is_ok_and(|path| resolved.contains_key(&path)) {
                error.overwritten.push((job.input.clone(), output.clone()));
            }
        }
    }
    if error.is_empty() { Ok(jobs) } else { Err(error) }
}

/// The stem of a file that can be read.
fn check_input(input: &Path) -> Result<OsString, String> {
    let found = std::fs::metadata(input).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    })?;
    if found.is_dir() {
        return Err("is a folder, expected a file".to_owned());
    }
    input.file_stem().map(OsString::from).ok_or_else(|| "has no file name".to_owned())
}

/// `folder/stem.extension`; the stem may hold dots and bytes that are no Unicode.
fn output(folder: &Path, stem: &OsString, extension: &str) -> PathBuf {
    let mut name = stem.clone();
    name.push(".");
    name.push(extension);
    folder.join(name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        folder
    }

    #[test]
    fn outputs_are_named_after_the_stem() {
        let folder = folder(&["a.wav", "b.c.flac", "none"]);
        let inputs = ["a.wav", "b.c.flac", "none"].map(|name| folder.path().join(name));
        let jobs = plan(&inputs, Path::new("out"), &["safetensors", "wav"]).unwrap();
        let outputs: Vec<_> = jobs.iter().flat_map(|job| &job.outputs).map(|p| p.to_str().unwrap()).collect();
        let expected =
            ["a.safetensors", "a.wav", "b.c.safetensors", "b.c.wav", "none.safetensors", "none.wav"];
        assert_eq!(outputs, expected.map(|name| format!("out/{name}")));
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let folder = folder(&["one/a.wav", "two/a.flac", "b.wav"]);
        let inputs =
            ["one/a.wav", "two/a.flac", "missing.wav", "one", "b.wav"].map(|name| folder.path().join(name));
        let error = plan(&inputs, folder.path(), &["wav"]).unwrap_err().to_string();
        for part in
            ["missing.wav: no such file", "one: is a folder", "two/a.flac", "b.wav is itself an input"]
        {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert!(error.contains("a.wav would be written by 2 inputs"), "{error}");
    }

    #[test]
    fn the_same_input_twice_collides() {
        let folder = folder(&["a.wav"]);
        let input = folder.path().join("a.wav");
        assert!(plan(&[input.clone(), input], Path::new("out"), &["dac"]).is_err());
    }
}
