//! Reference implementations: plain versions of the operations, which the fast kernels are tested against.
//!
//! Signals are `[rows][channels]`, from the first row to the last. Sums are computed in `f64`, so a
//! difference from these functions is the rounding error of the fast kernel.

use dac_kernels::{ConvParams, ConvTransposeParams, ResidualUnit};

/// Applies snake in place, `x + sin²(α·x) / (α + 1e-9)` with an α per channel (Ziyin et al. 2020).
pub fn snake(rows: &mut [f32], alpha: &[f32]) {
    for row in rows.chunks_exact_mut(alpha.len().max(1)) {
        for (x, &a) in row.iter_mut().zip(alpha) {
            let s = (f64::from(a) * f64::from(*x)).sin();
            *x = (f64::from(*x) + s * s / (f64::from(a) + 1e-9)) as f32;
        }
    }
}

/// Applies tanh in place. An infinite value becomes NaN: it is an overflow, and must not be taken for a
/// sample at full scale.
pub fn tanh(rows: &mut [f32]) {
    rows.iter_mut().for_each(|x| *x = if x.is_infinite() { f32::NAN } else { x.tanh() });
}

/// Computes a convolution with zero padding.
///
/// Shapes: `[rows][in] -> [rows_out][out]`, weight `[out][in][kernel]`, bias `[out]`.
pub fn conv(p: &ConvParams, weight: &[f32], bias: &[f32], x: &[f32]) -> Vec<f32> {
    let rows = x.len() / p.in_channels;
    let mut out = Vec::with_capacity(p.rows_out(rows) * p.out_channels);
    for t in 0..p.rows_out(rows) {
        for (o, &b) in bias.iter().enumerate().take(p.out_channels) {
            let mut sum = f64::from(b);
            for k in 0..p.kernel {
                let at = t * p.stride + k * p.dilation;
                if at < p.padding || at - p.padding >= rows {
                    continue;
                }
                let row = &x[(at - p.padding) * p.in_channels..][..p.in_channels];
                for (i, &v) in row.iter().enumerate() {
                    sum += f64::from(v) * f64::from(weight[(o * p.in_channels + i) * p.kernel + k]);
                }
            }
            out.push(sum as f32);
        }
    }
    out
}

/// Computes a transposed convolution.
///
/// Shapes: `[rows][in] -> [rows_out][out]`, weight `[in][out][kernel]`, bias `[out]`.
pub fn conv_transpose(p: &ConvTransposeParams, weight: &[f32], bias: &[f32], x: &[f32]) -> Vec<f32> {
    let rows = x.len() / p.in_channels;
    let rows_out = p.rows_out(rows);
    let mut sums: Vec<f64> = (0..rows_out).flat_map(|_| bias.iter().map(|&b| f64::from(b))).collect();
    for t in 0..rows {
        for k in 0..p.kernel {
            let at = t * p.stride + k;
            if at < p.padding || at - p.padding >= rows_out {
                continue;
            }
            let sums = &mut sums[(at - p.padding) * p.out_channels..][..p.out_channels];
            for i in 0..p.in_channels {
                let v = f64::from(x[t * p.in_channels + i]);
                for (o, sum) in sums.iter_mut().enumerate() {
                    *sum += v * f64::from(weight[(i * p.out_channels + o) * p.kernel + k]);
                }
            }
        }
    }
    sums.into_iter().map(|s| s as f32).collect()
}

/// Computes a residual unit, `[rows][channels] -> [rows_out][channels]`.
pub fn residual_unit(u: &ResidualUnit<'_>, x: &[f32]) -> Vec<f32> {
    let channels = u.alpha1.len();
    let conv7 = ConvParams {
        in_channels: channels,
        out_channels: channels,
        kernel: u.conv7_weight.len() / (channels * channels),
        stride: 1,
        dilation: u.dilation,
        padding: u.padding,
    };
    let mut h = x.to_vec();
    snake(&mut h, u.alpha1);
    let mut h = conv(&conv7, u.conv7_weight, u.conv7_bias, &h);
    snake(&mut h, u.alpha2);
    let conv1 = ConvParams { kernel: 1, dilation: 1, padding: 0, ..conv7 };
    let mut y = conv(&conv1, u.conv1_weight, u.conv1_bias, &h);
    let same_length = u.dilation * (conv7.kernel - 1) / 2;
    let crop = (same_length - u.padding) * channels;
    y.iter_mut().zip(&x[crop.min(x.len())..]).for_each(|(y, x)| *y += x);
    y
}

/// Computes a linear map of each row, `[rows][in] -> [rows][out]`; weight `[out][in]`, bias `[out]`.
pub fn linear(weight: &[f32], bias: &[f32], x: &[f32]) -> Vec<f32> {
    let p = ConvParams {
        in_channels: weight.len() / bias.len(),
        out_channels: bias.len(),
        kernel: 1,
        stride: 1,
        dilation: 1,
        padding: 0,
    };
    conv(&p, weight, bias, x)
}

/// Divides a row by its length, `x / max(‖x‖, 1e-12)`.
fn normalize(row: &[f32]) -> Vec<f32> {
    let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
    row.iter().map(|v| v / norm).collect()
}

/// Finds the nearest codebook row for each row by the formula of the codec's quantizer.
///
/// Rows e and codebook rows c are normalized; the result is the first index with the largest
/// `−(‖e‖² − 2·e·c + ‖c‖²)`.
pub fn nearest(codebook: &[f32], dim: usize, rows: &[f32]) -> Vec<u32> {
    let codebook: Vec<Vec<f32>> = codebook.chunks_exact(dim).map(normalize).collect();
    let find = |row: &[f32]| {
        let e = normalize(row);
        let ee: f32 = e.iter().map(|v| v * v).sum();
        let mut best = (0, f32::NEG_INFINITY);
        for (i, c) in codebook.iter().enumerate() {
            let ec: f32 = e.iter().zip(c).map(|(a, b)| a * b).sum();
            let cc: f32 = c.iter().map(|v| v * v).sum();
            let score = -(ee - 2.0 * ec + cc);
            if score > best.1 {
                best = (i as u32, score);
            }
        }
        best.0
    };
    rows.chunks_exact(dim).map(find).collect()
}
