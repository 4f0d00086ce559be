//! The assembled codec on one device.

mod batch_totals;
mod checks;
mod encoded;
mod engine;
mod error;
#[cfg(feature = "burn")]
mod formulations;
mod options;
mod pending;
pub mod prepared;
mod quantizer;
#[cfg(feature = "burn")]
mod shared;
#[cfg(feature = "burn")]
mod shared_batches;
#[cfg(feature = "burn")]
mod tensor;

use dac_kernels::PackedSection;
use dac_nn::{Device, Geometry, NetworkShape, Padding, Weights, memory};
use dac_rvq::{Array3, Codes, CodesError};

pub use batch_totals::BatchTotals;
pub use dac_kernels::Isa;
pub use encoded::Encoded;
pub use engine::{DecoderPush, EncoderPush, EngineDecoder, EngineEncoder, Frames, LayerTime, Part};
pub use error::CodecError;
#[cfg(feature = "burn")]
pub use formulations::{MeasuredConvolution, MeasuredFormulations};
pub use options::CodecOptions;
pub use pending::Pending;

use checks::{check_finite, check_fits, check_smallest_chunk_fits};
use engine::BLOCK_FRAMES;
use prepared::{PreparedError, PreparedWeights};
use quantizer::load_quantizer;

enum Network {
    Engine(engine::EngineNetwork),
    #[cfg(feature = "burn")]
    Tensor {
        network: tensor::TensorNetwork,
        /// Batches that threads share, with [`CodecOptions::shared_batches`].
        shared: Option<shared::SharedWork>,
    },
}

/// A loaded codec: encoder, residual vector quantizer and decoder on one device. Threads can share it.
pub struct Codec {
    shape: NetworkShape,
    geometry: Geometry,
    options: CodecOptions,
    network: Network,
    /// Entries of each codebook before normalisation, `[size][dim]`.
    codebooks: Vec<Vec<f32>>,
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
    /// Builds the network of `shape`, loading one parameter at a time from `weights`.
    ///
    /// # Errors
    /// When the device is not available, a parameter is missing, the memory budget is too small, or the
    /// kernels do not support the shape or the options.
    pub fn load(
        shape: &NetworkShape,
        weights: &mut dyn Weights,
        options: CodecOptions,
    ) -> Result<Self, CodecError> {
        let geometry = Geometry::new(shape);
        check_smallest_chunk_fits(shape, &geometry, &options)?;
        #[cfg(not(feature = "burn"))]
        if options.device != Device::Cpu {
            return Err(options.device.not_compiled().into());
        }
        let quantizer = load_quantizer(shape, weights)?;
        let codebooks = quantizer.iter().map(|stage| stage.codebook.clone()).collect();
        let network = match options.device {
            #[cfg(feature = "burn")]
            device if device != Device::Cpu => {
                let network = tensor::TensorNetwork::load(shape, quantizer, weights, &options)?;
                let shared =
                    options.shared_batches.then(|| shared::SharedWork::new(&network, shape, &options));
                Network::Tensor { network, shared: shared.transpose()? }
            }
            _ => Network::Engine(engine::EngineNetwork::load(shape, quantizer, weights, &options)?),
        };
        Ok(Self { shape: shape.clone(), geometry, options, network, codebooks })
    }

    /// Builds the network of `shape` on the CPU engine from prepared weights.
    ///
    /// # Errors
    /// When the weights do not fit the shape or the options, or the device is not the CPU engine.
    pub fn load_prepared(
        shape: &NetworkShape,
        prepared: &PreparedWeights,
        options: CodecOptions,
    ) -> Result<Self, PreparedError> {
        if options.device != Device::Cpu {
            return Err(PreparedError::NotEngine);
        }
        let quantizer = prepared.quantizer(shape)?;
        let codebooks = quantizer.iter().map(|stage| stage.codebook.clone()).collect();
        let network = engine::EngineNetwork::load_prepared(shape, quantizer, prepared, &options)?;
        let (geometry, network) = (Geometry::new(shape), Network::Engine(network));
        Ok(Self { shape: shape.clone(), geometry, options, network, codebooks })
    }

    /// Returns what shared batches have done; `None` without [`CodecOptions::shared_batches`].
    pub fn batch_totals(&self) -> Option<BatchTotals> {
        match &self.network {
            Network::Engine(_) => None,
            #[cfg(feature = "burn")]
            Network::Tensor { shared, .. } => shared.as_ref().map(shared::SharedWork::totals),
        }
    }

    /// Returns the network's shape.
    pub fn shape(&self) -> &NetworkShape {
        &self.shape
    }

    /// Returns lengths, contexts and latency.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Returns the options the codec was loaded with.
    pub fn options(&self) -> &CodecOptions {
        &self.options
    }

    /// Returns the bytes that activations may use at a time; `None` without a budget and on the CPU engine.
    pub fn activation_budget_bytes(&self) -> Option<u64> {
        self.options.activation_budget_bytes(&self.shape)
    }

    /// Returns whether streams should keep the device one batch ahead of the host: on GPUs, unless low
    /// latency was requested.
    pub fn works_ahead(&self) -> bool {
        self.options.device.is_gpu() && !self.options.low_latency
    }

    /// Returns the driver's name of the GPU; `None` on the CPU.
    pub fn device_name(&self) -> Option<String> {
        match &self.network {
            Network::Engine(_) => None,
            #[cfg(feature = "burn")]
            Network::Tensor { network, .. } => network.device_name(),
        }
    }

    /// Returns the CPU engine's instruction set; `None` on a burn device.
    pub fn isa(&self) -> Option<Isa> {
        self.engine().map(|network| network.isa)
    }

    /// Packed weights of the engine's encoder or decoder; `None` on a burn device.
    fn packed(&self, part: Part) -> Option<&[PackedSection]> {
        self.engine().map(|network| network.packed(part))
    }

    fn engine(&self) -> Option<&engine::EngineNetwork> {
        match &self.network {
            Network::Engine(network) => Some(network),
            #[cfg(feature = "burn")]
            Network::Tensor { .. } => None,
        }
    }

    /// Encodes signals at the model's rate, `[batch, 1, samples]`, each zero-padded on its right to whole
    /// hops.
    ///
    /// `codebooks` limits the residual quantizer; `None` uses all.
    ///
    /// # Errors
    /// When there are no samples, an item has several channels, the model does not have `codebooks`
    /// codebooks, the memory budget is too small for the signal, or the output is not finite.
    pub fn encode(&self, audio: &Array3, codebooks: Option<usize>) -> Result<Encoded, CodecError> {
        self.start_encode(audio, codebooks)?.wait()
    }

    /// Starts [`Codec::encode`] without waiting for a GPU.
    ///
    /// # Errors
    /// Same as [`Codec::encode`]; errors of the computation are reported by [`Pending::wait`].
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
            let expected = "[batch, 1, samples] with channels as batch items".to_owned();
            return Err(CodecError::Input { what: "audio", found: audio.shape(), expected });
        }
        let frames = self.geometry.frames_for_samples(samples);
        check_fits(&self.shape, &self.options, batch, frames, memory::encode_bytes)?;
        let padded = frames * self.geometry.hop_samples;
        let mut signal = Vec::with_capacity(batch * padded);
        for item in 0..batch {
            signal.extend_from_slice(audio.item(item));
            signal.resize((item + 1) * padded, 0.0);
        }
        Ok(match &self.network {
            Network::Engine(network) => Pending::ready(network.encode(&signal, padded, codebooks)?),
            #[cfg(feature = "burn")]
            Network::Tensor { network, shared } => match shared {
                Some(shared) => shared.start_encode(&signal, padded, codebooks),
                None => network.start_encode(signal, [batch, 1, padded], codebooks),
            },
        })
    }

    /// Decodes z `[batch, latent, frames]` to audio `[batch, 1, samples]`; samples follow
    /// [`Geometry::samples_for_frames`].
    ///
    /// # Errors
    /// When there are no frames, z does not have the model's latent channels, the memory budget is too small
    /// for the frames, or the output is not finite.
    pub fn decode(&self, z: &Array3) -> Result<Array3, CodecError> {
        self.start_decode(z)?.wait()
    }

    /// Starts [`Codec::decode`] without waiting for a GPU.
    ///
    /// # Errors
    /// Same as [`Codec::decode`]; errors of the computation are reported by [`Pending::wait`].
    pub fn start_decode(&self, z: &Array3) -> Result<Pending<Array3>, CodecError> {
        self.check_latents("z", z.shape(), self.shape.latent_dim)?;
        let [batch, _, frames] = z.shape();
        check_fits(&self.shape, &self.options, batch, frames, memory::decode_bytes)?;
        Ok(match &self.network {
            Network::Engine(network) => Pending::ready(network.decode(z)?),
            #[cfg(feature = "burn")]
            Network::Tensor { network, .. } => network.start_decode(z),
        })
    }

    /// Decodes codes `[batch, codebooks, frames]` to audio `[batch, 1, samples]`.
    ///
    /// # Errors
    /// Same as [`Codec::codes_to_z`] and [`Codec::decode`].
    pub fn decode_codes(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.start_decode_codes(codes)?.wait()
    }

    /// Starts [`Codec::decode_codes`] without waiting for a GPU.
    ///
    /// # Errors
    /// Same as [`Codec::decode_codes`]; errors of the computation are reported by [`Pending::wait`].
    pub fn start_decode_codes(&self, codes: &Codes) -> Result<Pending<Array3>, CodecError> {
        self.check_codes(codes)?;
        self.run_decoder(codes, Padding::Zeros)
    }

    /// Decodes codes `[batch, codebooks, frames]` without padding, as the reference's windowed mode, to audio
    /// `[batch, 1, samples]`; samples follow [`dac_nn::Layer::unpadded_len`] of each layer.
    ///
    /// # Errors
    /// Same as [`Codec::decode_codes`], and when there are too few frames for a sample.
    pub fn decode_codes_unpadded(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.check_codes(codes)?;
        let layers = self.shape.decoder();
        if layers.iter().try_fold(codes.frames(), |n, layer| layer.unpadded_len(n)).is_none() {
            let expected = "enough frames for a sample without padding".to_owned();
            return Err(CodecError::Input { what: "codes", found: codes.shape(), expected });
        }
        self.run_decoder(codes, Padding::None)?.wait()
    }

    fn run_decoder(&self, codes: &Codes, padding: Padding) -> Result<Pending<Array3>, CodecError> {
        let [batch, _, frames] = codes.shape();
        check_fits(&self.shape, &self.options, batch, frames, memory::decode_bytes)?;
        Ok(match &self.network {
            Network::Engine(network) => Pending::ready(network.decode_codes(codes, padding)?),
            #[cfg(feature = "burn")]
            Network::Tensor { network, shared } => match shared {
                Some(shared) if padding == Padding::Zeros => shared.start_decode(codes),
                _ => network.start_decode_codes(codes, padding)?,
            },
        })
    }

    /// Converts codes of any number of the model's codebooks to z `[batch, latent, frames]`.
    ///
    /// # Errors
    /// When there are no codes, more codebooks than the model has, or a code out of range.
    pub fn codes_to_z(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.check_codes(codes)?;
        match &self.network {
            Network::Engine(network) => network.codes_to_z(codes),
            #[cfg(feature = "burn")]
            Network::Tensor { network, .. } => network.codes_to_z(codes),
        }
    }

    /// Looks up the codebook entries of codes: `[batch, codebooks · dim, frames]` (reference: the second
    /// result of `from_codes`). Unlike [`Encoded::latents`], these are quantized.
    ///
    /// # Errors
    /// Same as [`Codec::codes_to_z`].
    pub fn codes_to_entries(&self, codes: &Codes) -> Result<Array3, CodecError> {
        self.check_codes(codes)?;
        let [batch, codebooks, frames] = codes.shape();
        let dim = self.shape.codebook_dim;
        let mut entries = Vec::with_capacity(batch * codebooks * dim * frames);
        for (row, codes) in codes.as_slice().chunks_exact(frames).enumerate() {
            let codebook = &self.codebooks[row % codebooks];
            for value in 0..dim {
                entries.extend(codes.iter().map(|&code| codebook[usize::from(code) * dim + value]));
            }
        }
        Ok(Array3::new(entries, [batch, codebooks * dim, frames])?)
    }

    /// Searches the codes of latents `[batch, codebooks · dim, frames]`, given as in [`Encoded::latents`]
    /// (reference: `from_latents`).
    ///
    /// # Errors
    /// When the channels do not match a number of the model's codebooks, or a value is not finite.
    pub fn latents_to_codes(&self, latents: &Array3) -> Result<Codes, CodecError> {
        let [_, channels, _] = latents.shape();
        let dim = self.shape.codebook_dim;
        let codebooks = channels / dim;
        self.check_latents("latents", latents.shape(), codebooks.clamp(1, self.shape.codebooks) * dim)?;
        // A NaN is equally far from every entry: the search would return the first.
        check_finite("the latents", latents.as_slice())?;
        match &self.network {
            Network::Engine(network) => network.latents_to_codes(latents, codebooks),
            #[cfg(feature = "burn")]
            Network::Tensor { network, .. } => network.latents_to_codes(latents),
        }
    }

    /// Creates a stateful encoder of one signal. `None` on burn devices and if the model does not have
    /// `codebooks` codebooks.
    pub fn engine_encoder(&self, codebooks: usize) -> Option<EngineEncoder> {
        self.codebooks(Some(codebooks)).ok()?;
        Some(self.engine()?.encoder(codebooks))
    }

    /// Creates a stateful decoder of one signal; `None` on burn devices. Without padding, as in
    /// [`Codec::decode_codes_unpadded`], too few frames give no samples.
    pub fn engine_decoder(&self, padding: Padding) -> Option<EngineDecoder> {
        Some(self.engine()?.decoder(padding))
    }

    /// Returns the number of frames of which the start of a partial decode must be a multiple, so that its
    /// samples equal those of the whole signal bit by bit.
    pub fn decode_grid_frames(&self) -> usize {
        self.engine().map_or(1, |_| engine::decode_grid_frames(&self.shape.decoder_rates))
    }

    /// Encodes and decodes one channel of samples at the model's rate and returns the time of each layer, in
    /// order. `None` on burn devices and without [`CodecOptions::timings`].
    ///
    /// # Errors
    /// When there are no samples or the network's output is not finite.
    pub fn profile(&self, samples: &[f32]) -> Result<Option<Vec<LayerTime>>, CodecError> {
        if samples.is_empty() {
            return Err(CodecError::Empty { what: "audio" });
        }
        let Some(network) = self.engine().filter(|_| self.options.timings) else { return Ok(None) };
        let frames = self.geometry.frames_for_samples(samples.len());
        let mut signal = samples.to_vec();
        signal.resize(frames * self.geometry.hop_samples, 0.0);
        network.profile(&self.shape, &signal).map(Some)
    }

    /// Returns the bytes of the engine's packed weights of the encoder or the decoder, without the quantizer.
    /// A stream that pushes one frame reads all of them from memory. `None` on burn devices.
    pub fn engine_weight_bytes(&self, part: Part) -> Option<usize> {
        self.engine().map(|engine| engine.weight_bytes(part))
    }

    /// Measures the peak floating-point operations per second of one core with the CPU engine's instructions;
    /// a multiply-add counts as two. `None` on burn devices.
    pub fn fma_peak_flops(&self) -> Option<f64> {
        self.isa().map(dac_kernels::fma_peak)
    }

    /// Returns the number of codebooks to use: `requested`, or all.
    ///
    /// # Errors
    /// When it is 0 or more than the model has.
    pub fn codebooks(&self, requested: Option<usize>) -> Result<usize, CodecError> {
        let available = self.shape.codebooks;
        match requested {
            None => Ok(available),
            Some(count) if (1..=available).contains(&count) => Ok(count),
            Some(requested) => Err(CodesError::CodebookCount { requested, available }.into()),
        }
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
