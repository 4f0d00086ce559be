//! Planning: turns inputs into jobs and checks them as a whole before any work is done.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dac_dataset::SampleKey;

use crate::error::BatchError;
use crate::inputs::{InputFile, Inputs};
use crate::manifest::output_key;
use crate::options::BatchOptions;
use crate::source_input::SourceInput;

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
    /// Key of the job in manifests. Unlike that of the entry, it names the data set of a row.
    pub(crate) key: String,
    /// Reason why the job fails, if already known.
    pub(crate) fault: Option<String>,
    /// Index of the data set that the job is a row of.
    pub(crate) source: Option<usize>,
    /// Shard that keeps the name of the data set.
    pub(crate) kept: Option<KeptShard>,
}

/// Shard of the rows of one data set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptShard {
    /// Its name in manifests.
    pub(crate) name: Arc<str>,
    /// Whether it exists. What it lacks goes to shards of other names.
    pub(crate) is_complete: bool,
}

impl Job {
    /// Job of a piece of the input.
    pub(crate) fn piece(&self, index: usize) -> Arc<Self> {
        let suffix = format!("-s{index:05}");
        let rename = |path: &Path| {
            let mut name = path.file_stem().unwrap_or_default().to_owned();
            name.push(&suffix);
            if let Some(extension) = path.extension() {
                name.push(".");
                name.push(extension);
            }
            path.with_file_name(name)
        };
        let key = match self.entry {
            Some(_) => format!("{}{suffix}", self.key),
            None => rename(Path::new(&self.key)).to_string_lossy().into_owned(),
        };
        Arc::new(Self {
            outputs: self.outputs.iter().map(|output| rename(output)).collect(),
            entry: self.entry.as_ref().map(|entry| entry.with_suffix(&suffix)),
            key,
            ..self.clone()
        })
    }
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
    pub(crate) jobs: Vec<Arc<Job>>,
    /// Data sets, whose rows become jobs when they are read.
    pub(crate) sources: Vec<SourceInput>,
    /// Messages about the inputs.
    pub(crate) remarks: Vec<String>,
}

impl Plan {
    /// Plans one job per input file. Its outputs are `OUTPUT_DIR/RELATIVE/STEM.EXTENSION`, or the entry
    /// `RELATIVE/STEM`. Directories contribute files with one of `extensions`. A file that is named several
    /// times is one job. All jobs are checked, then those outside the partition are removed. The error lists
    /// every problem.
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
        let Inputs { files, sources, ignored, mut invalid, mut remarks } =
            Inputs::expand(options, extensions);
        let mut jobs = Vec::with_capacity(files.len());
        for file in files {
            match check_input(&file) {
                Err(reason) if file.given => invalid.push((file.path, reason)),
                checked => jobs.push(job_for(file, checked, options, outputs)),
            }
        }
        let repeated = remove_repeated(&mut jobs);
        if repeated > 0 {
            remarks.push(format!("ignored inputs that are named more than once: {repeated}"));
        }
        let mut sources = plan_sources(sources, &mut invalid);
        let problems = problems(&invalid, &jobs);
        if !problems.is_empty() {
            return Err(BatchError::Usage(format!(
                "nothing was done, because of:\n  {}",
                problems.join("\n  ")
            )));
        }
        if let Some(partition) = options.partition {
            jobs.retain(|job| partition.contains(&job.key));
            // The rows of a manifest are divided when they are read.
            sources.retain(|source| !source.kind.is_container() || partition.contains(&source.key));
        }
        let jobs = jobs.into_iter().map(Arc::new).collect();
        remarks.extend(ignored_files_remark(&ignored));
        Ok(Self { jobs, sources, remarks })
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

/// Checks the data sets: each has a name of its own.
fn plan_sources(files: Vec<InputFile>, invalid: &mut Vec<(PathBuf, String)>) -> Vec<SourceInput> {
    let (mut sources, mut stems) = (Vec::new(), HashMap::new());
    for file in files {
        match check_input(&file).and_then(|bytes| SourceInput::new(&file.path, &file.relative, bytes)) {
            Err(reason) => invalid.push((file.path, reason)),
            Ok(source) => {
                if let Some(other) = stems.insert(source.stem.clone(), file.path.clone()) {
                    // The same file named twice is read once.
                    if other.canonicalize().ok() != file.path.canonicalize().ok() {
                        let reason = format!("has the same name as {}; use --root DIR", other.display());
                        invalid.push((file.path, reason));
                    }
                    continue;
                }
                sources.push(source);
            }
        }
    }
    sources
}

/// Plans the job of a row of a data set. `relative` is the path of its outputs, with an extension that is
/// replaced.
pub(crate) fn job_of_row(
    input: PathBuf,
    relative: PathBuf,
    options: &BatchOptions,
    outputs: OutputKind<'_>,
    bytes: Result<u64, String>,
) -> Job {
    job_for(InputFile { path: input, relative, given: false, fault: None }, bytes, options, outputs)
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
            Job { input, input_bytes, outputs, entry: None, key, fault, source: None, kept: None }
        }
        OutputKind::PackEntry => {
            let (entry, key, fault) = match SampleKey::of(&output_path(None)) {
                Ok(entry) => (Some(entry.clone()), entry.to_string(), fault),
                Err(error) => (None, output_key(&relative), Some(error.to_string())),
            };
            Job { input, input_bytes, outputs: Vec::new(), entry, key, fault, source: None, kept: None }
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

/// Removes jobs that would make the same output from the same file as an earlier one, and returns their
/// number. Links to one file whose outputs have different names are different jobs.
fn remove_repeated(jobs: &mut Vec<Job>) -> usize {
    let mut keys: HashMap<&str, usize> = HashMap::new();
    for job in jobs.iter() {
        *keys.entry(&job.key).or_default() += 1;
    }
    let repeated_keys: HashSet<String> =
        keys.into_iter().filter(|(_, count)| *count > 1).map(|(key, _)| key.to_owned()).collect();
    if repeated_keys.is_empty() {
        return 0;
    }
    let before = jobs.len();
    let mut seen = HashSet::new();
    jobs.retain(|job| {
        // Only these are resolved, which takes a call to the system.
        !repeated_keys.contains(&job.key)
            || seen.insert((job.key.clone(), job.input.canonicalize().unwrap_or_else(|_| job.input.clone())))
    });
    before - jobs.len()
}

/// Everything that prevents a plan.
fn problems(invalid: &[(PathBuf, String)], jobs: &[Job]) -> Vec<String> {
    let mut problems: Vec<_> =
        invalid.iter().map(|(path, reason)| format!("{}: {reason}", path.display())).collect();
    let collisions = collisions(jobs);
    problems.extend(collisions.iter().map(|(output, inputs)| {
        let names: String = inputs.iter().map(|input| format!("\n    {}", input.display())).collect();
        format!("{} would be written by {} inputs:{names}", output.display(), inputs.len())
    }));
    if !collisions.is_empty() {
        let hint = "(--keep-extension writes a.wav.dac for a.wav; --root DIR keeps directories below DIR)";
        problems.push(hint.to_owned());
    }
    problems.extend(overwritten_inputs(jobs).into_iter().map(|(input, output)| {
        format!("{}: its output {} is itself an input", input.display(), output.display())
    }));
    problems
}

/// Outputs that several jobs would write, each with the inputs. Jobs that fail anyway write nothing.
fn collisions(jobs: &[Job]) -> Vec<(&Path, Vec<&Path>)> {
    let mut writers: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    for job in jobs.iter().filter(|job| job.fault.is_none()) {
        let entry = job.entry.as_ref().map(|entry| Path::new(entry.as_str()));
        for output in job.outputs.iter().map(PathBuf::as_path).chain(entry) {
            writers.entry(output).or_default().push(&job.input);
        }
    }
    writers.into_iter().filter(|(_, inputs)| inputs.len() > 1).collect()
}

/// Jobs whose output is itself an input: the job's input and the output.
fn overwritten_inputs(jobs: &[Job]) -> Vec<(&Path, &Path)> {
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
    overwritten.map(|(job, output, _)| (job.input.as_path(), output.as_path())).collect()
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
