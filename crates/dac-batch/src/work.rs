//! Interface between the run of a batch and its kind of work: encode, decode or round trip.

use std::path::Path;

use dac::codec::BatchTotals;
use dac::tokens::TokenFile;
use dac_atomic::FinishedFile;

use crate::error::BatchError;
use crate::job_context::JobContext;
use crate::manifest::{Record, Roundtrip};

/// Work that a batch does for every job. It notes what it learns in the job's record, even if it fails later.
pub(crate) trait Work: Sync {
    /// Values passed from [`Work::prepare`] to [`Work::run`].
    type Prepared;

    /// Reason for refusing an existing output that no manifest lists.
    const UNLISTED: &'static str = "no manifest lists it";

    /// Determines model and settings of a job, which decide whether an existing output is up to date.
    fn prepare(&self, context: &JobContext<'_>, facts: &mut Record) -> Result<Self::Prepared, BatchError>;

    /// Checks that an existing output that no record describes is the result of this job.
    fn check_unlisted(
        &self,
        _: &JobContext<'_>,
        _: &mut Record,
        output: &Path,
        unlisted: Unlisted,
    ) -> Result<(), BatchError> {
        Err(BatchError::exists(output, unlisted.reason().unwrap_or(Self::UNLISTED)))
    }

    /// What the device has computed in batches of several files.
    fn batch_totals(&self) -> Option<BatchTotals> {
        None
    }

    /// Does the work.
    fn run(
        &self,
        context: &JobContext<'_>,
        prepared: Self::Prepared,
        facts: &mut Record,
    ) -> Result<Outcome, BatchError>;
}

/// Why an existing output has no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unlisted {
    /// No manifest lists its name.
    Unknown,
    /// Manifests list only other files under its name.
    OtherResult,
}

impl Unlisted {
    /// Reason for refusing the output, if other files have its name.
    pub(crate) fn reason(self) -> Option<&'static str> {
        (self == Self::OtherResult)
            .then_some("it was changed after it was written (the manifest lists other content)")
    }
}

/// Result of the work on one job.
pub(crate) struct Outcome {
    pub(crate) product: Product,
    /// Additional record keys of a round trip.
    pub(crate) roundtrip: Option<Roundtrip>,
    /// Description for users, such as `1.00 s -> out/a.dac: 87 frames of 9 codebooks`.
    pub(crate) description: String,
}

/// Output of a job.
pub(crate) enum Product {
    /// Complete files in the staging directory, in the order of [`Job::outputs`].
    Files(Vec<FinishedFile>),
    /// Tokens for a pack.
    PackEntry(Box<TokenFile>),
}
