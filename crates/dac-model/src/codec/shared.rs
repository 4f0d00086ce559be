//! The work of several threads on one burn device, computed in common batches.

use dac_nn::{Formulations, NetworkShape, memory};
use dac_rvq::{Array3, Codes};

use super::batch_totals::BatchTotals;
use super::encoded::Encoded;
use super::error::CodecError;
use super::options::CodecOptions;
use super::pending::Pending;
use super::shared_batches::{BatchRunner, ItemResults, SharedBatches, padded_frames};
use super::tensor::TensorNetwork;

/// Bytes for the activations of a batch without a memory budget.
const DEFAULT_BYTES: u64 = 2_000_000_000;

/// Encoder and decoder of a codec whose threads share batches.
pub(super) struct SharedWork {
    encoder: SharedBatches<EncodeRunner>,
    decoder: SharedBatches<DecodeRunner>,
}

impl SharedWork {
    /// Starts the threads that compute the batches.
    pub(super) fn new(
        network: &TensorNetwork,
        shape: &NetworkShape,
        options: &CodecOptions,
    ) -> Result<Self, CodecError> {
        let memory = ActivationMemory {
            shape: shape.clone(),
            formulations: options.device_formulations(),
            bytes: options.activation_budget_bytes(shape).unwrap_or(DEFAULT_BYTES),
        };
        let encoder = EncodeRunner { network: network.clone(), memory: memory.clone() };
        let decoder = DecodeRunner { network: network.clone(), memory };
        Ok(Self {
            encoder: SharedBatches::new(options.device, encoder)?,
            decoder: SharedBatches::new(options.device, decoder)?,
        })
    }

    /// Encodes signals of whole hops and equal lengths, one after the other in `signal`.
    pub(super) fn start_encode(&self, signal: &[f32], samples: usize, codebooks: usize) -> Pending<Encoded> {
        let items = signal.chunks_exact(samples);
        let start = |signal: &[f32]| self.encoder.start(EncodeItem { signal: signal.to_vec(), codebooks });
        joined(items.map(start).collect(), |parts| Ok(Encoded::stack(parts)?))
    }

    /// Decodes the channels of `codes`.
    pub(super) fn start_decode(&self, codes: &Codes) -> Pending<Array3> {
        let channel = |at| self.decoder.start(codes.channel_start(at, codes.frames()));
        joined((0..codes.channels()).map(channel).collect(), |parts| Ok(Array3::stack(parts)?))
    }

    pub(super) fn totals(&self) -> BatchTotals {
        self.encoder.totals().plus(self.decoder.totals())
    }
}

/// Waits for all results and stacks them.
fn joined<T: Send + 'static>(
    mut parts: Vec<Pending<T>>,
    stack: impl FnOnce(&[T]) -> Result<T, CodecError> + Send + 'static,
) -> Pending<T> {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    Pending::deferred(move || {
        let parts: Result<Vec<_>, _> = parts.into_iter().map(Pending::wait).collect();
        stack(&parts?)
    })
}

/// Estimate of the memory that batches use.
#[derive(Clone)]
struct ActivationMemory {
    shape: NetworkShape,
    formulations: Formulations,
    bytes: u64,
}

impl ActivationMemory {
    fn fitting_items(
        &self,
        bytes_of: fn(&NetworkShape, &Formulations, usize) -> u64,
        frames: usize,
    ) -> usize {
        let items = self.bytes / bytes_of(&self.shape, &self.formulations, frames).max(1);
        usize::try_from(items).unwrap_or(usize::MAX)
    }
}

/// Returns the length of a batch of items with these lengths, to which they are padded unless they are equal.
fn batch_frames(frames: impl Iterator<Item = usize> + Clone) -> usize {
    let longest = frames.clone().max().unwrap_or(0);
    if frames.min() == Some(longest) { longest } else { padded_frames(longest) }
}

/// A signal of whole hops.
struct EncodeItem {
    signal: Vec<f32>,
    codebooks: usize,
}

struct EncodeRunner {
    network: TensorNetwork,
    memory: ActivationMemory,
}

impl BatchRunner for EncodeRunner {
    type Item = EncodeItem;
    type Output = Encoded;

    fn frames(&self, item: &EncodeItem) -> usize {
        item.signal.len() / self.memory.shape.hop_samples()
    }

    fn can_share(a: &EncodeItem, b: &EncodeItem) -> bool {
        a.codebooks == b.codebooks
    }

    fn fitting_items(&self, frames: usize) -> usize {
        self.memory.fitting_items(memory::encode_bytes, frames)
    }

    fn start(&self, items: Vec<EncodeItem>) -> Result<Pending<ItemResults<Encoded>>, CodecError> {
        let codebooks = items.first().map_or(1, |item| item.codebooks);
        let samples =
            batch_frames(items.iter().map(|item| self.frames(item))) * self.memory.shape.hop_samples();
        let signals = items.into_iter().map(|item| item.signal).collect();
        Ok(self.network.start_encode_items(signals, samples, codebooks))
    }
}

struct DecodeRunner {
    network: TensorNetwork,
    memory: ActivationMemory,
}

impl BatchRunner for DecodeRunner {
    type Item = Codes;
    type Output = Array3;

    fn frames(&self, codes: &Codes) -> usize {
        codes.frames()
    }

    fn can_share(a: &Codes, b: &Codes) -> bool {
        a.codebooks() == b.codebooks()
    }

    fn fitting_items(&self, frames: usize) -> usize {
        self.memory.fitting_items(memory::decode_bytes, frames)
    }

    fn start(&self, items: Vec<Codes>) -> Result<Pending<ItemResults<Array3>>, CodecError> {
        let frames = batch_frames(items.iter().map(Codes::frames));
        self.network.start_decode_items(items, frames)
    }
}
