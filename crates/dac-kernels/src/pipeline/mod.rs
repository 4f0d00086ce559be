//! Pipelines: chains of layers, packed once and run as streams.

mod block;
mod builder;
mod geometry;
mod layer;
mod pack;
mod plan;
mod run;
mod scratch;
mod segment;
mod signal;
mod step;
mod stream;

pub use builder::PipelineBuilder;
pub use stream::{PipelineStream, StreamPush};

use crate::{KernelError, LayerInfo, PackedSection, PipelineOptions, Threads, isa::Kernels};
use layer::Layer;
use rayon::ThreadPool;
use scratch::ScratchPool;
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
    /// The packed weights of all layers.
    sections: Vec<PackedSection>,
    /// Rows in per row out, at least 1.
    pub(crate) rows_per_row_out: usize,
    /// Scratch memory of all streams.
    pub(crate) scratch: ScratchPool,
}

impl Pipeline {
    /// Creates a builder without layers.
    pub fn builder(options: PipelineOptions) -> PipelineBuilder {
        PipelineBuilder::new(options)
    }

    fn new(
        options: PipelineOptions,
        layers: Vec<Layer>,
        sections: Vec<PackedSection>,
    ) -> Result<Self, KernelError> {
        let threads = match options.threads {
            Threads::Count(threads) => Threads::shared(threads)?,
            ref other => other.clone(),
        };
        let pool = if let Threads::Pool(pool) = threads { Some(pool) } else { None };
        let kernels = Kernels::for_isa(options.isa);
        let rates = layers.iter().map(|l| l.geometry.in_group as f64 / l.geometry.out_group as f64);
        let rows_per_row_out = rates.product::<f64>().round().max(1.0) as usize;
        let scratch = ScratchPool::default();
        let inner = Inner { options, kernels, pool, layers, sections, rows_per_row_out, scratch };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Channels of the input.
    pub fn in_channels(&self) -> usize {
        self.inner.layers.first().map_or(0, |l| l.geometry.in_channels)
    }

    /// Channels of the output.
    pub fn out_channels(&self) -> usize {
        self.inner.layers.last().map_or(0, |l| l.geometry.out_channels)
    }

    /// Returns the number of rows out for a whole signal of `rows` rows; 0 for an empty signal.
    pub fn rows_out(&self, rows: usize) -> usize {
        self.inner.layers.iter().fold(rows, |rows, l| l.geometry.rows_out(rows))
    }

    /// Returns the work of each layer, in order, for a whole signal of `rows` rows.
    pub fn layers(&self, rows: usize) -> Vec<LayerInfo> {
        let mut rows = rows;
        let layer = |l: &Layer| {
            rows = l.geometry.rows_out(rows);
            l.info(rows)
        };
        self.inner.layers.iter().map(layer).collect()
    }

    /// Returns the bytes of the packed weights. A push of a few rows reads all of them from memory.
    pub fn weight_bytes(&self) -> usize {
        self.inner.layers.iter().map(Layer::weight_bytes).sum()
    }

    /// Returns the packed weights of all layers in order, for [`PipelineBuilder::prepared`].
    pub fn packed(&self) -> &[PackedSection] {
        &self.inner.sections
    }

    /// Starts a stream.
    pub fn stream(&self) -> PipelineStream {
        let geometry = self.inner.layers.iter().map(|l| l.geometry.clone()).collect();
        PipelineStream::new(self.inner.clone(), geometry)
    }

    /// Starts a stream through the same weights in which no layer pads its signal.
    ///
    /// A convolution returns only the rows computed without padding, a transposed convolution its full
    /// output, and a residual unit crops its input before the sum.
    pub fn unpadded_stream(&self) -> PipelineStream {
        let geometry = self.inner.layers.iter().map(|l| l.geometry.unpadded()).collect();
        PipelineStream::new(self.inner.clone(), geometry)
    }
}
