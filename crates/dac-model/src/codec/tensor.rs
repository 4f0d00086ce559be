//! The codec on burn tensors, for any burn device.

use burn::tensor::{Device as BurnDevice, FloatDType, Int, Tensor, TensorData};
use dac_nn::tensor::{Sequence, device_name, open_device, read, upload};
use dac_nn::{Device, Layer, NetworkShape, Weights};
use dac_rvq::tensor::ResidualQuantizer;
use dac_rvq::{Array3, Codes};

use super::{CodecError, Encoded, quantizer_weights};
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

    pub(super) fn encode(
        &self,
        signal: Vec<f32>,
        shape: [usize; 3],
        codebooks: usize,
    ) -> Result<Encoded, CodecError> {
        let encoded = self.encoder.forward(upload(signal, shape, &self.device));
        let quantized = self.quantizer.encode(encoded, codebooks);
        Ok(Encoded {
            z: self.array(quantized.z)?,
            codes: self.codes(quantized.codes)?,
            latents: self.array(quantized.latents)?,
        })
    }

    pub(super) fn decode(&self, z: &Array3) -> Result<Array3, CodecError> {
        self.array(self.decoder.forward(upload(z.as_slice().to_vec(), z.shape(), &self.device)))
    }

    pub(super) fn decode_codes(&self, codes: &Codes, padding: bool) -> Result<Array3, CodecError> {
        let z = self.quantizer.decode(self.upload_codes(codes));
        // The layers are handles: taking them without padding copies no weights.
        self.array(if padding { self.decoder.forward(z) } else { self.decoder.unpadded().forward(z) })
    }

    pub(super) fn codes_to_z(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.array(self.quantizer.decode(self.upload_codes(codes)))
    }

    pub(super) fn latents_to_codes(&self, latents: &Array3) -> Result<Codes, CodecError> {
        let latents = upload(latents.as_slice().to_vec(), latents.shape(), &self.device);
        self.codes(self.quantizer.search(latents))
    }

    fn upload_codes(&self, codes: &Codes) -> Tensor<3, Int> {
        let wide: Vec<i32> = codes.as_slice().iter().map(|&c| i32::from(c)).collect();
        Tensor::from_data(TensorData::new(wide, codes.shape()), &self.device)
    }

    fn array(&self, tensor: Tensor<3>) -> Result<Array3, CodecError> {
        let shape = tensor.dims();
        let values = read(tensor).map_err(|e| self.failed(&e))?;
        Ok(Array3::new(values, shape)?)
    }

    fn codes(&self, tensor: Tensor<3, Int>) -> Result<Codes, CodecError> {
        let shape = tensor.dims();
        let data = tensor.try_into_data_as::<i64>().map_err(|e| self.failed(&e))?;
        let values = data.try_into_vec::<i64>().map_err(|e| self.failed(&e))?;
        Ok(Codes::from_i64(&values, shape)?)
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> CodecError {
        CodecError::Failed { device: self.name, reason: error.to_string() }
    }
}
