//! The codec on burn tensors, for every burn device.

use burn::tensor::{Device as BurnDevice, Element, FloatDType, Int, Tensor, TensorData, Transaction};
use dac_kernels::Precision;
use dac_nn::tensor::{Loader, Readback, Sequence, device_name, into_values, open_device, upload};
use dac_nn::{Device, NetworkShape, Padding, Weights};
use dac_rvq::tensor::{Quantized, ResidualQuantizer};
use dac_rvq::{Array3, Codes};

use super::encoded::Encoded;
use super::error::CodecError;
use super::options::CodecOptions;
use super::pending::Pending;
use super::quantizer::load_quantizer;

/// Encoder, quantizer and decoder on one burn device; intermediate results stay on the device.
pub(super) struct TensorNetwork {
    encoder: Sequence,
    decoder: Sequence,
    quantizer: ResidualQuantizer,
    device: BurnDevice,
    name: Device,
}

impl TensorNetwork {
    pub(super) fn load(
        shape: &NetworkShape,
        weights: &mut dyn Weights,
        options: &CodecOptions,
    ) -> Result<Self, CodecError> {
        let (name, precision) = (options.device, options.precision);
        let device = open_device(name)?;
        let arithmetic = match precision {
            Precision::F32 | Precision::Exact => FloatDType::F32,
            Precision::Bf16 => FloatDType::BF16,
            Precision::F16 => FloatDType::F16,
        };
        // burn's 16-bit arithmetic on the CPU is far too slow to be useful.
        let on_gpu = matches!(name, Device::Wgpu(_) | Device::Cuda(_));
        if arithmetic != FloatDType::F32 && !(on_gpu && device.supports_dtype(arithmetic)) {
            let why = match on_gpu {
                true => "the device does not support it",
                false => "burn's CPU backends support only f32",
            };
            return Err(CodecError::Precision { device: name, precision, why: why.to_owned() });
        }
        let quantizer = ResidualQuantizer::new(load_quantizer(shape, weights)?, &device);
        let mut loader = Loader { weights, device: &device, arithmetic };
        let encoder = Sequence::load(&shape.encoder(), &mut loader)?;
        let decoder = Sequence::load(&shape.decoder(), &mut loader)?;
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
        let encoded = self.encoder.forward(upload(signal, shape, &self.device), Padding::Zeros);
        let Quantized { z, codes, latents } = self.quantizer.encode(encoded, codebooks);
        let all = Transaction::default().register(z).register(codes).register(latents);
        self.start(all, |results| {
            Ok(Encoded { z: results.array()?, codes: results.codes()?, latents: results.array()? })
        })
    }

    pub(super) fn start_decode(&self, z: &Array3) -> Pending<Array3> {
        self.start_array(self.decoder.forward(self.upload(z), Padding::Zeros))
    }

    pub(super) fn start_decode_codes(
        &self,
        codes: &Codes,
        padding: Padding,
    ) -> Result<Pending<Array3>, CodecError> {
        let z = self.quantizer.decode(self.upload_codes(codes));
        // burn fuses operations into kernels as they are submitted. Without this flush, the quantizer's
        // unfinished kernel prevents fusion in the decoder: each snake would take five kernels.
        self.device.flush().map_err(|e| failed(self.name, &e))?;
        Ok(self.start_array(self.decoder.forward(z, padding)))
    }

    pub(super) fn codes_to_z(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.start_array(self.quantizer.decode(self.upload_codes(codes))).wait()
    }

    pub(super) fn latents_to_codes(&self, latents: &Array3) -> Result<Codes, CodecError> {
        let codes = self.quantizer.search(self.upload(latents));
        self.start(Transaction::default().register(codes), Results::codes).wait()
    }

    fn upload(&self, array: &Array3) -> Tensor<3> {
        upload(array.as_slice().to_vec(), array.shape(), &self.device)
    }

    fn upload_codes(&self, codes: &Codes) -> Tensor<3, Int> {
        let wide: Vec<i32> = codes.as_slice().iter().map(|&c| i32::from(c)).collect();
        Tensor::from_data(TensorData::new(wide, codes.shape()), &self.device)
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

fn failed(device: Device, reason: &dyn std::fmt::Display) -> CodecError {
    CodecError::Failed { device, reason: reason.to_string() }
}
