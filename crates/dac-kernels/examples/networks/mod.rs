//! Full-size random networks of the 44.1 kHz model, shared by the examples.

use dac_kernels::*;
use fastrand::Rng;

fn gain() -> f32 {
    std::env::var("GAIN").ok().and_then(|v| v.parse().ok()).unwrap_or(0.577)
}

/// Returns roughly normal values with standard deviation `scale`.
pub(crate) fn values(random: &mut Rng, n: usize, scale: f32) -> Vec<f32> {
    (0..n).map(|_| (random.f32() + random.f32() - 1.0) * 2.449 * scale).collect()
}

fn conv(b: PipelineBuilder, r: &mut Rng, shape: [usize; 5]) -> PipelineBuilder {
    let [in_channels, out_channels, kernel, stride, padding] = shape;
    let p = ConvParams { in_channels, out_channels, kernel, stride, dilation: 1, padding };
    let fan_in = (in_channels * kernel) as f32;
    let w = values(r, in_channels * out_channels * kernel, gain() / fan_in.sqrt());
    let bias = values(r, out_channels, 0.01);
    b.conv(p, &w, &bias)
}

fn residuals(mut b: PipelineBuilder, r: &mut Rng, c: usize) -> PipelineBuilder {
    for dilation in [1, 3, 9] {
        let alpha = vec![1.0; c];
        let w7 = values(r, c * c * 7, gain() / (7.0 * c as f32).sqrt());
        let w1 = values(r, c * c, gain() / (c as f32).sqrt());
        let (b7, b1) = (values(r, c, 0.01), values(r, c, 0.01));
        b = b.residual_unit(ResidualUnit {
            dilation,
            padding: 3 * dilation,
            alpha1: &alpha,
            conv7_weight: &w7,
            conv7_bias: &b7,
            alpha2: &alpha,
            conv1_weight: &w1,
            conv1_bias: &b1,
        });
    }
    b
}

/// The decoder, from latents of 1024 channels.
pub(crate) fn decoder(options: PipelineOptions) -> Pipeline {
    let mut r = Rng::with_seed(1);
    let mut b = conv(Pipeline::builder(options), &mut r, [1024, 1536, 7, 1, 3]);
    let mut c = 1536;
    for stride in [8, 8, 4, 2] {
        b = b.snake(&vec![1.0; c]);
        let p = ConvTransposeParams {
            in_channels: c,
            out_channels: c / 2,
            kernel: 2 * stride,
            stride,
            padding: stride.div_ceil(2),
        };
        let w = values(&mut r, c * c / 2 * 2 * stride, gain() / (2.0 * c as f32).sqrt());
        b = b.conv_transpose(p, &w, &values(&mut r, c / 2, 0.01));
        c /= 2;
        b = residuals(b, &mut r, c);
    }
    b = b.snake(&vec![1.0; c]);
    conv(b, &mut r, [c, 1, 7, 1, 3]).tanh().build().expect("the decoder should be valid")
}

/// The encoder, from samples.
pub(crate) fn encoder(options: PipelineOptions) -> Pipeline {
    let mut r = Rng::with_seed(2);
    let mut b = conv(Pipeline::builder(options), &mut r, [1, 64, 7, 1, 3]);
    let mut c = 64;
    for stride in [2, 4, 8, 8] {
        b = residuals(b, &mut r, c);
        b = b.snake(&vec![1.0; c]);
        b = conv(b, &mut r, [c, 2 * c, 2 * stride, stride, stride / 2]);
        c *= 2;
    }
    b = b.snake(&vec![1.0; c]);
    conv(b, &mut r, [1024, 1024, 3, 1, 1]).build().expect("the encoder should be valid")
}

/// Returns the user and system time of the process, in seconds.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
