//! Seeded random weights that keep a network alive, to measure speed without a download.

use dac_nn::{NetworkShape, WeightError, Weights};

/// Weights of any shape, drawn from a seed: every layer keeps the scale of its input, so that activations, codes and audio
/// are neither silent nor saturated. They make noise, not speech.
#[derive(Debug, Clone)]
pub struct RandomWeights {
    shape: NetworkShape,
    seed: u64,
}

/// Mean square of a snake's output for a standard normal input and α near 1.
const SNAKE_POWER: f32 = 1.3;
/// Root mean square of the audio that the decoder makes, roughly.
const AUDIO_RMS: f32 = 0.2;
/// Share of a residual unit's own branch.
const BRANCH: f32 = 0.3;

impl RandomWeights {
    /// Weights for `shape`; the same seed gives the same weights on every machine.
    pub fn new(shape: NetworkShape, seed: u64) -> Self {
        Self { shape, seed }
    }

    /// The spread of the weights of the module that `name` lies in, given the number of terms an output sums.
    fn spread(&self, module: &str, terms: usize) -> f32 {
        let last = format!("decoder.model.{}", self.shape.decoder_rates.len() + 2);
        let input_power = match module {
            "encoder.block.0" => 0.02,
            "decoder.model.0" => 1.0,
            _ if module.starts_with("quantizer") => 1.0,
            _ => SNAKE_POWER,
        };
        let gain = if module == last {
            AUDIO_RMS
        } else if module.ends_with(".block.3") && module.matches(".block.").count() >= 2 {
            BRANCH
        } else {
            1.0
        };
        gain / (terms as f32 * input_power).sqrt()
    }
}

impl Weights for RandomWeights {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        let len = shape.iter().product();
        let mut noise = Noise::new(self.seed, name);
        let (module, leaf) = name.rsplit_once('.').unwrap_or((name, ""));
        let values = match leaf {
            "alpha" => (0..len).map(|_| (0.7 * noise.uniform()).exp()).collect(),
            "bias" => (0..len).map(|_| 0.05 * noise.normal()).collect(),
            _ if module.ends_with(".codebook") => (0..len).map(|_| noise.normal()).collect(),
            _ if module.ends_with(".out_proj") => {
                // The transpose of a projection with near-orthonormal rows leads back, so that residuals shrink.
                let (latent, dim) = (shape[0], shape[1]);
                let input = name.replace("out_proj", "in_proj");
                let forward = self.tensor(&input, &[dim, latent, 1])?;
                (0..len).map(|i| forward[i % dim * latent + i / dim]).collect()
            }
            _ => {
                let transposed = is_transposed(&self.shape, module);
                // A transposed conv's output sums two taps a channel: its kernel is twice its stride.
                let terms = if transposed { 2 * shape[0] } else { shape[1..].iter().product() };
                let spread = self.spread(module, terms.max(1));
                (0..len).map(|_| spread * noise.normal()).collect()
            }
        };
        Ok(values)
    }
}

fn is_transposed(shape: &NetworkShape, module: &str) -> bool {
    (1..=shape.decoder_rates.len()).any(|i| module == format!("decoder.model.{i}.block.1"))
}

/// SplitMix64 over a seed and a name: no state is shared between tensors, so they can be drawn in any order.
struct Noise(u64);

impl Noise {
    fn new(seed: u64, name: &str) -> Self {
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Self(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// In −1 to 1.
    fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    /// Near normal, of unit spread: twelve uniform values of 16 bits each, without a logarithm to differ between machines.
    fn normal(&mut self) -> f32 {
        let sum: u64 =
            (0..3).map(|_| self.next()).map(|x| (0..4).map(|i| x >> (16 * i) & 0xffff).sum::<u64>()).sum();
        sum as f32 / 65536.0 - 6.0
    }
}
