//! How a pipeline computes: instruction set, precision, schedule, threads.

use crate::{CpuLevel, KernelError, isa::bf16};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{fmt, str::FromStr, sync::Arc};

/// How exactly the convolutions are computed. The rows in and out are `f32` in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// `f32`, with minimal filtering (Toom–Cook) where it saves multiplications.
    #[default]
    F32,
    /// `f32`, direct convolutions only.
    Exact,
    /// Products of `bf16` summed in `f32` wherever they are the fewest instructions: pointwise, strided and transposed
    /// convolutions; the others as [`Precision::F32`]. It needs AVX512_BF16; [`CpuLevel::Portable`] has it for
    /// comparison.
    Bf16,
    /// Convolutions in `f16`. Only GPU backends have it; no kernel of this crate does.
    F16,
}

impl Precision {
    /// Whether the kernels of `level` have this precision.
    ///
    /// # Errors
    /// [`KernelError::PrecisionMissing`] with what is missing.
    pub fn check(self, level: CpuLevel) -> Result<(), KernelError> {
        match self {
            Self::F32 | Self::Exact => Ok(()),
            Self::Bf16 => bf16::operands(level).map(drop),
            Self::F16 => {
                let why = "the CPU engine computes in f32 or bf16";
                Err(KernelError::PrecisionMissing { precision: "f16", why })
            }
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Exact => "exact",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

impl FromStr for Precision {
    type Err = KernelError;

    fn from_str(text: &str) -> Result<Self, KernelError> {
        let all = [Self::F32, Self::Exact, Self::Bf16, Self::F16];
        let unknown = || KernelError::UnknownPrecision { found: text.to_owned() };
        all.into_iter().find(|precision| precision.to_string() == text).ok_or_else(unknown)
    }
}

/// When a stream works on what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Schedule {
    /// Collect large blocks before every layer; rows may come out late, all of them by `finish`.
    #[default]
    Throughput,
    /// Give out every row as soon as the layers' own look-ahead allows, with each `push`.
    LowLatency,
}

/// Which threads a stream may use.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Threads {
    /// The rayon pool that the caller of `push` runs in: the global one (which respects
    /// `RAYON_NUM_THREADS`) unless `push` is called inside another.
    #[default]
    Current,
    /// So many threads, in a pool of the pipeline's own; 1 starts none and works in the caller's thread.
    Count(usize),
    /// This pool.
    Pool(Arc<ThreadPool>),
}

impl Threads {
    /// So many threads in a pool that pipelines may share; 0 and 1 start none, as [`Threads::Count`].
    ///
    /// # Errors
    /// [`KernelError::Threads`] when they cannot be started.
    pub fn shared(threads: usize) -> Result<Self, KernelError> {
        if threads <= 1 {
            return Ok(Self::Count(1));
        }
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|e| KernelError::Threads { threads, reason: e.to_string() })?;
        Ok(Self::Pool(Arc::new(pool)))
    }
}

/// Everything that decides how a [`crate::Pipeline`] computes, beside its weights.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    /// The instruction set.
    pub level: CpuLevel,
    /// The precision of the convolutions.
    pub precision: Precision,
    /// When the streams work.
    pub schedule: Schedule,
    /// With [`Schedule::LowLatency`], how much of the signal each layer may hold back to fill a tile of minimal
    /// filtering, in rows of the pipeline's input. Layers whose tiles are longer get smaller ones, or
    /// direct convolution. The default suits a decoder (an eighth of a frame); an encoder, whose rows are
    /// samples, does well with 64.
    pub hold_rows: f32,
    /// On which threads.
    pub threads: Threads,
    /// Whether streams measure the time of each layer (see `Stream::layer_times`).
    pub timings: bool,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            level: CpuLevel::detect(),
            precision: Precision::default(),
            schedule: Schedule::default(),
            hold_rows: 0.125,
            threads: Threads::default(),
            timings: false,
        }
    }
}
