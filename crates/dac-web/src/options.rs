//! Options, as JavaScript objects.

use std::ops::ControlFlow;

use dac::{ChannelMix, DecodeOptions, EncodeOptions, OutputRate};
use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = "
/** Options of an encode. */
export interface EncodeOptions {
  /** Number of codebooks [default: all]. */
  codebooks?: number;
  /** Encodes the mean of all channels, or each channel by itself [default: \"mono\"]. */
  channels?: \"mono\" | \"keep\";
  /** Measures the loudness of the input, which a `.dac` file needs [default: false]. */
  measureLoudness?: boolean;
  /** Takes the numbers of samples per channel that are encoded and, if known, of all; throw to cancel. */
  progress?: (samples: number, total?: number) => void;
}
/** Options of a decode. */
export interface DecodeOptions {
  /** Number of the tokens' codebooks to decode [default: all]. */
  codebooks?: number;
  /** Sample rate of the output in Hz; \"input\" is the rate of the encoded audio [default: the model's]. */
  sampleRate?: number | \"input\";
}
";

#[wasm_bindgen]
extern "C" {
    /// Options of an encode.
    #[wasm_bindgen(typescript_type = "EncodeOptions")]
    pub type JsEncodeOptions;
    #[wasm_bindgen(method, getter)]
    fn codebooks(this: &JsEncodeOptions) -> Option<u32>;
    #[wasm_bindgen(method, getter)]
    fn channels(this: &JsEncodeOptions) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = measureLoudness)]
    fn measure_loudness(this: &JsEncodeOptions) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    fn progress(this: &JsEncodeOptions) -> Option<Function>;

    /// Options of a decode.
    #[wasm_bindgen(typescript_type = "DecodeOptions")]
    pub type JsDecodeOptions;
    #[wasm_bindgen(method, getter)]
    fn codebooks(this: &JsDecodeOptions) -> Option<u32>;
    #[wasm_bindgen(method, getter, js_name = sampleRate)]
    fn sample_rate(this: &JsDecodeOptions) -> JsValue;
}

impl JsEncodeOptions {
    /// Converts the options; none are the defaults.
    pub(crate) fn read(options: Option<&Self>) -> Result<EncodeOptions, JsError> {
        let Some(options) = options else { return Ok(EncodeOptions::default()) };
        Ok(EncodeOptions {
            codebooks: options.codebooks().map(|count| count as usize),
            channels: channel_mix(options.channels().as_deref())?,
            measure_loudness: options.measure_loudness().unwrap_or(false),
            ..EncodeOptions::default()
        })
    }

    /// Returns a receiver of progress reports for an input of `total` samples, if that is known.
    pub(crate) fn progress_receiver(
        options: Option<&Self>,
        total: Option<usize>,
    ) -> impl FnMut(u64) -> ControlFlow<()> {
        let function = options.and_then(Self::progress);
        let total = total.map_or(JsValue::UNDEFINED, |total| (total as f64).into());
        move |samples| match &function {
            // An exception cancels the work.
            Some(function) => match function.call2(&JsValue::NULL, &(samples as f64).into(), &total) {
                Ok(_) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            },
            None => ControlFlow::Continue(()),
        }
    }
}

impl JsDecodeOptions {
    /// Converts the options; none are the defaults.
    pub(crate) fn read(options: Option<&Self>) -> Result<DecodeOptions, JsError> {
        let Some(options) = options else { return Ok(DecodeOptions::default()) };
        let rate = options.sample_rate();
        let output_rate = match (rate.as_f64(), rate.as_string().as_deref()) {
            (Some(hz), _) if hz >= 1.0 && hz <= f64::from(u32::MAX) => OutputRate::Hz(hz as u32),
            (None, Some("input")) => OutputRate::Input,
            (None, None) if rate.is_undefined() || rate.is_null() => OutputRate::Model,
            _ => return Err(JsError::new("sampleRate must be a number of Hz or \"input\"")),
        };
        let codebooks = options.codebooks().map(|count| count as usize);
        Ok(DecodeOptions { codebooks, output_rate, ..DecodeOptions::default() })
    }
}

/// Parses a mix of channels.
fn channel_mix(name: Option<&str>) -> Result<ChannelMix, JsError> {
    match name {
        None | Some("mono") => Ok(ChannelMix::Mono),
        Some("keep") => Ok(ChannelMix::Keep),
        Some(other) => {
            Err(JsError::new(&format!("unknown channels {other:?}, expected \"mono\" or \"keep\"")))
        }
    }
}
