//! A loaded model.

use std::path::Path;

use dac::audio::{AudioReader, ReadOptions};
use dac::tokens::TokenMeta;
use dac::{Codes, Dac, Device, LoadOptions, ModelSource, Preset, TokenFile};
use js_sys::Float32Array;
use wasm_bindgen::prelude::*;

use crate::audio::Audio;
use crate::js_error;
use crate::options::{JsDecodeOptions, JsEncodeOptions};
use crate::source::{Bytes, JsReader};
use crate::tokens::Tokens;

/// A loaded model.
#[wasm_bindgen]
pub struct Model {
    pub(crate) dac: Dac,
}

#[wasm_bindgen]
impl Model {
    /// Loads a checkpoint in any published layout: `.pth`, or `.safetensors`, where weights in f16 halve the
    /// download. The bytes are read in pieces and not copied as a whole; errors call them `name`.
    pub fn load(bytes: &Bytes, name: &str) -> Result<Model, JsError> {
        Self::load_with(bytes, name, &LoadOptions::on(Device::Cpu))
    }

    /// Loads a checkpoint for streams that return their output as early as possible.
    #[wasm_bindgen(js_name = loadLowLatency)]
    pub fn load_low_latency(bytes: &Bytes, name: &str) -> Result<Model, JsError> {
        let options = LoadOptions { low_latency: true, ..LoadOptions::on(Device::Cpu) };
        Self::load_with(bytes, name, &options)
    }

    fn load_with(bytes: &Bytes, name: &str, options: &LoadOptions) -> Result<Model, JsError> {
        let dac = Dac::from_reader(JsReader::open(bytes)?, Path::new(name), options).map_err(js_error)?;
        Ok(Self { dac })
    }

    /// Makes random weights in the shape of a preset, such as `44khz`, for measurements of speed.
    pub fn random(preset: &str, seed: u32) -> Result<Model, JsError> {
        let preset: Preset = preset.parse().map_err(js_error)?;
        let source = ModelSource::Random { preset, seed: u64::from(seed) };
        let dac = Dac::open(&source, None, &LoadOptions::on(Device::Cpu)).map_err(js_error)?;
        Ok(Self { dac })
    }

    /// Name of the preset with the model's shape, or `custom`; `random` for random weights.
    #[wasm_bindgen(getter)]
    pub fn name(&self) -> String {
        self.dac.info().name.clone()
    }

    /// SHA-256 of the weights in lower-case hexadecimal.
    #[wasm_bindgen(getter, js_name = weightsSha256)]
    pub fn weights_sha256(&self) -> String {
        self.dac.info().weights_sha256.clone()
    }

    /// Sample rate in Hz.
    #[wasm_bindgen(getter, js_name = sampleRate)]
    pub fn sample_rate(&self) -> u32 {
        self.dac.shape().sample_rate_hz
    }

    /// Number of codebooks.
    #[wasm_bindgen(getter)]
    pub fn codebooks(&self) -> usize {
        self.dac.shape().codebooks
    }

    /// Number of codes in a codebook.
    #[wasm_bindgen(getter, js_name = codebookSize)]
    pub fn codebook_size(&self) -> usize {
        self.dac.shape().codebook_size
    }

    /// Samples per frame.
    #[wasm_bindgen(getter, js_name = hopSamples)]
    pub fn hop_samples(&self) -> usize {
        self.dac.shape().hop_samples()
    }

    /// Instruction set of the kernels: `simd128` or `relaxed-simd`.
    #[wasm_bindgen(getter)]
    pub fn isa(&self) -> String {
        self.dac.codec().isa().map(|isa| isa.to_string()).unwrap_or_default()
    }

    /// Arithmetic of the convolutions.
    #[wasm_bindgen(getter)]
    pub fn precision(&self) -> String {
        self.dac.codec().options().precision.to_string()
    }

    /// Encodes samples between −1 and 1, an array per channel.
    pub fn encode(
        &self,
        channels: Vec<Float32Array>,
        #[wasm_bindgen(js_name = sampleRate)] sample_rate: u32,
        options: Option<JsEncodeOptions>,
    ) -> Result<Tokens, JsError> {
        let channels: Vec<Vec<f32>> = channels.iter().map(Float32Array::to_vec).collect();
        let channels: Vec<&[f32]> = channels.iter().map(Vec::as_slice).collect();
        let total = channels.first().map(|samples| samples.len());
        let mut progress = JsEncodeOptions::progress_receiver(options.as_ref(), total);
        let options = JsEncodeOptions::read(options.as_ref())?;
        let tokens = self.dac.encode_slices(&channels, sample_rate, &options, &mut progress);
        Ok(Tokens { file: tokens.map_err(js_error)? })
    }

    /// Encodes an audio file: WAV, FLAC, MP3, Ogg, Opus, AAC/M4A, Matroska/WebM, CAF or AIFF. The extension
    /// of `name` helps to detect formats without a signature.
    #[wasm_bindgen(js_name = encodeFile)]
    pub fn encode_file(
        &self,
        bytes: &Bytes,
        name: &str,
        options: Option<JsEncodeOptions>,
    ) -> Result<Tokens, JsError> {
        let settings = JsEncodeOptions::read(options.as_ref())?;
        let mut progress = JsEncodeOptions::progress_receiver(options.as_ref(), None);
        let mut source = Some(JsReader::open(bytes)?);
        let mut open = || {
            // The exact chunking reads its input once.
            let source = source.take().unwrap_or_else(|| unreachable!("the input is opened once"));
            AudioReader::from_seekable_with(source, name, ReadOptions::default())
        };
        let tokens = self.dac.encode_reader(&mut open, &settings, &mut progress);
        Ok(Tokens { file: tokens.map_err(js_error)? })
    }

    /// Decodes tokens to as many samples as were encoded, at the model's rate unless the options name
    /// another.
    pub fn decode(&self, tokens: &Tokens, options: Option<JsDecodeOptions>) -> Result<Audio, JsError> {
        let options = JsDecodeOptions::read(options.as_ref())?;
        let audio = self.dac.decode(&tokens.file, &options).map_err(js_error)?;
        Ok(Audio { audio })
    }

    /// Takes codes `[channels][codebooks][frames]` in one array, such as those of a language model.
    #[wasm_bindgen(js_name = tokensOfCodes)]
    pub fn tokens_of_codes(
        &self,
        codes: Vec<u16>,
        channels: usize,
        codebooks: usize,
    ) -> Result<Tokens, JsError> {
        let frames = codes.len().checked_div(channels * codebooks).unwrap_or(0);
        let codes = Codes::new(codes, [channels, codebooks, frames]).map_err(js_error)?;
        codes.check_range(self.codebook_size()).map_err(js_error)?;
        let mut meta = TokenMeta::default();
        meta.model = Some(self.name());
        meta.weights_sha256 = Some(self.weights_sha256());
        meta.model_rate_hz = Some(self.sample_rate());
        meta.codebook_size = Some(self.codebook_size());
        meta.hop_samples = Some(self.hop_samples());
        let mut file = TokenFile::default();
        (file.codes, file.meta) = (Some(codes), meta);
        Ok(Tokens { file })
    }

    /// Bitrate in kbit/s of the codes of one channel with this number of codebooks.
    #[wasm_bindgen(js_name = bitrateKbps)]
    pub fn bitrate_kbps(&self, codebooks: usize) -> f64 {
        self.dac.shape().bitrate_kbps(codebooks)
    }
}
