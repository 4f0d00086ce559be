//! The codec on burn tensors, for any burn device.

use burn::tensor::{Device as BurnDevice, Element, FloatDType, Int, Tensor, TensorData, Transaction};
use dac_nn::tensor::{Reading, Sequence, device_name, open_device, upload, values};
use dac_nn::{Device, Layer, NetworkShape, Weights};
use dac_rvq::tensor::{Quantized, ResidualQuantizer};
use dac_rvq::{Array3, Codes};

use super::{CodecError, Encoded, Pending, quantizer_weights};
use crate::precision::Precision;

/// Encoder, quantizer and decoder on one burn device; between them nothing comes back to the host.
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
        name: Device,
        precision: Precision,
    ) -> Result<Self, CodecError> {
        let device = open_device(name)?;
        let arithmetic = match precision {
            Precision::F32 | Precision::Exact => FloatDType::F32,
            Precision::Bf16 => FloatDType::BF16,
            Precision::F16 => FloatDType::F16,
        };
        // On the CPU, burn's half-width arithmetic is a test of patience.
        let on_gpu = matches!(name, Device::Wgpu(_) | Device::Cuda(_));
        if arithmetic != FloatDType::F32 && !(on_gpu && device.supports_dtype(arithmetic)) {
            let why =
                if on_gpu { "it does not compute in it" } else { "on the CPU, burn computes in f32 alone" };
            return Err(CodecError::Precision { device: name, precision, why: why.to_owned() });
        }
        let quantizer = ResidualQuantizer::new(quantizer_weights(shape, weights)?, &device);
        let mut load = |layers: &[Layer]| -> Result<Sequence, CodecError> {
            Ok(Sequence::load(layers, weights, &device)?.with_arithmetic(arithmetic))
        };
        Ok(Self {
            quantizer,
            encoder: load(&shape.encoder())?,
            decoder: load(&shape.decoder())?,
            device,
            name,
        })
    }

    pub(super) fn device_name(&self) -> Option<String> {
        device_name(&self.device)
    }

    /// Gives the device its work and starts the way back of what comes of it.
    pub(super) fn start_encode(
        &self,
        signal: Vec<f32>,
        shape: [usize; 3],
        codebooks: usize,
    ) -> Pending<Encoded> {
        let encoded = self.encoder.forward(upload(signal, shape, &self.device));
        let Quantized { z, codes, latents } = self.quantizer.encode(encoded, codebooks);
        let all = Transaction::default().register(z).register(codes).register(latents);
        self.start(all, |arrived| {
            Ok(Encoded { z: arrived.array()?, codes: arrived.codes()?, latents: arrived.array()? })
        })
    }

    pub(super) fn start_decode(&self, z: &Array3) -> Pending<Array3> {
        self.start_array(self.decoder.forward(self.upload(z)))
    }

    pub(super) fn start_decode_codes(
        &self,
        codes: &Codes,
        padding: bool,
    ) -> Result<Pending<Array3>, CodecError> {
        let z = self.quantizer.decode(self.upload_codes(codes));
        // burn joins operations into programs as they come. Beside those of the quantizer that are still open it joins none of the decoder's:
        // each snake would be five programs.
        self.device.flush().map_err(|e| failed(self.name, &e))?;
        // The layers are handles: taking them without padding copies no weights.
        let audio = if padding { self.decoder.forward(z) } else { self.decoder.unpadded().forward(z) };
        Ok(self.start_array(audio))
    }

    pub(super) fn codes_to_z(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.start_array(self.quantizer.decode(self.upload_codes(codes))).wait()
    }

    pub(super) fn latents_to_codes(&self, latents: &Array3) -> Result<Codes, CodecError> {
        let codes = self.quantizer.search(self.upload(latents));
        self.start(Transaction::default().register(codes), Arrived::codes).wait()
    }

    fn upload(&self, array: &Array3) -> Tensor<3> {
        upload(array.as_slice().to_vec(), array.shape(), &self.device)
    }

    fn upload_codes(&self, codes: &Codes) -> Tensor<3, Int> {
        let wide: Vec<i32> = codes.as_slice().iter().map(|&c| i32::from(c)).collect();
        Tensor::from_data(TensorData::new(wide, codes.shape()), &self.device)
    }

    fn start_array(&self, tensor: Tensor<3>) -> Pending<Array3> {
        self.start(Transaction::default().register(tensor), Arrived::array)
    }

    fn start<T: Send + 'static>(
        &self,
        tensors: Transaction,
        take: impl FnOnce(&mut Arrived) -> Result<T, CodecError> + Send + 'static,
    ) -> Pending<T> {
        let (device, reading) = (self.name, Reading::start(tensors));
        Pending::coming(move || {
            let data = reading.wait().map_err(|e| failed(device, &e))?;
            take(&mut Arrived { device, data: data.into_iter() })
        })
    }
}

/// What came back from the device, in the order in which it was asked for.
struct Arrived {
    device: Device,
    data: std::vec::IntoIter<TensorData>,
}

impl Arrived {
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
        Ok((values(data).map_err(|e| failed(self.device, &e))?, shape))
    }
}

fn failed(device: Device, reason: &dyn std::fmt::Display) -> CodecError {
    CodecError::Failed { device, reason: reason.to_string() }
}
