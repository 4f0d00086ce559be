//! One job after another: each ends in a record, none ends the batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::{Error, anyhow};

use crate::exit::Exit;
use crate::plan::Job;
use crate::report::{Record, Status, error_of_file, error_text, panic_text, print_record};

/// How a job ended that did not fail, and what to say of it.
pub(crate) enum Done {
    /// Its outputs are new.
    Written(String),
    /// Its outputs were there and valid.
    Skipped(String),
}

/// Does `work` for every job, which fills in the record as far as it comes. A job that fails, or even panics in some
/// library, is reported and the next one begins.
pub(crate) fn run(
    jobs: &[Job],
    json: bool,
    mut work: impl FnMut(&Job, &mut Record) -> Result<Done, Error>,
) -> Exit {
    let (mut written, mut skipped, mut failed) = (0_usize, 0_usize, 0_usize);
    let mut told = true;
    for job in jobs {
        let started = Instant::now();
        let mut record = Record::of(&job.input);
        record.output = job.outputs.first().map(|output| output.display().to_string());
        let result = catch_unwind(AssertUnwindSafe(|| work(job, &mut record))).unwrap_or_else(|panic| {
            Err(anyhow!("internal fault: {}", panic_text(panic.as_ref()).unwrap_or("unknown")))
        });
        record.elapsed_seconds = started.elapsed().as_secs_f64();
        let input = job.input.display();
        match result {
            Ok(Done::Written(what)) => {
                written += 1;
                eprintln!("{input}: {what}");
            }
            Ok(Done::Skipped(why)) => {
                skipped += 1;
                record.status = Status::Skipped;
                eprintln!("{input}: skipped: {why}");
            }
            Err(error) => {
                failed += 1;
                record.status = Status::Error;
                record.error = Some(error_text(&error));
                eprintln!("error: {}", error_of_file(&job.input, &error));
            }
        }
        if json && let Err(error) = print_record(&record) {
            if told {
                eprintln!("error: standard output: {error}; the work goes on without records");
            }
            told = false;
        }
    }
    if jobs.len() > 1 {
        eprintln!("{written} done, {skipped} skipped, {failed} failed");
    }
    if failed == 0 && told { Exit::Done } else { Exit::SomeFailed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(names: &[&str]) -> Vec<Job> {
        names
            .iter()
            .map(|name| Job { input: name.into(), outputs: vec![format!("{name}.out").into()] })
            .collect()
    }

    #[test]
    fn neither_an_error_nor_a_panic_ends_a_batch() {
        let jobs = jobs(&["a", "b", "c", "d"]);
        let mut seen = Vec::new();
        let exit = run(&jobs, false, |job, record| {
            assert_eq!(record.output.as_deref(), job.outputs[0].to_str());
            seen.push(job.input.clone());
            match seen.len() {
                1 => Err(anyhow!("broken")),
                2 => panic!("some library"),
                3 => Ok(Done::Skipped("there".into())),
                _ => Ok(Done::Written("new".into())),
            }
        });
        assert_eq!((exit, seen.len()), (Exit::SomeFailed, 4));
        assert_eq!(run(&jobs, false, |_, _| Ok(Done::Skipped(String::new()))), Exit::Done);
    }
}
