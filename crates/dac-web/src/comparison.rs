//! The parts of a page that compares decodes with different numbers of codebooks, by `dac-report`.

use dac::ChannelMix;
use dac::audio::{AudioReader, AudioSpec, ReadOptions};
use dac_report::fragments::{self, Axes};
use dac_report::{Excerpt, Recording, Signal, Variant};
use js_sys::Float32Array;
use wasm_bindgen::prelude::*;

use crate::js_error;
use crate::model::Model;
use crate::options::JsEncodeOptions;
use crate::source::{Bytes, JsReader};
use crate::tokens::Tokens;

/// A recording's tokens, from which versions with different numbers of codebooks are decoded.
#[wasm_bindgen]
pub struct Comparison {
    comparison: dac_report::Comparison,
    shape: dac::codec::NetworkShape,
    variants: Vec<Variant>,
    /// Format of the recording, with its warnings.
    description: String,
}

/// A player with its pictures as HTML, and the audio that it plays.
#[wasm_bindgen]
pub struct Version {
    html: String,
    wav: Vec<u8>,
}

#[wasm_bindgen]
impl Version {
    /// An `article` with a player without audio.
    #[wasm_bindgen(getter)]
    pub fn html(&self) -> String {
        self.html.clone()
    }

    /// Returns the bytes of a WAV file, which are then no longer held.
    #[wasm_bindgen(js_name = takeWav)]
    pub fn take_wav(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.wav)
    }
}

#[wasm_bindgen]
impl Comparison {
    /// Reads and encodes an audio file with all codebooks, at most `seconds` of it.
    #[wasm_bindgen(js_name = ofFile)]
    pub fn of_file(
        model: &Model,
        bytes: &Bytes,
        name: &str,
        seconds: f64,
        options: Option<JsEncodeOptions>,
    ) -> Result<Comparison, JsError> {
        let reader = AudioReader::from_seekable_with(JsReader::open(bytes)?, name, ReadOptions::default());
        let excerpt = Excerpt::from_reader(reader.map_err(js_error)?, 0.0, seconds).map_err(js_error)?;
        Self::encode(model, &excerpt, options.as_ref())
    }

    /// Encodes samples, an array per channel, with all codebooks.
    #[wasm_bindgen(js_name = ofSamples)]
    pub fn of_samples(
        model: &Model,
        channels: Vec<Float32Array>,
        #[wasm_bindgen(js_name = sampleRate)] sample_rate: u32,
        options: Option<JsEncodeOptions>,
    ) -> Result<Comparison, JsError> {
        let channels: Vec<_> = channels.iter().map(Float32Array::to_vec).collect();
        let audio = dac::Audio { channels, rate_hz: sample_rate };
        let spec = AudioSpec {
            sample_rate_hz: sample_rate,
            channels: audio.channels.len(),
            samples: Some(audio.samples() as u64),
            codec: "microphone".to_owned(),
        };
        let recording = Recording {
            name: "microphone".to_owned(),
            spec,
            start_seconds: 0.0,
            seconds: audio.samples() as f64 / f64::from(sample_rate.max(1)),
            continues: false,
            replaced_samples: 0,
            truncated: false,
            damaged_samples: None,
            warning: None,
        };
        Self::encode(model, &Excerpt { recording, audio }, options.as_ref())
    }

    fn encode(model: &Model, excerpt: &Excerpt, options: Option<&JsEncodeOptions>) -> Result<Self, JsError> {
        let settings = JsEncodeOptions::read(options)?;
        let mut progress = JsEncodeOptions::progress_receiver(options, Some(excerpt.audio.samples()));
        let comparison = dac_report::Comparison::encode(&model.dac, excerpt, &settings, &mut progress);
        let comparison = comparison.map_err(js_error)?;
        let description = describe(&excerpt.recording, settings.channels, comparison.tokens());
        Ok(Self { comparison, shape: model.dac.shape().clone(), variants: Vec::new(), description })
    }

    /// Takes tokens without their original.
    #[wasm_bindgen(js_name = ofTokens)]
    pub fn of_tokens(model: &Model, tokens: &Tokens) -> Result<Comparison, JsError> {
        let comparison =
            dac_report::Comparison::of_tokens(&model.dac, tokens.file.clone()).map_err(js_error)?;
        let warning = model.dac.check_tokens(&tokens.file.meta).map_err(js_error)?;
        let description = std::iter::once("token file".to_owned()).chain(warning).collect::<Vec<_>>();
        Ok(Self {
            comparison,
            shape: model.dac.shape().clone(),
            variants: Vec::new(),
            description: description.join("; "),
        })
    }

    /// Format of the input, with its warnings.
    #[wasm_bindgen(getter)]
    pub fn description(&self) -> String {
        self.description.clone()
    }

    /// Length in seconds.
    #[wasm_bindgen(getter)]
    pub fn seconds(&self) -> f64 {
        self.comparison.seconds()
    }

    /// The tokens with all codebooks.
    #[wasm_bindgen(getter)]
    pub fn tokens(&self) -> Tokens {
        Tokens { file: self.comparison.tokens().clone() }
    }

    /// Pictures of the codes as HTML.
    #[wasm_bindgen(js_name = tokensHtml)]
    pub fn tokens_html(&self) -> Result<String, JsError> {
        let tokens = self.comparison.drawn_tokens().map_err(js_error)?;
        Ok(fragments::tokens(&tokens, &self.shape, self.comparison.seconds()))
    }

    /// Bar that plays and switches between versions, as HTML.
    #[wasm_bindgen(js_name = switchHtml)]
    pub fn switch_html(
        #[wasm_bindgen(js_name = hasOriginal)] has_original: bool,
        counts: Vec<usize>,
    ) -> String {
        fragments::switch(has_original, &counts)
    }

    /// Returns the original, once; undefined for tokens without it.
    #[wasm_bindgen(js_name = takeOriginal)]
    pub fn take_original(&mut self) -> Option<Version> {
        let mut signal = self.comparison.take_original()?;
        let wav = std::mem::take(&mut signal.wav);
        Some(Version { html: fragments::original(&signal, self.axes()), wav })
    }

    /// Decodes with the first `codebooks` codebooks.
    pub fn decode(&mut self, codebooks: usize) -> Result<Version, JsError> {
        let mut variant = self.comparison.variant(codebooks).map_err(js_error)?;
        let wav = std::mem::take(&mut variant.signal.wav);
        let html = fragments::variant(&variant, self.axes());
        // Only the figures are shown again.
        variant.signal = Signal { wav: Vec::new(), clipped: 0, spectrograms: Vec::new() };
        let at = self.variants.partition_point(|other| other.codebooks < codebooks);
        self.variants.insert(at, variant);
        Ok(Version { html, wav })
    }

    /// Table of the sizes and distances of all versions that were decoded, as HTML.
    #[wasm_bindgen(js_name = figuresHtml)]
    pub fn figures_html(&self) -> String {
        fragments::figures(&self.variants)
    }

    fn axes(&self) -> Axes {
        Axes { seconds: self.comparison.seconds(), rate_hz: self.shape.sample_rate_hz }
    }
}

/// Describes a recording in one line.
fn describe(recording: &Recording, mix: ChannelMix, tokens: &dac::TokenFile) -> String {
    let spec = &recording.spec;
    let mut parts = vec![format!("{}, {} Hz, {} channels", spec.codec, spec.sample_rate_hz, spec.channels)];
    if spec.channels == 1 {
        parts = vec![format!("{}, {} Hz, mono", spec.codec, spec.sample_rate_hz)];
    } else if mix == ChannelMix::Mono {
        parts.push("encoded as the mean of its channels".to_owned());
    }
    if recording.continues {
        parts.push(format!("only its first {:.0} s", recording.seconds));
    }
    if recording.truncated {
        parts.push("the file is truncated".to_owned());
    }
    parts.extend(recording.warning.clone());
    parts.extend(tokens.meta.input_warning.clone());
    parts.join("; ")
}
