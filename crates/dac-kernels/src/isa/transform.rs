//! The transforms before and after the matrix products of a Winograd convolution.
//!
//! For a direct convolution, they copy the rows into packed order and add bias and snake.

use super::{
    operand::{Operand, packed_offset},
    pointwise::SnakeLanes,
    simd::Simd,
};

/// The matrices of F(m, k) with the points 0, ±a₁ … ±a_P, ∞ (m + k = 2P + 3).
///
/// They are split into even and odd powers, whose sums the two points of a pair share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Coefficients {
    /// Number of pairs P; 0 for a direct convolution.
    pub(crate) pairs: usize,
    /// Outputs of a tile, m.
    pub(crate) outputs: usize,
    /// `[P][P]`: factors of inputs 2, 4 … 2P.
    pub(crate) even: Vec<f32>,
    /// `[P][P]`: factors of inputs 1, 3 … 2P − 1.
    pub(crate) odd: Vec<f32>,
    /// `[P + 1]`: factors of inputs 0, 2 … 2P for the point 0, and of inputs 1, 3 … 2P + 1 for ∞.
    pub(crate) ends: Vec<f32>,
    /// `[outputs][P]`: a_p to the power of the output's index.
    pub(crate) powers: Vec<f32>,
}

/// The transform of one tile before the products, for all channels.
///
/// `dst[point][chunk] = Σ_i B[point][i] · src[i]`, written as words. Strides of `dst` are in words.
pub(crate) struct ForwardTransform<'a> {
    /// Input i of the tile starts at `i · row_stride`.
    pub(crate) src: &'a [f32],
    pub(crate) row_stride: usize,
    /// Channels / LANES.
    pub(crate) chunks: usize,
    /// Inputs of a tile, 2P + 2; for a direct convolution its taps, which are copied.
    pub(crate) inputs: usize,
    pub(crate) dst: &'a mut [f32],
    pub(crate) point_stride: usize,
    pub(crate) chunk_stride: usize,
    pub(crate) coefficients: &'a Coefficients,
}

/// # Safety
/// The processor supports the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn forward<S: Simd, W: Operand<S>>(job: ForwardTransform<'_>) {
    let lanes = S::LANES;
    if job.chunks == 0 || job.inputs == 0 {
        return;
    }
    assert!(
        job.src.len() >= (job.inputs - 1) * job.row_stride + job.chunks * lanes,
        "too few rows for a tile"
    );
    // With several values per word, the last chunk is the farthest only if chunks do not overlap.
    assert!(W::PER_WORD == 1 || job.chunk_stride >= lanes / W::PER_WORD, "chunks overlap");
    let last = packed_offset::<S, W>(job.chunks - 1, job.chunk_stride);
    let farthest = (job.inputs - 1) * job.point_stride + last + lanes / W::PER_WORD;
    assert!(job.dst.len() >= farthest, "the output is too short for a tile");
    // SAFETY: the asserts cover the farthest value read and written.
    unsafe {
        match job.coefficients.pairs {
            1 => forward_pairs::<S, W, 1>(job),
            2 => forward_pairs::<S, W, 2>(job),
            3 => forward_pairs::<S, W, 3>(job),
            4 => forward_pairs::<S, W, 4>(job),
            5 => forward_pairs::<S, W, 5>(job),
            6 => forward_pairs::<S, W, 6>(job),
            _ => {
                for i in 0..job.inputs {
                    let src = job.src.as_ptr().add(i * job.row_stride);
                    let dst = job.dst.as_mut_ptr().add(i * job.point_stride);
                    for chunk in 0..job.chunks {
                        let at = packed_offset::<S, W>(chunk, job.chunk_stride);
                        W::store_words(S::load(src.add(chunk * lanes)), dst.add(at));
                    }
                }
            }
        }
    }
}

/// # Safety
/// As for [`forward`], which has checked the lengths.
#[inline(always)]
unsafe fn forward_pairs<S: Simd, W: Operand<S>, const P: usize>(job: ForwardTransform<'_>) {
    let c = job.coefficients;
    assert!(job.inputs == 2 * P + 2, "wrong number of inputs");
    assert!(
        c.even.len() == P * P && c.odd.len() == P * P && c.ends.len() == P + 1,
        "coefficients are too short"
    );
    let (even, odd, ends) = (c.even.as_ptr(), c.odd.as_ptr(), c.ends.as_ptr());
    for chunk in 0..job.chunks {
        // SAFETY: inputs and points are below 2P + 2 and chunks below `chunks`, which `forward` has checked;
        // the assert above covers the coefficients.
        unsafe {
            let src = job.src.as_ptr().add(chunk * S::LANES);
            let dst = job.dst.as_mut_ptr().add(packed_offset::<S, W>(chunk, job.chunk_stride));
            // Inputs 2i and 2i + 1.
            let mut low = [S::splat(0.0); 8];
            let mut high = [S::splat(0.0); 8];
            for i in 0..=P {
                low[i] = S::load(src.add(2 * i * job.row_stride));
                high[i] = S::load(src.add((2 * i + 1) * job.row_stride));
            }
            let mut first = low[P];
            let mut last = high[P];
            for i in 0..P {
                let e = S::splat(*ends.add(i));
                first = low[i].mul_add(e, first);
                last = high[i].mul_add(e, last);
            }
            W::store_words(first, dst);
            W::store_words(last, dst.add((2 * P + 1) * job.point_stride));
            for p in 0..P {
                let mut sum = low[1].mul(S::splat(*even.add(p * P)));
                let mut difference = high[0].mul(S::splat(*odd.add(p * P)));
                for i in 1..P {
                    sum = low[i + 1].mul_add(S::splat(*even.add(p * P + i)), sum);
                    difference = high[i].mul_add(S::splat(*odd.add(p * P + i)), difference);
                }
                W::store_words(sum.add(difference), dst.add((2 * p + 1) * job.point_stride));
                W::store_words(sum.sub(difference), dst.add((2 * p + 2) * job.point_stride));
            }
        }
    }
}

/// The transform of all tiles after the products, for one panel.
///
/// `dst[row] = snake(Σ_point A[i][point] · src[point][tile] + bias)`. With dilation d, output i of tile n is
/// row `(n / d)·m·d + n % d + i·d`; only the first `rows` rows are written. Register v of row r is written at
/// `(r / MR)·strip_stride + (r % MR)·row_stride + v·chunk_stride`; with two values per word, two registers
/// share a chunk.
pub(crate) struct InverseTransform<'a> {
    /// `[point][tile][NR]`
    pub(crate) src: &'a [f32],
    pub(crate) point_stride: usize,
    pub(crate) tiles: usize,
    pub(crate) rows: usize,
    pub(crate) dilation: usize,
    pub(crate) dst: &'a mut [f32],
    pub(crate) strip_stride: usize,
    pub(crate) row_stride: usize,
    pub(crate) chunk_stride: usize,
    /// `[NR]`
    pub(crate) bias: &'a [f32],
    /// α and 1 / (α + 1e-9), each `[NR]`.
    pub(crate) snake: Option<(&'a [f32], &'a [f32])>,
    pub(crate) coefficients: &'a Coefficients,
}

/// # Safety
/// The processor supports the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn inverse<S: Simd, W: Operand<S>, const R: usize, const V: usize>(
    job: InverseTransform<'_>,
) {
    if job.tiles == 0 || job.rows == 0 {
        return;
    }
    let (width, c) = (V * S::LANES, job.coefficients);
    assert!(job.dilation > 0, "no dilation");
    let points = if c.pairs == 0 { 1 } else { 2 * c.pairs + 2 };
    assert!(job.src.len() >= (points - 1) * job.point_stride + job.tiles * width, "products are too short");
    // The farthest value is in the last row of the last strip, or in the last row of a full strip before it.
    let (strips, rest) = (job.rows / R, job.rows % R);
    let row_end = |strip: usize, rows: usize| strip * job.strip_stride + (rows - 1) * job.row_stride;
    let full = if strips > 0 { row_end(strips - 1, R) } else { 0 };
    let part = if rest > 0 { row_end(strips, rest) } else { 0 };
    let last = packed_offset::<S, W>(V - 1, job.chunk_stride) + S::LANES / W::PER_WORD;
    assert!(job.dst.len() >= full.max(part) + last, "the output is too short");
    assert!(job.bias.len() >= width && c.powers.len() == c.outputs * c.pairs, "bias or powers are too short");
    assert!(
        job.snake.is_none_or(|(a, i)| a.len() >= width && i.len() >= width),
        "snake constants are too short"
    );
    // SAFETY: the asserts cover the farthest value read and written.
    unsafe {
        match (c.pairs, c.outputs) {
            (0, 1) => inverse_tiles::<S, W, R, V, 0, 1>(job),
            (1, 3) => inverse_tiles::<S, W, R, V, 1, 3>(job),
            (1, 2) => inverse_tiles::<S, W, R, V, 1, 2>(job),
            (2, 5) => inverse_tiles::<S, W, R, V, 2, 5>(job),
            (2, 4) => inverse_tiles::<S, W, R, V, 2, 4>(job),
            (3, 2) => inverse_tiles::<S, W, R, V, 3, 2>(job),
            (4, 4) => inverse_tiles::<S, W, R, V, 4, 4>(job),
            (5, 6) => inverse_tiles::<S, W, R, V, 5, 6>(job),
            (6, 8) => inverse_tiles::<S, W, R, V, 6, 8>(job),
            other => unreachable!("no transform for (pairs, outputs) = {other:?}"),
        }
    }
}

/// # Safety
/// As for [`inverse`], which has checked the lengths.
#[inline(always)]
unsafe fn inverse_tiles<
    S: Simd,
    W: Operand<S>,
    const R: usize,
    const V: usize,
    const P: usize,
    const M: usize,
>(
    job: InverseTransform<'_>,
) {
    let powers = job.coefficients.powers.as_ptr();
    let (mut span, mut phase) = (0, 0);
    for tile in 0..job.tiles {
        let first = span * M * job.dilation + phase;
        phase += 1;
        if phase == job.dilation {
            (span, phase) = (span + 1, 0);
        }
        let outputs = if first + (M - 1) * job.dilation < job.rows {
            M
        } else {
            job.rows.saturating_sub(first).div_ceil(job.dilation)
        };
        for v in 0..V {
            // SAFETY: points and tiles stay below the numbers that `inverse` has checked, and rows below
            // `job.rows`.
            unsafe {
                let src = job.src.as_ptr().add((tile * V + v) * S::LANES);
                let at = |point: usize| S::load(src.add(point * job.point_stride));
                let bias = S::load(job.bias.as_ptr().add(v * S::LANES));
                let snake = job.snake.map(|(alpha, inverse)| {
                    SnakeLanes::<S>::load(
                        alpha.as_ptr().add(v * S::LANES),
                        inverse.as_ptr().add(v * S::LANES),
                    )
                });
                let dst = job.dst.as_mut_ptr().add(packed_offset::<S, W>(v, job.chunk_stride));
                let mut sums = [S::splat(0.0); 8];
                let mut differences = [S::splat(0.0); 8];
                for p in 0..P {
                    let (plus, minus) = (at(2 * p + 1), at(2 * p + 2));
                    sums[p] = plus.add(minus);
                    differences[p] = plus.sub(minus);
                }
                let (zero, infinity) = (at(0), if P > 0 { at(2 * P + 1) } else { bias });
                for i in 0..M {
                    if i >= outputs {
                        break;
                    }
                    let half = if i.is_multiple_of(2) { &sums } else { &differences };
                    let mut y = if i == 0 { bias.add(zero) } else { bias };
                    if P > 0 && i == M - 1 {
                        y = y.add(infinity);
                    }
                    for (p, half) in half.iter().enumerate().take(P) {
                        y = half.mul_add(S::splat(*powers.add(i * P + p)), y);
                    }
                    if let Some(snake) = snake {
                        y = snake.apply(y);
                    }
                    let row = first + i * job.dilation;
                    W::store_words(y, dst.add(row / R * job.strip_stride + row % R * job.row_stride));
                }
            }
        }
    }
}
