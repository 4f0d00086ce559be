//! The codec on burn tensors, for every burn device.

use std::sync::Arc;

use burn::tensor::{Device as BurnDevice, Element, FloatDType, Int, Tensor, TensorData, Transaction};
use dac_kernels::{Precision, first_non_finite};
use dac_nn::tensor::{
    Arithmetic, Loader, Readback, Sequence, device_name, into_values, open_device, read, upload,
};
use dac_nn::{Device, NetworkShape, Padding, Weights};
use dac_rvq::tensor::{Quantized, ResidualQuantizer};
use dac_rvq::{Array3, Codes, QuantizerWeights};

use super::checks::{DECODED, check_encoded, check_finite};
use super::encoded::Encoded;
use super::error::CodecError;
use super::options::CodecOptions;
use super::pending::Pending;
use super::shared_batches::ItemResults;

/// Encoder, quantizer and decoder on one burn device; intermediate results stay on the device. Clones share
/// the parameters.
#[derive(Clone)]
pub(super) struct TensorNetwork {
    encoder: Arc<Sequence>,
    decoder: Arc<Sequence>,
    quantizer: ResidualQuantizer,
    device: BurnDevice,
    name: Device,
}

impl TensorNetwork {
    pub(super) fn load(
        shape: &NetworkShape,
        quantizer: Vec<QuantizerWeights>,
        weights: &mut dyn Weights,
        options: &CodecOptions,
    ) -> Result<Self, CodecError> {
        let (name, precision) = (options.device, options.precision);
        let device = open_device(name)?;
        let arithmetic = arithmetic(name, precision, &device)?;
        let quantizer = ResidualQuantizer::new(quantizer, &device);
        let formulations = &options.device_formulations();
        let mut loader = Loader { weights, device: &device, arithmetic, formulations };
        let encoder = Arc::new(Sequence::load(&shape.encoder(), &mut loader)?);
        let decoder = Arc::new(Sequence::load(&shape.decoder(), &mut loader)?);
        Ok(Self { encoder, decoder, quantizer, device, name })
    }

    pub(super) fn device_name(&self) -> Option<String> {
        device_name(&self.device)
    }

    /// Submits the work and the read-back of the result.
    pub(super) fn start_encode(
        &self,
        signal: Vec<f32>,
        shape: [usize; 3],
        codebooks: usize,
    ) -> Pending<Encoded> {
        let network = self.clone();
        let input = signal.clone();
        let encoded = self.encoder.forward(upload(signal, shape, &self.device), Padding::Zeros);
        self.start_quantize(encoded, codebooks)
            .checked(move |encoded| network.check_encoded(encoded, input, shape))
    }

    /// Encodes signals of whole hops, each with the result of a separate encode. `padded_samples` is at least
    /// the length of the longest.
    pub(super) fn start_encode_items(
        &self,
        signals: Vec<Vec<f32>>,
        padded_samples: usize,
        codebooks: usize,
    ) -> Pending<ItemResults<Encoded>> {
        let mut joined = Vec::with_capacity(signals.len() * padded_samples);
        for (item, signal) in signals.iter().enumerate() {
            joined.extend_from_slice(signal);
            joined.resize((item + 1) * padded_samples, 0.0);
        }
        let lengths: Vec<_> = signals.iter().map(Vec::len).collect();
        let joined = upload(joined, [signals.len(), 1, padded_samples], &self.device);
        let encoded = self.encoder.forward_items(joined, &lengths);
        let network = self.clone();
        self.start_quantize(encoded, codebooks).then(move |batch| {
            let item = |(item, signal): (usize, Vec<f32>)| {
                let frames = signal.len() * batch.codes.frames() / padded_samples;
                let encoded = batch.item_start(item, frames);
                let shape = [1, 1, signal.len()];
                network.check_encoded(&encoded, signal, shape).map(|()| encoded)
            };
            Ok(signals.into_iter().enumerate().map(item).collect())
        })
    }

    fn start_quantize(&self, encoded: Tensor<3>, codebooks: usize) -> Pending<Encoded> {
        let Quantized { z, codes, latents } = self.quantizer.encode(encoded, codebooks);
        let all = Transaction::default().register(z).register(codes).register(latents);
        self.start(all, |results| {
            Ok(Encoded { z: results.array()?, codes: results.codes()?, latents: results.array()? })
        })
    }

    /// Checks what was encoded from `signal`, which is encoded again to find the layer of an error.
    fn check_encoded(
        &self,
        encoded: &Encoded,
        signal: Vec<f32>,
        shape: [usize; 3],
    ) -> Result<(), CodecError> {
        let found = || non_finite_layer(&self.encoder, upload(signal, shape, &self.device), Padding::Zeros);
        check_encoded(encoded).map_err(|error| error.in_layer(found))
    }

    pub(super) fn start_decode(&self, z: &Array3) -> Pending<Array3> {
        let audio = self.start_array(self.decoder.forward(self.upload(z), Padding::Zeros));
        let (decoder, device, input) = (Arc::clone(&self.decoder), self.device.clone(), z.clone());
        audio.checked(move |audio| {
            let found = || non_finite_layer(&decoder, upload_array(&input, &device), Padding::Zeros);
            check_finite(DECODED, audio.as_slice()).map_err(|error| error.in_layer(found))
        })
    }

    pub(super) fn start_decode_codes(
        &self,
        codes: &Codes,
        padding: Padding,
    ) -> Result<Pending<Array3>, CodecError> {
        let audio = self.start_array(self.decoder.forward(self.z_of(codes)?, padding));
        let (network, codes) = (self.clone(), codes.clone());
        Ok(audio.checked(move |audio| network.check_decoded(audio, &codes, padding)))
    }

    /// Decodes codes of one channel each and the same number of codebooks, each with the result of a separate
    /// decode.
    /// `padded_frames` is at least the length of the longest.
    pub(super) fn start_decode_items(
        &self,
        items: Vec<Codes>,
        padded_frames: usize,
    ) -> Result<Pending<ItemResults<Array3>>, CodecError> {
        let padded: Vec<_> = items.iter().map(|codes| codes.padded(padded_frames)).collect();
        let lengths: Vec<_> = items.iter().map(Codes::frames).collect();
        let z = self.z_of(&Codes::stack_channels(&padded)?)?;
        let audio = self.start_array(self.decoder.forward_items(z, &lengths));
        let network = self.clone();
        Ok(audio.then(move |batch| {
            let item = |(item, codes): (usize, Codes)| {
                let samples = network.decoder.output_len(codes.frames());
                let audio = batch.item_start(item, samples);
                network.check_decoded(&audio, &codes, Padding::Zeros).map(|()| audio)
            };
            Ok(items.into_iter().enumerate().map(item).collect())
        }))
    }

    fn z_of(&self, codes: &Codes) -> Result<Tensor<3>, CodecError> {
        let z = self.quantizer.decode(self.upload_codes(codes));
        // burn fuses operations into kernels as they are submitted. Without this flush, the quantizer's
        // unfinished kernel prevents fusion in the decoder: each snake would take five kernels.
        self.device.flush().map_err(|e| failed(self.name, &e))?;
        Ok(z)
    }

    /// Checks what was decoded from `codes`, which are decoded again to find the layer of an error.
    fn check_decoded(&self, audio: &Array3, codes: &Codes, padding: Padding) -> Result<(), CodecError> {
        let z = || self.quantizer.decode(self.upload_codes(codes));
        let found = || non_finite_layer(&self.decoder, z(), padding);
        check_finite(DECODED, audio.as_slice()).map_err(|error| error.in_layer(found))
    }

    pub(super) fn codes_to_z(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.start_array(self.quantizer.decode(self.upload_codes(codes))).wait()
    }

    pub(super) fn latents_to_codes(&self, latents: &Array3) -> Result<Codes, CodecError> {
        let codes = self.quantizer.search(self.upload(latents));
        self.start(Transaction::default().register(codes), Results::codes).wait()
    }

    fn upload(&self, array: &Array3) -> Tensor<3> {
        upload_array(array, &self.device)
    }

    fn upload_codes(&self, codes: &Codes) -> Tensor<3, Int> {
        upload_codes(codes, &self.device)
    }

    fn start_array(&self, tensor: Tensor<3>) -> Pending<Array3> {
        self.start(Transaction::default().register(tensor), Results::array)
    }

    fn start<T: Send + 'static>(
        &self,
        tensors: Transaction,
        convert: impl FnOnce(&mut Results) -> Result<T, CodecError> + Send + 'static,
    ) -> Pending<T> {
        let (device, readback) = (self.name, Readback::start(tensors));
        Pending::deferred(move || {
            let data = readback.wait().map_err(|e| failed(device, &e))?;
            convert(&mut Results { device, data: data.into_iter() })
        })
    }
}

/// Returns the arithmetic of a precision on a device.
pub(super) fn arithmetic(
    name: Device,
    precision: Precision,
    device: &BurnDevice,
) -> Result<Arithmetic, CodecError> {
    let dtype = match (precision, name) {
        // burn rounds the factors of f32 products to TF32 where the GPU has matrix units.
        (Precision::F32 | Precision::Exact, Device::Cuda(_)) => return Ok(Arithmetic::Split),
        (Precision::F32 | Precision::Exact, _) | (Precision::Tf32, Device::Cuda(_)) => FloatDType::F32,
        (Precision::Bf16, _) => FloatDType::BF16,
        (Precision::F16, _) => FloatDType::F16,
        (Precision::Tf32, _) => {
            let why = "only cuda has TF32".to_owned();
            return Err(CodecError::Precision { device: name, precision, why });
        }
    };
    // burn's 16-bit arithmetic on the CPU is far too slow to be useful.
    let on_gpu = name.is_gpu();
    if dtype != FloatDType::F32 && !(on_gpu && device.supports_dtype(dtype)) {
        let why = match on_gpu {
            true => "the device does not support it",
            false => "burn's CPU backends support only f32",
        };
        return Err(CodecError::Precision { device: name, precision, why: why.to_owned() });
    }
    Ok(Arithmetic::Plain(dtype))
}

fn upload_array(array: &Array3, device: &BurnDevice) -> Tensor<3> {
    upload(array.as_slice().to_vec(), array.shape(), device)
}

fn upload_codes(codes: &Codes, device: &BurnDevice) -> Tensor<3, Int> {
    let wide: Vec<i32> = codes.as_slice().iter().map(|&c| i32::from(c)).collect();
    Tensor::from_data(TensorData::new(wide, codes.shape()), device)
}

/// Runs a sequence again and returns the name of the first layer whose output is not finite; `None` if its
/// input is not.
fn non_finite_layer(sequence: &Sequence, input: Tensor<3>, padding: Padding) -> Option<String> {
    let is_finite = |x: &Tensor<3>| read(x.clone()).is_ok_and(|values| first_non_finite(&values).is_none());
    if !is_finite(&input) {
        return None;
    }
    let mut found = None;
    sequence.forward_traced(input, padding, |name, output| {
        if found.is_none() && !is_finite(output) {
            found = Some(name.to_owned());
        }
    });
    found
}

/// Results read back from the device, taken in the order of their registration.
struct Results {
    device: Device,
    data: std::vec::IntoIter<TensorData>,
}

impl Results {
    fn array(&mut self) -> Result<Array3, CodecError> {
        let (values, shape) = self.next()?;
        Ok(Array3::new(values, shape)?)
    }

    fn codes(&mut self) -> Result<Codes, CodecError> {
        let (values, shape) = self.next()?;
        Ok(Codes::from_i64(&values, shape)?)
    }

    fn next<E: Element>(&mut self) -> Result<(Vec<E>, [usize; 3]), CodecError> {
        let data = self.data.next().ok_or_else(|| failed(self.device, &"a result is missing"))?;
        let shape = data.shape().dims();
        Ok((into_values(data).map_err(|e| failed(self.device, &e))?, shape))
    }
}

pub(super) fn failed(device: Device, reason: &dyn std::fmt::Display) -> CodecError {
    CodecError::Failed { device, reason: reason.to_string() }
}
