//! Non-degenerate random weights, to measure speed without a download.

use dac_nn::{NetworkShape, WeightError, Weights};

/// Random weights for any network shape. Every layer keeps the scale of its input, so that activations, codes
/// and audio are neither silent nor saturated; the audio is random.
#[derive(Debug, Clone)]
pub struct RandomWeights {
    shape: NetworkShape,
    seed: u64,
}

/// Mean square of a snake's output for standard normal input and α near 1.
const SNAKE_POWER: f32 = 1.3;
/// Approximate RMS of the decoder's audio.
const AUDIO_RMS: f32 = 0.2;
/// Gain of a residual unit's branch.
const BRANCH_GAIN: f32 = 0.3;

impl RandomWeights {
    /// Creates weights for `shape`; the same seed gives the same weights on every machine.
    pub fn new(shape: NetworkShape, seed: u64) -> Self {
        Self { shape, seed }
    }

    /// Returns the standard deviation of a module's weights whose outputs are sums of `terms` products.
    fn deviation(&self, module: &str, terms: usize) -> f32 {
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
            BRANCH_GAIN
        } else {
            1.0
        };
        gain / (terms as f32 * input_power).sqrt()
    }
}

impl Weights for RandomWeights {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        let len = shape.iter().product();
        let mut random = Random::new(self.seed, name);
        let (module, leaf) = name.rsplit_once('.').unwrap_or((name, ""));
        let values = match leaf {
            "alpha" => (0..len).map(|_| (0.7 * random.uniform()).exp()).collect(),
            "bias" => (0..len).map(|_| 0.05 * random.normal()).collect(),
            _ if module.ends_with(".codebook") => (0..len).map(|_| random.normal()).collect(),
            _ if module.ends_with(".out_proj") => {
                // The transpose of the near-orthonormal `in_proj` inverts it, so that residuals shrink.
                let (latent, dim) = (shape[0], shape[1]);
                let in_proj = self.tensor(&name.replace("out_proj", "in_proj"), &[dim, latent, 1])?;
                (0..len).map(|i| in_proj[i % dim * latent + i / dim]).collect()
            }
            _ => {
                let mut blocks = 1..=self.shape.decoder_rates.len();
                let transposed = blocks.any(|i| module == format!("decoder.model.{i}.block.1"));
                // The kernel of a transposed convolution is twice its stride: two taps per input channel.
                let terms = if transposed { 2 * shape[0] } else { shape[1..].iter().product() };
                let deviation = self.deviation(module, terms.max(1));
                (0..len).map(|_| deviation * random.normal()).collect()
            }
        };
        Ok(values)
    }
}

/// SplitMix64, seeded per tensor by name, so that tensors can be drawn in any order.
struct Random(u64);

impl Random {
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

    /// Returns a uniform value in −1 to 1.
    fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    /// Returns an approximately standard normal value: a sum of twelve uniform 16-bit values, which (unlike a
    /// logarithm) is the same on every machine.
    fn normal(&mut self) -> f32 {
        let sum: u64 =
            (0..3).map(|_| self.next()).map(|x| (0..4).map(|i| x >> (16 * i) & 0xffff).sum::<u64>()).sum();
        sum as f32 / 65536.0 - 6.0
    }
}
