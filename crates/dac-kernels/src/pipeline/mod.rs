//! Chains of layers, packed once and run as streams.

mod builder;
mod geometry;
mod layer;
mod pack;
mod plan;
mod run;
mod stream;

pub use builder::PipelineBuilder;
pub use stream::Stream;

use crate::{KernelError, LayerInfo, PipelineOptions, Threads, isa::Kernels};
use layer::Layer;
use rayon::ThreadPool;
use std::sync::Arc;

/// A chain of layers with its packed weights: immutable, and cheap to clone and share.
#[derive(Debug, Clone)]
pub struct Pipeline {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: PipelineOptions,
    pub(crate) kernels: &'static Kernels,
    pub(crate) pool: Option<Arc<ThreadPool>>,
    pub(crate) layers: Vec<Layer>,
}

impl Pipeline {
    /// Starts an empty chain.
    pub fn builder(options: PipelineOptions) -> PipelineBuilder {
        PipelineBuilder::new(options)
    }

    fn new(options: PipelineOptions, layers: Vec<Layer>) -> Result<Self, KernelError> {
        let threads = match options.threads {
            Threads::Count(threads) => Threads::shared(threads)?,
            ref other => other.clone(),
        };
        let pool = match threads {
            Threads::Pool(pool) => Some(pool),
            Threads::Current | Threads::Count(_) => None,
        };
        let kernels = Kernels::for_level(options.level);
        Ok(Self { inner: Arc::new(Inner { options, kernels, pool, layers }) })
    }

    /// Channels of the rows that go in.
    pub fn in_channels(&self) -> usize {
        self.inner.layers.first().map_or(0, |l| l.geometry.in_channels)
    }

    /// Channels of the rows that come out.
    pub fn out_channels(&self) -> usize {
        self.inner.layers.last().map_or(0, |l| l.geometry.out_channels)
    }

    /// Rows that come out of a whole signal of so many rows; 0 for an empty signal.
    pub fn rows_out(&self, rows: usize) -> usize {
        self.inner.layers.iter().fold(rows, |rows, l| l.geometry.rows_out(rows))
    }

    /// What each layer does, in order, for a whole signal of so many rows in.
    pub fn layers(&self, rows: usize) -> Vec<LayerInfo> {
        let mut rows = rows;
        let layer = |l: &Layer| {
            rows = l.geometry.rows_out(rows);
            l.info(rows)
        };
        self.inner.layers.iter().map(layer).collect()
    }

    /// How the pipeline computes.
    pub fn options(&self) -> &PipelineOptions {
        &self.inner.options
    }

    /// A new stream at the start of a signal.
    pub fn stream(&self) -> Stream {
        let geometry = self.inner.layers.iter().map(|l| l.geometry.clone()).collect();
        Stream::new(self.inner.clone(), geometry)
    }

    /// A new stream through the same weights with the padding of every layer switched off: a convolution gives the rows
    /// that lie within its signal, a transposed one its full output, and a residual unit crops what it adds.
    pub fn unpadded_stream(&self) -> Stream {
        let geometry = self.inner.layers.iter().map(|l| l.geometry.unpadded()).collect();
        Stream::new(self.inner.clone(), geometry)
    }

    /// Rows that come out of an [`Pipeline::unpadded_stream`] of so many rows.
    pub fn unpadded_rows_out(&self, rows: usize) -> usize {
        self.inner.layers.iter().fold(rows, |rows, l| l.geometry.unpadded().rows_out(rows))
    }
}
