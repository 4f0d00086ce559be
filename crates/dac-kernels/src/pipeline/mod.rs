//! Chains of layers, packed once and run as streams.

mod builder;
mod geometry;
mod layer;
mod stream;

pub use builder::PipelineBuilder;
pub use stream::Stream;

use crate::{KernelError, PipelineOptions};
use layer::Layer;
use std::sync::Arc;

/// A chain of layers with its packed weights: immutable, and cheap to clone and share.
#[derive(Debug, Clone)]
pub struct Pipeline {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: PipelineOptions,
    pub(crate) layers: Vec<Layer>,
}

impl Pipeline {
    /// Starts an empty chain.
    pub fn builder(options: PipelineOptions) -> PipelineBuilder {
        PipelineBuilder::new(options)
    }

    fn new(options: PipelineOptions, layers: Vec<Layer>) -> Result<Self, KernelError> {
        Ok(Self { inner: Arc::new(Inner { options, layers }) })
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

    /// What each layer is, in order.
    pub fn layer_names(&self) -> impl Iterator<Item = &str> {
        self.inner.layers.iter().map(|l| l.name.as_str())
    }

    /// How the pipeline computes.
    pub fn options(&self) -> &PipelineOptions {
        &self.inner.options
    }

    /// A new stream at the start of a signal.
    pub fn stream(&self) -> Stream {
        Stream::new(self.inner.clone())
    }
}
