//! From arguments to a list of jobs, checked as a whole before any work is done.

mod inputs;

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use dac_dataset::SampleKey;
use dac_manifest::key_of;

use crate::args::FileArgs;
use crate::exit::Usage;
use inputs::{Found, Inputs};

/// One input and the files that come of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Job {
    pub(crate) input: PathBuf,
    /// Bytes of the input, where they are known.
    pub(crate) input_bytes: Option<u64>,
    /// In the order of the extensions that the plan was made with; none for an entry of a pack.
    pub(crate) outputs: Vec<PathBuf>,
    /// What the entry of a pack is called.
    pub(crate) entry: Option<SampleKey>,
    /// The [`key_of`] the first output below the output folder, or the entry.
    pub(crate) key: String,
    /// Why the job cannot be done, where that is known already.
    pub(crate) fault: Option<String>,
}

/// What comes of an input.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outputs<'a> {
    /// Files with these extensions.
    Files(&'a [&'a str]),
    /// An entry of a pack.
    Entries,
}

/// What is to be done, and what was left out of it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) jobs: Vec<Job>,
    /// Remarks for people.
    pub(crate) remarks: Vec<String>,
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
        if !self.collisions.is_empty() {
            write!(
                f,
                "\n  (--keep-extension names a.wav's result a.wav.dac; --root DIR keeps the folders below DIR)"
            )?;
        }
        for (input, output) in &self.overwritten {
            write!(f, "\n  {}: its result {} is itself an input", input.display(), output.display())?;
        }
        Ok(())
    }
}

/// Plans one job a file that `args` mean: `DIR/PLACE/STEM.EXTENSION` for each of `outputs`, or the entry `PLACE/STEM`. Of folders, files with one of
/// `extensions` are taken; of the whole, which is checked, the shard that `args` ask for.
///
/// # Errors
/// Names every input that is missing or no file, every output that two inputs share, and every output that would replace an
/// input.
pub(crate) fn plan(
    args: &FileArgs,
    extensions: &[&str],
    outputs: Outputs<'_>,
) -> Result<Plan, anyhow::Error> {
    let folder = args.folder()?;
    if args.inputs.is_empty() && args.batch.files_from.is_none() {
        return Err(Usage("nothing to work on: name files, folders or --files-from LIST".to_owned()).into());
    }
    let mut error = PlanError::default();
    let Inputs { files, passed_over } = Inputs::gather(args, extensions, &mut error);
    let mut jobs = Vec::with_capacity(files.len());
    for Found { path, relative, named, mut fault } in files {
        let mut input_bytes = None;
        if fault.is_none() {
            match check_input(&path) {
                Ok(bytes) => input_bytes = Some(bytes),
                Err(reason) if named => {
                    error.unreadable.push((path, reason));
                    continue;
                }
                Err(reason) => fault = Some(reason),
            }
        }
        let keep_extension = args.batch.keep_extension;
        let (outputs, entry, key) = match outputs {
            Outputs::Files(extensions) => {
                let places =
                    extensions.iter().map(|extension| place(&relative, Some(extension), keep_extension));
                let places: Vec<PathBuf> = places.collect();
                let key = places.first().map(|place| key_of(place)).unwrap_or_default();
                (places.into_iter().map(|place| folder.join(place)).collect(), None, key)
            }
            Outputs::Entries => match SampleKey::of(&place(&relative, None, keep_extension)) {
                Ok(entry) => (Vec::new(), Some(entry.clone()), entry.to_string()),
                Err(error) => {
                    fault = Some(error.to_string());
                    (Vec::new(), None, key_of(&relative))
                }
            },
        };
        jobs.push(Job { input: path, input_bytes, outputs, entry, key, fault });
    }
    error.find_collisions(&jobs);
    error.find_overwritten(&jobs);
    if !error.is_empty() {
        return Err(error.into());
    }
    if let Some(shard) = args.batch.shard {
        jobs.retain(|job| shard.takes(&job.key));
    }
    Ok(Plan { jobs, remarks: passed_over_remark(&passed_over).into_iter().collect() })
}

impl PlanError {
    fn find_collisions(&mut self, jobs: &[Job]) {
        let mut writers: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
        // What cannot be worked on writes nothing.
        for job in jobs.iter().filter(|job| job.fault.is_none()) {
            let entry = job.entry.as_ref().map(|entry| Path::new(entry.as_str()));
            for output in job.outputs.iter().map(PathBuf::as_path).chain(entry) {
                writers.entry(output).or_default().push(&job.input);
            }
        }
        let shared = writers.into_iter().filter(|(_, inputs)| inputs.len() > 1);
        let owned = |inputs: Vec<&Path>| inputs.into_iter().map(Path::to_owned).collect();
        self.collisions = shared.map(|(output, inputs)| (output.to_owned(), owned(inputs))).collect();
    }

    fn find_overwritten(&mut self, jobs: &[Job]) {
        // An output is an input only if it exists and has an input's name, or is a link; comparing resolved paths sees through
        // links and "..".
        let names: HashSet<&OsStr> = jobs.iter().filter_map(|job| job.input.file_name()).collect();
        let suspect =
            |path: &Path| path.file_name().is_some_and(|name| names.contains(name)) || path.is_symlink();
        let outputs = || {
            jobs.iter()
                .filter(|job| job.fault.is_none())
                .flat_map(|job| job.outputs.iter().map(move |output| (job, output)))
        };
        let suspects: Vec<_> = outputs()
            .filter(|(_, output)| suspect(output))
            .filter_map(|(job, output)| Some((job, output, output.canonicalize().ok()?)))
            .collect();
        if suspects.is_empty() {
            return;
        }
        let resolved: HashSet<PathBuf> =
            jobs.iter().filter_map(|job| job.input.canonicalize().ok()).collect();
        let hit = suspects.into_iter().filter(|(_, _, path)| resolved.contains(path));
        self.overwritten = hit.map(|(job, output, _)| (job.input.clone(), output.clone())).collect();
    }
}

/// The size of a file that can be read.
fn check_input(input: &Path) -> Result<u64, String> {
    let found = std::fs::metadata(input).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    })?;
    if found.is_dir() {
        return Err("is a folder, expected a file".to_owned());
    }
    if input.file_name().is_none() {
        return Err("has no file name".to_owned());
    }
    Ok(found.len())
}

/// Where a result lies below the output folder. Names may hold dots and bytes that are no Unicode.
fn place(relative: &Path, extension: Option<&str>, keep_extension: bool) -> PathBuf {
    let name = if keep_extension { relative.file_name() } else { relative.file_stem() };
    let mut name = name.unwrap_or_default().to_owned();
    if let Some(extension) = extension {
        name.push(".");
        name.push(extension);
    }
    relative.with_file_name(name)
}

fn passed_over_remark(passed_over: &BTreeMap<String, usize>) -> Option<String> {
    let mut kinds: Vec<_> = passed_over.iter().map(|(extension, count)| (*count, extension)).collect();
    kinds.sort_by(|a, b| b.cmp(a));
    let named = |(count, extension): &(usize, &String)| match extension.as_str() {
        "" => format!("{count} without extension"),
        extension => format!("{count} .{extension}"),
    };
    let shown: Vec<_> = kinds.iter().take(8).map(named).collect();
    let more = if kinds.len() > shown.len() { " and others" } else { "" };
    (!shown.is_empty()).then(|| format!("passed over in folders: {}{more}", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        folder
    }

    /// Plans with `arguments` whose `@` is the folder.
    fn plan_of(folder: &Path, arguments: &str, outputs: &[&str]) -> Result<Plan, String> {
        planned(folder, arguments, Outputs::Files(outputs))
    }

    fn planned(folder: &Path, arguments: &str, outputs: Outputs<'_>) -> Result<Plan, String> {
        let arguments = arguments.replace('@', folder.to_str().unwrap());
        let cli =
            Cli::try_parse_from(["dac", "encode"].into_iter().chain(arguments.split_whitespace())).unwrap();
        let Command::Encode(args) = cli.command else { unreachable!() };
        plan(&args.files, &["wav", "flac"], outputs).map_err(|error| error.to_string())
    }

    fn entries_of(folder: &Path, arguments: &str) -> Result<Vec<String>, String> {
        let plan = planned(folder, &format!("{arguments} --output out"), Outputs::Entries)?;
        assert!(plan.jobs.iter().all(|job| job.outputs.is_empty()));
        Ok(plan.jobs.into_iter().map(|job| job.key).collect())
    }

    fn keys(folder: &Path, arguments: &str) -> Vec<String> {
        let plan = plan_of(folder, &format!("{arguments} --output @/out"), &["dac"]).unwrap();
        for job in &plan.jobs {
            assert_eq!(job.outputs, [folder.join("out").join(&job.key)]);
        }
        plan.jobs.into_iter().map(|job| job.key).collect()
    }

    #[test]
    fn outputs_are_named_after_the_stem() {
        let folder = folder(&["a.wav", "b.c.flac", "none"]);
        let plan = plan_of(folder.path(), "@/a.wav @/b.c.flac @/none --output out", &["safetensors", "wav"])
            .unwrap();
        let outputs: Vec<_> =
            plan.jobs.iter().flat_map(|job| &job.outputs).map(|path| path.to_str().unwrap()).collect();
        let expected =
            ["a.safetensors", "a.wav", "b.c.safetensors", "b.c.wav", "none.safetensors", "none.wav"];
        assert_eq!(outputs, expected.map(|name| format!("out/{name}")));
        assert_eq!(keys(folder.path(), "@/a.wav @/none --keep-extension"), ["a.wav.dac", "none.dac"]);
    }

    #[test]
    fn folders_and_patterns_keep_their_structure() {
        let folder = folder(&[
            "in/b/z.WAV",
            "in/a.flac",
            "in/b/c/d.wav",
            "in/notes.txt",
            "in/._a.wav",
            "in/.trash/e.wav",
            "in/b/LICENSE",
            "other/a.wav",
        ]);
        let at = folder.path();
        assert_eq!(keys(at, "@/in"), ["a.dac", "b/c/d.dac", "b/z.dac"]);
        assert_eq!(keys(at, "@/in/**/*.wav"), ["b/c/d.dac"]);
        assert_eq!(keys(at, "@/*/a.*"), ["in/a.dac", "other/a.dac"]);
        assert_eq!(keys(at, "@/in/b --root @"), ["in/b/c/d.dac", "in/b/z.dac"]);
        let plan = plan_of(at, "@/in --output @/out", &["dac"]).unwrap();
        assert_eq!(plan.remarks, ["passed over in folders: 1 .txt, 1 without extension"]);
        // Results below the input folder are not inputs of the next run.
        assert_eq!(plan_of(at, "@/in --output @/in/b", &["x"]).unwrap().jobs.len(), 1);
        for (arguments, part) in [
            ("@/in/*.mp3", "matches none"),
            ("@/in/.trash/../b/c/d.wav --root @/other", "is not below --root"),
            ("@/missing", "no such file"),
        ] {
            let error = plan_of(at, &format!("{arguments} --output @/out"), &["dac"]).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        fs::create_dir(at.join("empty")).unwrap();
        assert!(plan_of(at, "@/empty --output @/out", &["dac"]).unwrap_err().contains("holds no file"));
    }

    #[cfg(unix)]
    #[test]
    fn a_broken_link_is_what_its_name_says_and_stands_in_the_way_of_nothing() {
        let folder = folder(&["in/a.wav"]);
        let at = folder.path();
        for name in ["a", "README", "a.flac", "b.wav", ".#a.wav"] {
            std::os::unix::fs::symlink("nowhere", at.join("in").join(name)).unwrap();
        }
        let plan = plan_of(at, "@/in --output @/out", &["dac"]).unwrap();
        let jobs: Vec<_> = plan.jobs.iter().map(|job| (job.key.as_str(), job.fault.is_some())).collect();
        assert_eq!(jobs, [("a.dac", true), ("a.dac", false), ("b.dac", true)]);
        assert_eq!(plan.remarks, ["passed over in folders: 2 without extension"]);
        // A link that leads to itself, and one to the folder around it, which would never end.
        std::os::unix::fs::symlink("c.wav", at.join("in/c.wav")).unwrap();
        std::os::unix::fs::symlink("../in", at.join("in/d")).unwrap();
        let faults = plan_of(at, "@/in --output @/out", &["dac"]).unwrap().jobs;
        assert_eq!(faults.iter().filter(|job| job.fault.is_some()).count(), 4);
    }

    #[test]
    fn lists_name_files_at_their_place_and_a_missing_one_is_a_failure_of_its_own() {
        let folder = folder(&["a.wav"]);
        let at = folder.path().to_str().unwrap();
        fs::write(folder.path().join("list"), format!("./x/b.wav\r\n\n{at}/a.wav\n../c.wav\n")).unwrap();
        assert_eq!(keys(folder.path(), "--files-from @/list"), ["x/b.dac", "a.dac", "c.dac"]);
        let plan = plan_of(folder.path(), "--files-from @/list --output @/out", &["dac"]).unwrap();
        let faults: Vec<_> = plan.jobs.iter().map(|job| job.fault.as_deref()).collect();
        assert_eq!(faults, [Some("no such file"), None, Some("no such file")]);
        fs::write(folder.path().join("zero"), format!("{at}/a.wav\0x\ny.wav\0")).unwrap();
        assert_eq!(keys(folder.path(), "--files-from @/zero"), ["a.dac", "x\ny.dac"]);
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let folder = folder(&["one/a.wav", "two/a.flac", "b.wav"]);
        let inputs = "@/one/a.wav @/two/a.flac @/missing.wav @/b.wav --output @";
        let error = plan_of(folder.path(), inputs, &["wav"]).unwrap_err();
        for part in ["missing.wav: no such file", "two/a.flac", "b.wav is itself an input"] {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert!(error.contains("a.wav would be written by 2 inputs"), "{error}");
        assert!(error.contains("--keep-extension"), "{error}");
    }

    #[test]
    fn shards_share_the_jobs_after_the_check_of_all() {
        let folder = folder(&["a.wav", "b.wav", "c.wav", "d.wav", "e.wav", "f.wav"]);
        let all = keys(folder.path(), "@");
        let mut parts: Vec<_> =
            (0..3).flat_map(|n| keys(folder.path(), &format!("@ --shard {n}/3"))).collect();
        parts.sort();
        assert_eq!(parts, all);
        fs::write(folder.path().join("a.flac"), b"x").unwrap();
        for n in 0..3 {
            let error =
                plan_of(folder.path(), &format!("@ --output @/out --shard {n}/3"), &["dac"]).unwrap_err();
            assert!(error.contains("2 inputs"), "{error}");
        }
    }

    #[test]
    fn entries_of_packs_have_keys_that_collide_too() {
        let folder = folder(&["in/a.wav", "in/b/a.wav", "in/b/take.2.flac"]);
        let at = folder.path();
        assert_eq!(entries_of(at, "@/in").unwrap(), ["a", "b/a", "b/take%2E2"]);
        assert_eq!(entries_of(at, "@/in/a.wav --keep-extension").unwrap(), ["a%2Ewav"]);
        fs::write(at.join("in/a.flac"), b"x").unwrap();
        let error = entries_of(at, "@/in").unwrap_err();
        assert!(error.contains("a would be written by 2 inputs"), "{error}");
    }

    #[test]
    fn the_same_input_twice_collides() {
        let folder = folder(&["a.wav"]);
        assert!(plan_of(folder.path(), "@/a.wav @/a.wav --output out", &["dac"]).is_err());
    }
}
