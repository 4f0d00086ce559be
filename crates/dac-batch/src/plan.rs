//! Planning: turns inputs into jobs and checks them as a whole before any work is done.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use dac_dataset::SampleKey;

use crate::error::BatchError;
use crate::inputs::{InputFile, Inputs};
use crate::manifest::output_key;
use crate::options::BatchOptions;
use crate::plan_error::PlanError;

/// One input and its outputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Job {
    pub(crate) input: PathBuf,
    /// Size of the input, where known.
    pub(crate) input_bytes: Option<u64>,
    /// Output files, in the order of the plan's extensions; empty for an entry of a pack.
    pub(crate) outputs: Vec<PathBuf>,
    /// Key of the entry in a pack.
    pub(crate) entry: Option<SampleKey>,
    /// Key of the job in manifests.
    pub(crate) key: String,
    /// Reason why the job fails, if already known.
    pub(crate) fault: Option<String>,
}

/// Kind of output of every job.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OutputKind<'a> {
    /// Files with these extensions.
    Files(&'a [&'a str]),
    /// An entry of a pack.
    PackEntry,
}

/// Jobs of a batch.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) jobs: Vec<Job>,
    /// Message about ignored files in directories.
    pub(crate) remark: Option<String>,
}

impl Plan {
    /// Plans one job per input file. Its outputs are `OUTPUT_DIR/RELATIVE/STEM.EXTENSION`, or the entry
    /// `RELATIVE/STEM`. Directories contribute files with one of `extensions`. All jobs are checked, then
    /// those outside the partition are removed.
    ///
    /// # Errors
    /// Names every input that is missing or not a file, every output of two inputs, and every output that
    /// would replace an input.
    pub(crate) fn new(
        options: &BatchOptions,
        extensions: &[&str],
        outputs: OutputKind<'_>,
    ) -> Result<Self, BatchError> {
        if options.inputs.is_empty() && options.files_from.is_none() {
            return Err(BatchError::Usage(
                "no inputs: give files, directories or --files-from LIST".to_owned(),
            ));
        }
        let Inputs { files, ignored, invalid } = Inputs::expand(options, extensions);
        let mut error = PlanError { invalid, ..PlanError::default() };
        let mut jobs = Vec::with_capacity(files.len());
        for file in files {
            match check_input(&file) {
                Err(reason) if file.given => error.invalid.push((file.path, reason)),
                checked => jobs.push(job_for(file, checked, options, outputs)),
            }
        }
        error.collisions = collisions(&jobs);
        error.overwritten = overwritten_inputs(&jobs);
        if error != PlanError::default() {
            return Err(error.into());
        }
        if let Some(partition) = options.partition {
            jobs.retain(|job| partition.contains(&job.key));
        }
        Ok(Self { jobs, remark: ignored_files_remark(&ignored) })
    }
}

/// Size of an input file that can be processed; otherwise the reason why it cannot.
fn check_input(file: &InputFile) -> Result<u64, String> {
    if let Some(fault) = &file.fault {
        return Err(fault.clone());
    }
    let metadata = std::fs::metadata(&file.path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    })?;
    if metadata.is_dir() {
        return Err("is a directory, expected a file".to_owned());
    }
    if file.path.file_name().is_none() {
        return Err("has no file name".to_owned());
    }
    Ok(metadata.len())
}

fn job_for(
    file: InputFile,
    checked: Result<u64, String>,
    options: &BatchOptions,
    outputs: OutputKind<'_>,
) -> Job {
    let InputFile { path: input, relative, .. } = file;
    let (input_bytes, fault) = match checked {
        Ok(bytes) => (Some(bytes), None),
        Err(reason) => (None, Some(reason)),
    };
    let output_path = |extension: Option<&str>| output_path(&relative, extension, options.keep_extension);
    match outputs {
        OutputKind::Files(extensions) => {
            let paths: Vec<_> = extensions.iter().map(|extension| output_path(Some(extension))).collect();
            let key = paths.first().map(|path| output_key(path)).unwrap_or_default();
            let outputs = paths.into_iter().map(|path| options.output_dir.join(path)).collect();
            Job { input, input_bytes, outputs, entry: None, key, fault }
        }
        OutputKind::PackEntry => {
            let (entry, key, fault) = match SampleKey::of(&output_path(None)) {
                Ok(entry) => (Some(entry.clone()), entry.to_string(), fault),
                Err(error) => (None, output_key(&relative), Some(error.to_string())),
            };
            Job { input, input_bytes, outputs: Vec::new(), entry, key, fault }
        }
    }
}

/// Path of an output below the output directory. File names may contain dots and bytes that are not UTF-8.
fn output_path(relative: &Path, extension: Option<&str>, keep_extension: bool) -> PathBuf {
    let name = if keep_extension { relative.file_name() } else { relative.file_stem() };
    let mut name = name.unwrap_or_default().to_owned();
    if let Some(extension) = extension {
        name.push(".");
        name.push(extension);
    }
    relative.with_file_name(name)
}

/// Outputs that several jobs would write, each with the inputs. Jobs that fail anyway write nothing.
fn collisions(jobs: &[Job]) -> Vec<(PathBuf, Vec<PathBuf>)> {
    let mut writers: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    for job in jobs.iter().filter(|job| job.fault.is_none()) {
        let entry = job.entry.as_ref().map(|entry| Path::new(entry.as_str()));
        for output in job.outputs.iter().map(PathBuf::as_path).chain(entry) {
            writers.entry(output).or_default().push(&job.input);
        }
    }
    let shared = writers.into_iter().filter(|(_, inputs)| inputs.len() > 1);
    let owned = |inputs: Vec<&Path>| inputs.into_iter().map(Path::to_owned).collect();
    shared.map(|(output, inputs)| (output.to_owned(), owned(inputs))).collect()
}

/// Jobs whose output is itself an input: the job's input and the output.
fn overwritten_inputs(jobs: &[Job]) -> Vec<(PathBuf, PathBuf)> {
    // An output is an input only if it exists and has the file name of an input, or is a link. Only those are
    // resolved, which sees through links and "..".
    let names: HashSet<&OsStr> = jobs.iter().filter_map(|job| job.input.file_name()).collect();
    let may_be_input =
        |path: &Path| path.file_name().is_some_and(|name| names.contains(name)) || path.is_symlink();
    let candidates: Vec<_> = jobs
        .iter()
        .filter(|job| job.fault.is_none())
        .flat_map(|job| job.outputs.iter().map(move |output| (job, output)))
        .filter(|(_, output)| may_be_input(output))
        .filter_map(|(job, output)| Some((job, output, output.canonicalize().ok()?)))
        .collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    let inputs: HashSet<PathBuf> = jobs.iter().filter_map(|job| job.input.canonicalize().ok()).collect();
    let overwritten = candidates.into_iter().filter(|(_, _, path)| inputs.contains(path));
    overwritten.map(|(job, output, _)| (job.input.clone(), output.clone())).collect()
}

fn ignored_files_remark(ignored: &BTreeMap<String, usize>) -> Option<String> {
    let mut kinds: Vec<_> = ignored.iter().map(|(extension, count)| (*count, extension)).collect();
    kinds.sort_by(|a, b| b.cmp(a));
    let describe = |(count, extension): &(usize, &String)| match extension.as_str() {
        "" => format!("none ({count})"),
        extension => format!(".{extension} ({count})"),
    };
    let shown: Vec<_> = kinds.iter().take(8).map(describe).collect();
    let more = if kinds.len() > shown.len() { " and others" } else { "" };
    (!shown.is_empty()).then(|| format!("ignored files with other extensions: {}{more}", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn dir_with(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        dir
    }

    /// Options for inputs and outputs below `dir`.
    fn options(dir: &Path, inputs: &[&str], output_dir: &str) -> BatchOptions {
        BatchOptions::new(inputs.iter().map(|input| dir.join(input)), dir.join(output_dir))
    }

    fn plan(options: &BatchOptions, outputs: &[&str]) -> Result<Plan, String> {
        Plan::new(options, &["wav", "flac"], OutputKind::Files(outputs)).map_err(|error| error.to_string())
    }

    fn keys(options: &BatchOptions) -> Vec<String> {
        let plan = plan(options, &["dac"]).unwrap();
        for job in &plan.jobs {
            assert_eq!(job.outputs, [options.output_dir.join(&job.key)]);
        }
        plan.jobs.into_iter().map(|job| job.key).collect()
    }

    fn entries(options: &BatchOptions) -> Result<Vec<String>, String> {
        let plan = Plan::new(options, &["wav", "flac"], OutputKind::PackEntry);
        let plan = plan.map_err(|error| error.to_string())?;
        assert!(plan.jobs.iter().all(|job| job.outputs.is_empty()));
        Ok(plan.jobs.into_iter().map(|job| job.key).collect())
    }

    #[test]
    fn outputs_are_named_after_the_stem() {
        let dir = dir_with(&["a.wav", "b.c.flac", "none"]);
        let plan = plan(&options(dir.path(), &["a.wav", "b.c.flac", "none"], "out"), &["safetensors", "wav"]);
        let outputs: Vec<_> = plan.unwrap().jobs.into_iter().flat_map(|job| job.outputs).collect();
        let expected =
            ["a.safetensors", "a.wav", "b.c.safetensors", "b.c.wav", "none.safetensors", "none.wav"];
        assert_eq!(outputs, expected.map(|name| dir.path().join("out").join(name)));
        let given = options(dir.path(), &["a.wav", "none"], "out");
        assert_eq!(keys(&BatchOptions { keep_extension: true, ..given }), ["a.wav.dac", "none.dac"]);
    }

    #[test]
    fn directories_and_patterns_keep_their_structure() {
        let dir = dir_with(&[
            "in/b/z.WAV",
            "in/a.flac",
            "in/b/c/d.wav",
            "in/notes.txt",
            "in/._a.wav",
            "in/.trash/e.wav",
            "in/b/LICENSE",
            "other/a.wav",
        ]);
        let at = dir.path();
        let with_root = |input: &str, root: &str| BatchOptions {
            root: Some(at.join(root)),
            ..options(at, &[input], "out")
        };
        assert_eq!(keys(&options(at, &["in"], "out")), ["a.dac", "b/c/d.dac", "b/z.dac"]);
        assert_eq!(keys(&options(at, &["in/**/*.wav"], "out")), ["b/c/d.dac"]);
        assert_eq!(keys(&options(at, &["*/a.*"], "out")), ["in/a.dac", "other/a.dac"]);
        assert_eq!(keys(&with_root("in/b", "")), ["in/b/c/d.dac", "in/b/z.dac"]);
        let remark = plan(&options(at, &["in"], "out"), &["dac"]).unwrap().remark;
        assert_eq!(remark.unwrap(), "ignored files with other extensions: .txt (1), none (1)");
        // Outputs below the input directory are not inputs of the next run.
        assert_eq!(plan(&options(at, &["in"], "in/b"), &["x"]).unwrap().jobs.len(), 1);
        fs::create_dir(at.join("empty")).unwrap();
        for (options, part) in [
            (options(at, &["in/*.mp3"], "out"), "matches no file"),
            (with_root("in/.trash/../b/c/d.wav", "other"), "is not below --root"),
            (options(at, &["missing"], "out"), "no such file"),
            (options(at, &["empty"], "out"), "contains no input files"),
        ] {
            let error = plan(&options, &["dac"]).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn broken_links_are_judged_by_their_names_and_block_no_output() {
        let dir = dir_with(&["in/a.wav"]);
        let at = dir.path();
        for name in ["a", "README", "a.flac", "b.wav", ".#a.wav"] {
            std::os::unix::fs::symlink("nowhere", at.join("in").join(name)).unwrap();
        }
        let options = options(at, &["in"], "out");
        let found = plan(&options, &["dac"]).unwrap();
        let jobs: Vec<_> = found.jobs.iter().map(|job| (job.key.as_str(), job.fault.is_some())).collect();
        assert_eq!(jobs, [("a.dac", true), ("a.dac", false), ("b.dac", true)]);
        assert_eq!(found.remark.unwrap(), "ignored files with other extensions: none (2)");
        // A link to itself, and a link to its parent directory, which would recurse forever.
        std::os::unix::fs::symlink("c.wav", at.join("in/c.wav")).unwrap();
        std::os::unix::fs::symlink("../in", at.join("in/d")).unwrap();
        let jobs = plan(&options, &["dac"]).unwrap().jobs;
        assert_eq!(jobs.iter().filter(|job| job.fault.is_some()).count(), 4);
    }

    #[test]
    fn listed_files_keep_their_relative_path_and_missing_ones_fail_alone() {
        let dir = dir_with(&["a.wav"]);
        let at = dir.path();
        let from = |list: &str| BatchOptions { files_from: Some(at.join(list)), ..options(at, &[], "out") };
        let absolute = at.join("a.wav").display().to_string();
        fs::write(at.join("list"), format!("./x/b.wav\r\n\n{absolute}\n../c.wav\n")).unwrap();
        assert_eq!(keys(&from("list")), ["x/b.dac", "a.dac", "c.dac"]);
        let plan = plan(&from("list"), &["dac"]).unwrap();
        let faults: Vec<_> = plan.jobs.iter().map(|job| job.fault.as_deref()).collect();
        assert_eq!(faults, [Some("no such file"), None, Some("no such file")]);
        fs::write(at.join("zero"), format!("{absolute}\0x\ny.wav\0")).unwrap();
        assert_eq!(keys(&from("zero")), ["a.dac", "x\ny.dac"]);
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let dir = dir_with(&["one/a.wav", "two/a.flac", "b.wav"]);
        let inputs = ["one/a.wav", "two/a.flac", "missing.wav", "b.wav"];
        let error = plan(&options(dir.path(), &inputs, ""), &["wav"]).unwrap_err();
        for part in [
            "missing.wav: no such file",
            "two/a.flac",
            "b.wav is itself an input",
            "a.wav would be written by 2 inputs",
            "--keep-extension",
        ] {
            assert!(error.contains(part), "{part} is not in {error}");
        }
    }

    #[test]
    fn partitions_share_the_jobs_after_all_were_checked() {
        let dir = dir_with(&["a.wav", "b.wav", "c.wav", "d.wav", "e.wav", "f.wav"]);
        let part = |index| BatchOptions {
            partition: crate::Partition::new(index, 3),
            ..options(dir.path(), &[""], "out")
        };
        let all = keys(&options(dir.path(), &[""], "out"));
        let mut parts: Vec<_> = (0..3).flat_map(|index| keys(&part(index))).collect();
        parts.sort();
        assert_eq!(parts, all);
        fs::write(dir.path().join("a.flac"), b"x").unwrap();
        for index in 0..3 {
            let error = plan(&part(index), &["dac"]).unwrap_err();
            assert!(error.contains("2 inputs"), "{error}");
        }
    }

    #[test]
    fn pack_entries_have_keys_that_can_collide() {
        let dir = dir_with(&["in/a.wav", "in/b/a.wav", "in/b/take.2.flac"]);
        let at = dir.path();
        let all = options(at, &["in"], "out");
        assert_eq!(entries(&all).unwrap(), ["a", "b/a", "b/take%2E2"]);
        let one = BatchOptions { keep_extension: true, ..options(at, &["in/a.wav"], "out") };
        assert_eq!(entries(&one).unwrap(), ["a%2Ewav"]);
        fs::write(at.join("in/a.flac"), b"x").unwrap();
        let error = entries(&all).unwrap_err();
        assert!(error.contains("a would be written by 2 inputs"), "{error}");
    }

    #[test]
    fn giving_an_input_twice_is_a_collision() {
        let dir = dir_with(&["a.wav"]);
        assert!(plan(&options(dir.path(), &["a.wav", "a.wav"], "out"), &["dac"]).is_err());
    }
}
