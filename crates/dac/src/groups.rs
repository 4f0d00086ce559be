//! Groups of streams that are computed together.

use std::sync::Arc;

use dac_model::CodecError;
use dac_stream::{DecoderGroup, EncoderGroup};

use crate::model::Dac;

impl Dac {
    /// Creates a group of decoders without streams. Devices that keep no state work in chunks of a second.
    ///
    /// Load the model with [`LoadOptions::low_latency`](crate::LoadOptions::low_latency).
    pub fn decoder_group(&self) -> DecoderGroup {
        DecoderGroup::new(Arc::clone(&self.codec), self.second_frames())
    }

    /// Creates a group of encoders without streams, with the first `codebooks` codebooks (`None`: all).
    /// Otherwise as [`Dac::decoder_group`].
    ///
    /// # Errors
    /// When the model has fewer codebooks.
    pub fn encoder_group(&self, codebooks: Option<usize>) -> Result<EncoderGroup, CodecError> {
        EncoderGroup::new(Arc::clone(&self.codec), codebooks, self.second_frames())
    }

    fn second_frames(&self) -> usize {
        self.shape().frame_rate_hz().round() as usize
    }
}
