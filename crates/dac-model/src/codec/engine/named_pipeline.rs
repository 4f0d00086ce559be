//! Pipelines whose layers have names, so that errors can name the layer.

use std::sync::Arc;

use dac_kernels::{NonFinite, Pipeline, PipelineStream};
use dac_nn::pipeline::layer_name;
use dac_nn::{Layer, Padding};

use crate::codec::checks::check_finite;
use crate::codec::error::CodecError;

/// A pipeline and the names of its layers.
#[derive(Clone)]
pub(super) struct NamedPipeline {
    pub(super) pipeline: Pipeline,
    names: Arc<[String]>,
}

impl NamedPipeline {
    /// Names the layers of the pipeline of a layer list.
    pub(super) fn new(layers: &[Layer], pipeline: Pipeline) -> Self {
        let names = pipeline.layers(0).iter().map(|info| layer_name(layers, info)).collect();
        Self { pipeline, names }
    }
}

/// A stream through a pipeline and the names of its layers.
pub(super) struct NamedStream {
    pub(super) stream: PipelineStream,
    names: Arc<[String]>,
}

impl NamedStream {
    pub(super) fn new(pipeline: &NamedPipeline, padding: Padding) -> Self {
        let stream = match padding {
            Padding::Zeros => pipeline.pipeline.stream(),
            Padding::None => pipeline.pipeline.unpadded_stream(),
        };
        Self { stream, names: Arc::clone(&pipeline.names) }
    }

    /// Checks that results of this stream are finite; the error names the layer.
    pub(super) fn check(&self, what: &'static str, values: &[f32]) -> Result<(), CodecError> {
        check_finite(what, values).map_err(|error| {
            error.in_layer(|| match self.stream.non_finite() {
                Some(NonFinite::Layer(index)) => self.names.get(index).cloned(),
                _ => None,
            })
        })
    }
}
