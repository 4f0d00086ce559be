//! Small random networks that can run as a pipeline or with the reference implementation.
#![allow(dead_code, unreachable_pub)]

pub mod reference;

use dac_kernels::*;

/// Returns values uniform on −1..1. Checksums of packed weights depend on them, so the generator must not
/// change.
pub fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678_9ABC_DEF1;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f32 / (1u64 << 30) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// Asserts errors of at most 1e-4 of the rms, and an rms error of at most 1e-5 of it (100 dB).
pub fn assert_close(got: &[f32], want: &[f32], what: &str) {
    assert_within(got, want, 1e-4, what);
}

/// Asserts errors of at most `bound` times the rms of `want`, and an rms error of a tenth of that.
pub fn assert_within(got: &[f32], want: &[f32], bound: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: length");
    let rms =
        |v: &mut dyn Iterator<Item = f64>| (v.map(|v| v * v).sum::<f64>() / want.len().max(1) as f64).sqrt();
    let scale = rms(&mut want.iter().map(|&v| f64::from(v))).max(0.3);
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(f64::from((g - w).abs()) <= bound * scale, "{what}: {g} at {i}, expected {w}, rms {scale}");
    }
    let error = rms(&mut got.iter().zip(want).map(|(g, w)| f64::from(g - w)));
    assert!(error <= bound / 10.0 * scale, "{what}: rms error {error} against rms {scale}");
}

pub fn assert_same(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: length");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert_eq!(g.to_bits(), w.to_bits(), "{what}: {g} at {i}, expected {w}");
    }
}

/// Runs a pipeline on `x` in one push.
pub fn run(pipeline: &Pipeline, x: &[f32]) -> Vec<f32> {
    let (mut out, mut stream) = (Vec::new(), pipeline.stream());
    stream.push(x, &mut out);
    stream.finish(&mut out);
    out
}

/// Runs a stream on `x` in pushes of `size()` rows.
pub fn run_in_pieces(
    stream: &mut PipelineStream,
    x: &[f32],
    channels: usize,
    mut size: impl FnMut() -> usize,
) -> Vec<f32> {
    let (mut got, mut at, rows) = (Vec::new(), 0, x.len() / channels);
    while at < rows {
        let n = size().min(rows - at);
        stream.push(&x[at * channels..(at + n) * channels], &mut got);
        at += n;
    }
    stream.finish(&mut got);
    got
}

pub enum Layer {
    Conv(ConvParams, Vec<f32>, Vec<f32>),
    Transpose(ConvTransposeParams, Vec<f32>, Vec<f32>),
    Snake(Vec<f32>),
    Residual { dilation: usize, padding: usize, arrays: [Vec<f32>; 6] },
    Tanh,
}

pub struct Net {
    pub name: String,
    pub layers: Vec<Layer>,
    channels: usize,
    first: usize,
    seed: u64,
}

impl Net {
    pub fn new(name: &str, channels: usize) -> Self {
        Self { name: name.to_owned(), layers: Vec::new(), channels, first: channels, seed: channels as u64 }
    }

    pub fn in_channels(&self) -> usize {
        self.first
    }

    fn weights(&mut self, n: usize, fan_in: usize) -> Vec<f32> {
        self.seed += 1;
        let scale = (3.0 / fan_in as f32).sqrt();
        noise(n, self.seed).into_iter().map(|v| v * scale).collect()
    }

    fn alpha(&mut self) -> Vec<f32> {
        self.seed += 1;
        noise(self.channels, self.seed).into_iter().map(|v| 1.2 + v).collect()
    }

    pub fn conv(mut self, out: usize, kernel: usize, stride: usize, dilation: usize, padding: usize) -> Self {
        let p =
            ConvParams { in_channels: self.channels, out_channels: out, kernel, stride, dilation, padding };
        let weight = self.weights(out * self.channels * kernel, self.channels * kernel);
        let bias = self.weights(out, 30);
        self.layers.push(Layer::Conv(p, weight, bias));
        self.channels = out;
        self
    }

    pub fn transpose(mut self, out: usize, kernel: usize, stride: usize, padding: usize) -> Self {
        let p =
            ConvTransposeParams { in_channels: self.channels, out_channels: out, kernel, stride, padding };
        let weight = self.weights(out * self.channels * kernel, self.channels * kernel.div_ceil(stride));
        let bias = self.weights(out, 30);
        self.layers.push(Layer::Transpose(p, weight, bias));
        self.channels = out;
        self
    }

    pub fn snake(mut self) -> Self {
        let alpha = self.alpha();
        self.layers.push(Layer::Snake(alpha));
        self
    }

    pub fn residual(mut self, dilation: usize, padding: usize) -> Self {
        let c = self.channels;
        let arrays = [
            self.alpha(),
            self.weights(c * c * 7, c * 14),
            self.weights(c, 30),
            self.alpha(),
            self.weights(c * c, c * 2),
            self.weights(c, 30),
        ];
        self.layers.push(Layer::Residual { dilation, padding, arrays });
        self
    }

    pub fn residuals(self) -> Self {
        self.residual(1, 3).residual(3, 9).residual(9, 27)
    }

    pub fn tanh(mut self) -> Self {
        self.layers.push(Layer::Tanh);
        self
    }

    pub fn encoder(width: usize, rates: &[usize], latent: usize) -> Self {
        let mut net = Self::new(&format!("encoder {width} {rates:?}"), 1).conv(width, 7, 1, 1, 3);
        let mut channels = width;
        for &s in rates {
            channels *= 2;
            net = net.residuals().snake().conv(channels, 2 * s, s, 1, s.div_ceil(2));
        }
        net.snake().conv(latent, 3, 1, 1, 1)
    }

    pub fn decoder(width: usize, rates: &[usize], latent: usize) -> Self {
        let mut net = Self::new(&format!("decoder {width} {rates:?}"), latent).conv(width, 7, 1, 1, 3);
        let mut channels = width;
        for &s in rates {
            channels /= 2;
            net = net.snake().transpose(channels, 2 * s, s, s.div_ceil(2)).residuals();
        }
        net.snake().conv(1, 7, 1, 1, 3).tanh()
    }

    fn unit<'a>(dilation: usize, padding: usize, a: &'a [Vec<f32>; 6]) -> ResidualUnit<'a> {
        ResidualUnit {
            dilation,
            padding,
            alpha1: &a[0],
            conv7_weight: &a[1],
            conv7_bias: &a[2],
            alpha2: &a[3],
            conv1_weight: &a[4],
            conv1_bias: &a[5],
        }
    }

    pub fn pipeline(&self, options: PipelineOptions) -> Pipeline {
        self.build(Pipeline::builder(options)).unwrap()
    }

    /// Adds the layers to a builder and builds the pipeline.
    pub fn build(&self, builder: PipelineBuilder) -> Result<Pipeline, KernelError> {
        let mut b = builder;
        for layer in &self.layers {
            b = match layer {
                Layer::Conv(p, w, c) => b.conv(*p, w, c),
                Layer::Transpose(p, w, c) => b.conv_transpose(*p, w, c),
                Layer::Snake(a) => b.snake(a),
                Layer::Residual { dilation, padding, arrays } => {
                    b.residual_unit(Self::unit(*dilation, *padding, arrays))
                }
                Layer::Tanh => b.tanh(),
            };
        }
        b.build()
    }

    /// Returns a net of the same layers whose weights are all NaN.
    pub fn without_values(mut self) -> Self {
        for layer in &mut self.layers {
            let arrays: Vec<&mut Vec<f32>> = match layer {
                Layer::Conv(_, w, b) | Layer::Transpose(_, w, b) => vec![w, b],
                Layer::Snake(a) => vec![a],
                Layer::Residual { arrays, .. } => arrays.iter_mut().collect(),
                Layer::Tanh => vec![],
            };
            arrays.into_iter().for_each(|array| array.fill(f32::NAN));
        }
        self
    }

    pub fn reference(&self, x: &[f32]) -> Vec<f32> {
        let mut x = x.to_vec();
        for layer in &self.layers {
            match layer {
                Layer::Conv(p, w, b) => x = reference::conv(p, w, b, &x),
                Layer::Transpose(p, w, b) => x = reference::conv_transpose(p, w, b, &x),
                Layer::Snake(a) => reference::snake(&mut x, a),
                Layer::Residual { dilation, padding, arrays } => {
                    x = reference::residual_unit(&Self::unit(*dilation, *padding, arrays), &x);
                }
                Layer::Tanh => reference::tanh(&mut x),
            }
        }
        x
    }
}

pub fn nets() -> Vec<Net> {
    vec![
        Net::decoder(24, &[4, 2], 10),
        Net::encoder(6, &[2, 4], 10),
        Net::decoder(16, &[5, 2], 3),
        Net::encoder(3, &[2, 5], 7),
        Net::new("unusual conv", 3).conv(5, 4, 3, 2, 2).snake().conv(4, 5, 1, 2, 1).snake().tanh(),
        Net::new("unusual transposed", 4).transpose(3, 5, 3, 2).snake().snake().transpose(2, 3, 3, 1),
        Net::new("unpadded", 8).conv(8, 7, 1, 1, 0).residual(3, 0).snake().conv(6, 4, 2, 1, 0).residual(1, 1),
        Net::new("pointwise", 12).conv(100, 1, 1, 1, 0).snake().conv(12, 1, 1, 1, 0),
    ]
}
