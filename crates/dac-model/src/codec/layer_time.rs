//! Measured times of the CPU engine's layers.

use std::time::Duration;

/// A half of the codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Audio to codes.
    Encoder,
    /// Codes to audio.
    Decoder,
}

/// Time and work of a layer for one signal.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerTime {
    /// Half of the codec that contains the layer.
    pub part: Part,
    /// Canonical name. Fused layers are joined by ` + `; all codebooks together are `quantizer`.
    pub layer: String,
    /// Algorithm of the convolution: `F(6,7)`, `direct`, …
    pub method: String,
    /// Wall time.
    pub time: Duration,
    /// Multiply-adds of the algorithm without its transforms; 0 without products.
    pub needed_macs: f64,
}
