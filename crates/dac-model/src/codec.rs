//! The assembled codec on one device.

mod engine;
mod error;
mod pending;
mod profile;
#[cfg(feature = "burn")]
mod tensor;

use dac_nn::{Device, Geometry, NetworkShape, WeightError, Weights, footprint};
use dac_rvq::{Array3, Codes, QuantizerWeights};

use crate::precision::Precision;
pub use dac_kernels::Isa;
pub use engine::{DecoderStream, EncoderStream};
pub use error::CodecError;
pub use pending::Pending;
pub use profile::{LayerTime, Part};

/// Where and how a codec runs.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CodecOptions {
    /// The device.
    pub device: Device,
    /// Threads of the CPU engine; `None` takes as many as rayon's pool has.
    pub threads: Option<usize>,
    /// Precision of the convolutions; the devices of burn on the CPU have f32 alone.
    pub precision: Precision,
    /// Instruction set of the CPU engine; `None` takes the best there is.
    pub cpu_level: Option<Isa>,
    /// Bytes that weights and activations may take on a device of burn; [`dac_nn::footprint`] estimates them. The CPU engine
    /// keeps no whole activations and needs no budget.
    pub memory_budget_bytes: Option<u64>,
    /// Whether streams of the CPU engine give out every frame as soon as they can, at some cost in speed; and those of a GPU
    /// every chunk, which then waits while the host is at work.
    pub low_latency: bool,
    /// Whether the CPU engine measures each layer.
    pub timings: bool,
}

impl CodecOptions {
    /// The defaults on `device`.
    pub fn on(device: Device) -> Self {
        Self { device, ..Self::default() }
    }
}

/// What encoding returns; frames are `ceil(samples / hop)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// The quantized latents, `[batch, latent, frames]`.
    pub z: Array3,
    /// `[batch, codebooks, frames]`.
    pub codes: Codes,
    /// The projected residuals, `[batch, codebooks · dim, frames]`.
    pub latents: Array3,
}

enum Network {
    Engine(engine::EngineNetwork),
    #[cfg(feature = "burn")]
    Tensor(tensor::TensorNetwork),
}

/// A loaded codec: encoder, residual vector quantizer and decoder on one device, ready for any number of threads.
pub struct Codec {
    shape: NetworkShape,
    geometry: Geometry,
    options: CodecOptions,
    network: Network,
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codec")
            .field("shape", &self.shape)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Codec {
    /// Builds the network of `shape` from `weights`, one parameter at a time.
    ///
    /// # Errors
    /// When the device is not there, a parameter is missing, or the shape is impossible for the kernels.
    pub fn load(
        shape: &NetworkShape,
        weights: &mut dyn Weights,
        options: CodecOptions,
    ) -> Result<Self, CodecError> {
        let geometry = Geometry::new(shape);
        check_budget(shape, &geometry, &options)?;
        let network = match options.device {
            Device::Cpu => Network::Engine(engine::EngineNetwork::load(shape, weights, &options)?),
            #[cfg(feature = "burn")]
            device => {
                Network::Tensor(tensor::TensorNetwork::load(shape, weights, device, options.precision)?)
            }
            #[cfg(not(feature = "burn"))]
            device => return Err(not_compiled(device).into()),
        };
        Ok(Self { shape: shape.clone(), geometry, options, network })
    }

    /// The network's shape.
    pub fn shape(&self) -> &NetworkShape {
        &self.shape
    }

    /// Lengths, contexts, latency.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Where it runs and how.
    pub fn options(&self) -> &CodecOptions {
        &self.options
    }

    /// Bytes that activations may take at a time; `None` where there is no budget, and on the CPU engine.
    pub fn activation_budget_bytes(&self) -> Option<u64> {
        let budget = self.options.memory_budget_bytes.filter(|_| self.options.device != Device::Cpu)?;
        Some(budget.saturating_sub(footprint::parameter_bytes(&self.shape)))
    }

    /// Whether the device works on while the host does something else, and streams so keep it a batch of windows ahead: a GPU, unless
    /// low latency was asked for.
    pub fn works_ahead(&self) -> bool {
        matches!(self.options.device, Device::Wgpu(_) | Device::Cuda(_)) && !self.options.low_latency
    }

    /// What the driver calls the GPU that the codec runs on; `None` on the CPU.
    pub fn device_name(&self) -> Option<String> {
        match &self.network {
            Network::Engine(_) => None,
            #[cfg(feature = "burn")]
            Network::Tensor(network) => network.device_name(),
        }
    }

    /// The CPU engine's instruction set, `None` on a burn device.
    pub fn cpu_level(&self) -> Option<Isa> {
        match &self.network {
            Network::Engine(network) => Some(network.level()),
            #[cfg(feature = "burn")]
            Network::Tensor(_) => None,
        }
    }

    /// Encodes whole signals at the model's rate, each zero-padded on its right to whole hops.
    ///
    /// `codebooks` limits the residual quantizer; `None` uses all.
    ///
    /// # Errors
    /// When there are no samples, more than one channel an item, more codebooks asked for than there are, or more samples than the
    /// memory budget allows at once.
    pub fn encode(&self, audio: &Array3, codebooks: Option<usize>) -> Result<Encoded, CodecError> {
        self.start_encode(audio, codebooks)?.wait()
    }

    /// As [`Codec::encode`], without waiting for a GPU.
    ///
    /// # Errors
    /// As [`Codec::encode`]; those of the work itself come from [`Pending::wait`].
    pub fn start_encode(
        &self,
        audio: &Array3,
        codebooks: Option<usize>,
    ) -> Result<Pending<Encoded>, CodecError> {
        let codebooks = self.codebooks(codebooks)?;
        let [batch, channels, samples] = audio.shape();
        if batch == 0 || samples == 0 {
            return Err(CodecError::Empty { what: "audio" });
        }
        if channels != 1 {
            let expected = "[batch, 1, samples]: channels are batch items".to_owned();
            return Err(CodecError::Input { what: "audio", found: audio.shape(), expected });
        }
        let frames = self.geometry.frames_for_samples(samples);
        self.check_fits(batch, frames, footprint::encode_bytes)?;
        let padded = frames * self.geometry.hop_samples;
        let mut signal = Vec::with_capacity(batch * padded);
        for item in 0..batch {
            signal.extend_from_slice(audio.item(item));
            signal.resize((item + 1) * padded, 0.0);
        }
        let encoded = match &self.network {
            Network::Engine(network) => Pending::ready(network.encode(&signal, padded, codebooks)?),
            #[cfg(feature = "burn")]
            Network::Tensor(network) => network.start_encode(signal, [batch, 1, padded], codebooks),
        };
        Ok(encoded.checked(|encoded| {
            check_finite("the encoder's output", encoded.z.as_slice())?;
            // A NaN loses every comparison of the search, so that z looks sound: the projections before it show it.
            check_finite("the encoder's projected output", encoded.latents.as_slice())
        }))
    }

    /// Decodes z `[batch, latent, frames]` to audio `[batch, 1, samples]`, samples as
    /// [`Geometry::samples_for_frames`] says.
    ///
    /// # Errors
    /// When there are no frames, more than the memory budget allows at once, or z has other channels than the model's latents.
    pub fn decode(&self, z: &Array3) -> Result<Array3, CodecError> {
        self.start_decode(z)?.wait()
    }

    /// As [`Codec::decode`], without waiting for a GPU.
    ///
    /// # Errors
    /// As [`Codec::decode`]; those of the work itself come from [`Pending::wait`].
    pub fn start_decode(&self, z: &Array3) -> Result<Pending<Array3>, CodecError> {
        self.check_latents("z", z.shape(), self.shape.latent_dim)?;
        let [batch, _, frames] = z.shape();
        self.check_fits(batch, frames, footprint::decode_bytes)?;
        Ok(finite_audio(match &self.network {
            Network::Engine(network) => Pending::ready(network.decode(z)?),
            #[cfg(feature = "burn")]
            Network::Tensor(network) => network.start_decode(z),
        }))
    }

    /// Decodes codes `[batch, codebooks, frames]` to audio `[batch, 1, samples]`.
    ///
    /// # Errors
    /// As [`Codec::codes_to_z`].
    pub fn decode_codes(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.start_decode_codes(codes)?.wait()
    }

    /// As [`Codec::decode_codes`], without waiting for a GPU.
    ///
    /// # Errors
    /// As [`Codec::decode_codes`]; those of the work itself come from [`Pending::wait`].
    pub fn start_decode_codes(&self, codes: &Codes) -> Result<Pending<Array3>, CodecError> {
        self.check_codes(codes)?;
        self.run_decoder(codes, true)
    }

    /// Decodes codes `[batch, codebooks, frames]` with the padding of every layer switched off, as the reference does for
    /// its files, to audio `[batch, 1, samples]`; samples by [`dac_nn::Layer::unpadded_len`] of each layer in turn.
    ///
    /// # Errors
    /// As [`Codec::codes_to_z`], and when there are too few frames for a sample.
    pub fn decode_codes_unpadded(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.check_codes(codes)?;
        let layers = self.shape.decoder();
        if layers.iter().try_fold(codes.frames(), |n, layer| layer.unpadded_len(n)).is_none() {
            let expected = "frames enough for a sample without padding".to_owned();
            return Err(CodecError::Input { what: "codes", found: codes.shape(), expected });
        }
        self.run_decoder(codes, false)?.wait()
    }

    fn run_decoder(&self, codes: &Codes, padding: bool) -> Result<Pending<Array3>, CodecError> {
        self.check_fits(codes.channels(), codes.frames(), footprint::decode_bytes)?;
        Ok(finite_audio(match &self.network {
            Network::Engine(network) => Pending::ready(network.decode_codes(codes, padding)?),
            #[cfg(feature = "burn")]
            Network::Tensor(network) => network.start_decode_codes(codes, padding)?,
        }))
    }

    /// z `[batch, latent, frames]` of codes with any number of the model's codebooks.
    ///
    /// # Errors
    /// When there are none, more codebooks than the model has, or a code out of range.
    pub fn codes_to_z(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.check_codes(codes)?;
        match &self.network {
            Network::Engine(network) => network.codes_to_z(codes),
            #[cfg(feature = "burn")]
            Network::Tensor(network) => network.codes_to_z(codes),
        }
    }

    /// Codes of latents `[batch, codebooks · dim, frames]` as [`Encoded::latents`] has them (the reference's `from_latents`).
    ///
    /// # Errors
    /// When the channels are not a whole number of the model's codebooks.
    pub fn latents_to_codes(&self, latents: &Array3) -> Result<Codes, CodecError> {
        let [_, channels, _] = latents.shape();
        let dim = self.shape.codebook_dim;
        let codebooks = channels / dim;
        self.check_latents("latents", latents.shape(), codebooks.clamp(1, self.shape.codebooks) * dim)?;
        // A NaN is as far from every entry: the search would take the first.
        check_finite("the latents", latents.as_slice())?;
        match &self.network {
            Network::Engine(network) => network.latents_to_codes(latents, codebooks),
            #[cfg(feature = "burn")]
            Network::Tensor(network) => network.latents_to_codes(latents),
        }
    }

    /// A stateful encoder of one signal, where the device keeps state (the CPU engine) and the model has so many codebooks.
    pub fn encoder_stream(&self, codebooks: usize) -> Option<EncoderStream> {
        self.codebooks(Some(codebooks)).ok()?;
        match &self.network {
            Network::Engine(network) => Some(network.encoder_stream(codebooks)),
            #[cfg(feature = "burn")]
            Network::Tensor(_) => None,
        }
    }

    /// A stateful decoder of one signal, where the device keeps state (the CPU engine).
    pub fn decoder_stream(&self) -> Option<DecoderStream> {
        match &self.network {
            Network::Engine(network) => Some(network.decoder_stream()),
            #[cfg(feature = "burn")]
            Network::Tensor(_) => None,
        }
    }

    /// Frames that a decode which begins within a signal has to begin at a multiple of, for the same rounding as the whole
    /// signal's: the engine's minimal filtering works on tiles of 3, 5 or 6 rows, up to 9 apart, counted from the start, and near the
    /// decoder's end of 8.
    pub fn decode_grid_frames(&self) -> usize {
        match &self.network {
            Network::Engine(_) => {
                let rates = self.shape.decoder_rates.iter().scan(1, |rate, &stride| {
                    *rate *= stride;
                    Some(*rate)
                });
                let grid = |frames: usize, unit: usize| frames / gcd(frames, unit) * unit;
                // 8 rows, 9 apart, at a rate: so many frames are whole tiles.
                rates.map(|rate| 72 / gcd(72, rate)).fold(270, grid)
            }
            #[cfg(feature = "burn")]
            Network::Tensor(_) => 1,
        }
    }

    /// As [`Codec::decoder_stream`] with the padding of every layer switched off: the stream form of
    /// [`Codec::decode_codes_unpadded`]. Too few frames give no samples.
    pub fn unpadded_decoder_stream(&self) -> Option<DecoderStream> {
        match &self.network {
            Network::Engine(network) => Some(network.unpadded_decoder_stream()),
            #[cfg(feature = "burn")]
            Network::Tensor(_) => None,
        }
    }

    /// The number of codebooks to use, checked.
    ///
    /// # Errors
    /// When it is 0 or more than there are.
    pub fn codebooks(&self, asked: Option<usize>) -> Result<usize, CodecError> {
        let available = self.shape.codebooks;
        match asked {
            None => Ok(available),
            Some(asked) if (1..=available).contains(&asked) => Ok(asked),
            Some(asked) => Err(CodecError::Codebooks { asked, available }),
        }
    }

    fn check_fits(
        &self,
        batch: usize,
        frames: usize,
        bytes: fn(&NetworkShape, usize) -> u64,
    ) -> Result<(), CodecError> {
        let bytes = bytes(&self.shape, frames).saturating_mul(batch as u64);
        check_fits(&self.shape, &self.options, batch * frames, bytes)
    }

    fn check_codes(&self, codes: &Codes) -> Result<(), CodecError> {
        let [batch, codebooks, frames] = codes.shape();
        if batch == 0 || frames == 0 {
            return Err(CodecError::Empty { what: "codes" });
        }
        self.codebooks(Some(codebooks))?;
        Ok(codes.check_range(self.shape.codebook_size)?)
    }

    fn check_latents(
        &self,
        what: &'static str,
        found: [usize; 3],
        channels: usize,
    ) -> Result<(), CodecError> {
        if found[0] == 0 || found[2] == 0 {
            return Err(CodecError::Empty { what });
        }
        if found[1] != channels {
            return Err(CodecError::Input { what, found, expected: format!("[batch, {channels}, frames]") });
        }
        Ok(())
    }
}

#[cfg(not(feature = "burn"))]
fn not_compiled(device: Device) -> dac_nn::DeviceError {
    let feature = match device {
        Device::NdArray => "ndarray",
        Device::Wgpu(_) => "wgpu",
        Device::Cuda(_) => "cuda",
        _ => "flex",
    };
    dac_nn::DeviceError::NotCompiled { device: device.to_string(), feature }
}

/// Whether the weights and a chunk of one frame fit, with the context that it needs.
fn check_budget(shape: &NetworkShape, geometry: &Geometry, options: &CodecOptions) -> Result<(), CodecError> {
    let frames = |(left, right): (usize, usize)| left + 1 + right;
    let encoder_frames = frames(geometry.encoder_context_frames());
    check_fits(shape, options, encoder_frames, footprint::encode_bytes(shape, encoder_frames))?;
    let decoder_frames = frames(geometry.decoder_context_frames());
    check_fits(shape, options, decoder_frames, footprint::decode_bytes(shape, decoder_frames))
}

/// Whether the weights and `bytes` for `frames` frames at once stay within the budget, where there is one.
fn check_fits(
    shape: &NetworkShape,
    options: &CodecOptions,
    frames: usize,
    bytes: u64,
) -> Result<(), CodecError> {
    let needed_bytes = footprint::parameter_bytes(shape).saturating_add(bytes);
    match options.memory_budget_bytes.filter(|_| options.device != Device::Cpu) {
        Some(budget_bytes) if budget_bytes < needed_bytes => {
            Err(CodecError::MemoryBudget { budget_bytes, needed_bytes, frames })
        }
        _ => Ok(()),
    }
}

/// Every output is looked through once, so that no broken value reaches a file unseen.
pub(crate) fn check_finite(what: &'static str, values: &[f32]) -> Result<(), CodecError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(position) => Err(CodecError::NonFinite { what, position }),
        None => Ok(()),
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn finite_audio(audio: Pending<Array3>) -> Pending<Array3> {
    audio.checked(|audio| check_finite("the decoder's output", audio.as_slice()))
}

/// The parameters of all codebooks, in order.
fn quantizer_weights(
    shape: &NetworkShape,
    weights: &mut dyn Weights,
) -> Result<Vec<QuantizerWeights>, WeightError> {
    let (latent, dim, size) = (shape.latent_dim, shape.codebook_dim, shape.codebook_size);
    (0..shape.codebooks)
        .map(|k| {
            let mut get = |leaf: &str, shape: &[usize]| {
                weights.tensor(&format!("quantizer.quantizers.{k}.{leaf}"), shape)
            };
            Ok(QuantizerWeights {
                in_proj_weight: get("in_proj.weight", &[dim, latent, 1])?,
                in_proj_bias: get("in_proj.bias", &[dim])?,
                out_proj_weight: get("out_proj.weight", &[latent, dim, 1])?,
                out_proj_bias: get("out_proj.bias", &[latent])?,
                codebook: get("codebook.weight", &[size, dim])?,
                latent,
                dim,
                size,
            })
        })
        .collect()
}
