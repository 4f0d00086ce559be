//! Options of a pipeline: instruction set, precision, schedule, threads.

use crate::{Isa, KernelError, isa::bf16};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;

/// Arithmetic of the convolutions. Input and output rows are always `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// `f32`, with Winograd convolutions where they save multiplications.
    #[default]
    F32,
    /// `f32`, with direct convolutions only.
    Exact,
    /// `bf16` products summed in `f32` where they need the fewest instructions: in pointwise, strided and
    /// transposed convolutions. The other convolutions use [`Precision::F32`]. Requires AVX512_BF16;
    /// [`Isa::Portable`] supports it for comparison.
    Bf16,
    /// `f16`, which only GPU backends support; [`Precision::check`] refuses it.
    F16,
    /// `f32` sums of products whose factors are rounded to TF32 (11 significant bits), which only CUDA
    /// supports; [`Precision::check`] refuses it.
    Tf32,
}

impl Precision {
    const ALL: [Self; 5] = [Self::F32, Self::Exact, Self::Bf16, Self::F16, Self::Tf32];

    /// Returns the lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Exact => "exact",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Tf32 => "tf32",
        }
    }

    /// Checks that the kernels of `isa` support this precision.
    ///
    /// # Errors
    /// [`KernelError::PrecisionUnavailable`] with the missing requirement.
    pub fn check(self, isa: Isa) -> Result<(), KernelError> {
        match self {
            Self::F32 | Self::Exact => Ok(()),
            Self::Bf16 => bf16::operand_kernels(isa).map(drop),
            Self::F16 | Self::Tf32 => {
                let why = "the CPU engine computes in f32 or bf16";
                Err(KernelError::PrecisionUnavailable { precision: self.name(), why })
            }
        }
    }
}

crate::impl_names!(Precision, "precision");

/// The time at which a stream processes the rows pushed into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Schedule {
    /// Collects large blocks before every layer; rows may come out late, the last ones with `finish`.
    #[default]
    Throughput,
    /// Returns each row from the first `push` that completes the look-ahead of the layers. The sizes of the
    /// pushes decide which rows share a Winograd tile, so they change the last bits of the output (not with
    /// [`Precision::Exact`]).
    LowLatency,
}

/// The threads that a stream may use.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Threads {
    /// The rayon pool in which `push` is called: the global pool (which respects `RAYON_NUM_THREADS`), unless
    /// the caller runs inside another.
    #[default]
    Current,
    /// A pool with this many threads, owned by the pipeline; 0 and 1 use the caller's thread.
    Count(usize),
    /// This pool.
    Pool(Arc<ThreadPool>),
}

impl Threads {
    /// Starts a pool that several pipelines can share; 0 and 1 start none, as with [`Threads::Count`].
    ///
    /// # Errors
    /// [`KernelError::Threads`] if the threads cannot be started.
    pub fn shared(threads: usize) -> Result<Self, KernelError> {
        if threads <= 1 {
            return Ok(Self::Count(1));
        }
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|e| KernelError::Threads { threads, reason: e.to_string() })?;
        Ok(Self::Pool(Arc::new(pool)))
    }
}

/// All settings of a [`crate::Pipeline`] except its layers and weights.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    /// The instruction set.
    pub isa: Isa,
    /// The arithmetic of the convolutions.
    pub precision: Precision,
    /// The time at which streams process their rows.
    pub schedule: Schedule,
    /// With [`Schedule::LowLatency`], the rows of a typical push, for which each layer's algorithm is chosen.
    /// The default of 8 suits a decoder (8 frames); an encoder's rows are samples.
    pub block_rows: usize,
    /// The threads of the streams.
    pub threads: Threads,
    /// Makes streams measure the time of each layer (see `PipelineStream::layer_times`).
    pub timings: bool,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            isa: Isa::detect(),
            precision: Precision::default(),
            schedule: Schedule::default(),
            block_rows: 8,
            threads: Threads::default(),
            timings: false,
        }
    }
}
