//! The operations written plainly: the definition of what is right for every fast kernel.
//!
//! Signals are `[rows][channels]`, whole from the first row to the last. Sums are taken in `f64`, so a
//! difference to these functions is the fast kernel's own rounding. Shapes are the caller's business:
//! a slice that is too short panics here, as these are meant for tests and small work.

use crate::{ConvParams, ConvTransposeParams, ResidualUnit};

/// Snake, in place: `x + sin²(α·x) / (α + 1e-9)`, α per channel (Ziyin et al. 2020, as the codec has it).
pub fn snake(rows: &mut [f32], alpha: &[f32]) {
    for row in rows.chunks_exact_mut(alpha.len().max(1)) {
        for (x, &a) in row.iter_mut().zip(alpha) {
            let s = (f64::from(a) * f64::from(*x)).sin();
            *x = (f64::from(*x) + s * s / (f64::from(a) + 1e-9)) as f32;
        }
    }
}

/// tanh, in place.
pub fn tanh(rows: &mut [f32]) {
    rows.iter_mut().for_each(|x| *x = x.tanh());
}

/// How many rows a convolution gives for so many rows; 0 for an empty signal.
pub fn conv_rows(p: &ConvParams, rows: usize) -> usize {
    let span = p.dilation * (p.kernel - 1) + 1;
    if rows == 0 || rows + 2 * p.padding < span { 0 } else { (rows + 2 * p.padding - span) / p.stride + 1 }
}

/// How many rows a transposed convolution gives for so many rows; 0 for an empty signal.
pub fn conv_transpose_rows(p: &ConvTransposeParams, rows: usize) -> usize {
    if rows == 0 { 0 } else { ((rows - 1) * p.stride + p.kernel).saturating_sub(2 * p.padding) }
}

/// A convolution with zero padding, `[rows][in] -> [rows_out][out]`; weight `[out][in][kernel]`.
pub fn conv(p: &ConvParams, weight: &[f32], bias: &[f32], x: &[f32]) -> Vec<f32> {
    let rows = x.len() / p.in_channels;
    let mut out = Vec::with_capacity(conv_rows(p, rows) * p.out_channels);
    for t in 0..conv_rows(p, rows) {
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

/// A transposed convolution, `[rows][in] -> [rows_out][out]`; weight `[in][out][kernel]`.
pub fn conv_transpose(p: &ConvTransposeParams, weight: &[f32], bias: &[f32], x: &[f32]) -> Vec<f32> {
    let rows = x.len() / p.in_channels;
    let rows_out = conv_transpose_rows(p, rows);
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

/// A residual unit, `[rows][channels] -> [rows_out][channels]`.
pub fn residual_unit(u: &ResidualUnit<'_>, x: &[f32]) -> Vec<f32> {
    let channels = u.alpha1.len();
    let kernel = u.conv7_weight.len() / (channels * channels);
    let wide = ConvParams {
        in_channels: channels,
        out_channels: channels,
        kernel,
        stride: 1,
        dilation: u.dilation,
        padding: u.padding,
    };
    let mut h = x.to_vec();
    snake(&mut h, u.alpha1);
    let mut h = conv(&wide, u.conv7_weight, u.conv7_bias, &h);
    snake(&mut h, u.alpha2);
    let narrow = ConvParams { kernel: 1, dilation: 1, padding: 0, ..wide };
    let mut y = conv(&narrow, u.conv1_weight, u.conv1_bias, &h);
    let crop = (u.dilation * (kernel - 1) / 2 - u.padding) * channels;
    y.iter_mut().zip(&x[crop.min(x.len())..]).for_each(|(y, x)| *y += x);
    y
}

/// A linear map of each row, `[rows][in] -> [rows][out]`; weight `[out][in]`, bias `[out]`.
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

/// A row divided by its length, `x / max(‖x‖, 1e-12)`.
pub fn normalize(row: &[f32]) -> Vec<f32> {
    let mut normal = Vec::with_capacity(row.len());
    normalize_into(row, &mut normal);
    normal
}

/// [`normalize`], appended to a vector.
pub(crate) fn normalize_into(row: &[f32], to: &mut Vec<f32>) {
    let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
    to.extend(row.iter().map(|v| v / norm));
}

/// The codebook row nearest to each row, as the codec's quantizer has it: both sides divided by their
/// lengths, then the first index with the largest `−(‖e‖² − 2·e·c + ‖c‖²)`.
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
