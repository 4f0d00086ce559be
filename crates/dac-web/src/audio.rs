//! Decoded audio.

use std::io::Cursor;

use dac::SampleFormat;
use dac::audio::{StreamFormat, StreamWriter};
use js_sys::Float32Array;
use wasm_bindgen::prelude::*;

use crate::js_error;

/// Decoded audio.
#[wasm_bindgen]
pub struct Audio {
    pub(crate) audio: dac::Audio,
}

#[wasm_bindgen]
impl Audio {
    /// Sample rate in Hz.
    #[wasm_bindgen(getter, js_name = sampleRate)]
    pub fn sample_rate(&self) -> u32 {
        self.audio.rate_hz
    }

    /// Samples per channel.
    #[wasm_bindgen(getter)]
    pub fn samples(&self) -> usize {
        self.audio.samples()
    }

    /// Copies of the samples, an array per channel.
    #[wasm_bindgen(getter)]
    pub fn channels(&self) -> Vec<Float32Array> {
        to_js(&self.audio.channels)
    }

    /// The bytes of a WAV file with 16-bit samples.
    pub fn wav(&self) -> Result<Vec<u8>, JsError> {
        let (format, channels) = (StreamFormat::Wav(SampleFormat::I16), self.audio.channels.len());
        let bytes = Cursor::new(Vec::new());
        let writer = StreamWriter::new(bytes, "the audio", self.audio.rate_hz, channels, format);
        let mut writer = writer.map_err(js_error)?;
        writer.write(&self.audio.channels).map_err(js_error)?;
        Ok(writer.finish_seekable().map_err(js_error)?.0.into_inner())
    }
}

/// Copies channels to JavaScript.
pub(crate) fn to_js(channels: &[Vec<f32>]) -> Vec<Float32Array> {
    channels.iter().map(|samples| Float32Array::from(samples.as_slice())).collect()
}
