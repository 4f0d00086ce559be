//! Interface between the run of a batch and its kind of work: encode, decode or round trip.

use std::path::Path;

use dac::tokens::TokenFile;
use dac_atomic::FinishedFile;

use crate::error::BatchError;
use crate::job_context::JobContext;
use crate::job_record::JobFacts;
use crate::manifest::Roundtrip;
use crate::output_check::OutputState;

/// Work that a batch does for every job.
pub(crate) trait Work: Sync {
    /// Values passed from [`Work::prepare`] to [`Work::run`].
    type Prepared;

    /// Determines model and settings of a job, which decide whether an existing output is up to date.
    fn prepare(&self, context: &JobContext<'_>, facts: &mut JobFacts) -> Result<Self::Prepared, BatchError>;

    /// Checks an existing output of a job that no manifest lists. By default it is not replaced.
    fn check_unlisted(
        &self,
        _context: &JobContext<'_>,
        _facts: &mut JobFacts,
        _output: &Path,
    ) -> Result<OutputState, BatchError> {
        Ok(OutputState::Foreign("no manifest lists it as a result of this command".to_owned()))
    }

    /// Does the work.
    fn run(
        &self,
        context: &JobContext<'_>,
        prepared: Self::Prepared,
        facts: &mut JobFacts,
    ) -> Result<Outcome, BatchError>;
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
