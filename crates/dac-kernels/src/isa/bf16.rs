//! Products of `bf16` summed in `f32`, with AVX512_BF16 and in plain Rust.
//!
//! A word holds the values of two adjacent channels, the first in its low half. `vdpbf16ps` adds both
//! products of each lane to an `f32`, so an instruction does twice the multiply-adds of an `f32` one.

use super::{OperandKernels, operand::Operand, portable::Portable};
use crate::{Isa, KernelError};

#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m256bh, __m512, __m512bh, _mm256_storeu_ps, _mm512_cvtneps_pbh, _mm512_dpbf16_ps,
};

/// Words of two `bf16`.
struct Bf16;

/// Rounds to the nearest `bf16`, ties to even; subnormal numbers become 0, as in the instructions.
fn round_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let high = match x.classify() {
        std::num::FpCategory::Nan => (bits >> 16) | 0x40,
        std::num::FpCategory::Subnormal => (bits >> 16) & 0x8000,
        _ => (bits + 0x7fff + ((bits >> 16) & 1)) >> 16,
    };
    high as u16
}

/// Replaces one half (0 or 1) of a word with the `bf16` nearest to `value`.
pub(crate) fn with_half(word: f32, half: usize, value: f32) -> f32 {
    let (shift, bits) = (16 * (half as u32 & 1), word.to_bits());
    f32::from_bits(bits & !(0xffff << shift) | u32::from(round_to_bf16(value)) << shift)
}

/// Returns both values of a word.
fn halves(word: f32) -> [f32; 2] {
    let bits = word.to_bits();
    [f32::from_bits(bits << 16), f32::from_bits(bits & 0xffff_0000)]
}

/// Returns the kernels for `bf16` operands.
///
/// # Errors
/// [`KernelError::PrecisionUnavailable`] unless `isa` is portable, or AVX-512 on a processor with
/// AVX512_BF16.
pub(crate) fn operand_kernels(isa: Isa) -> Result<&'static OperandKernels, KernelError> {
    let missing = |why| Err(KernelError::PrecisionUnavailable { precision: "bf16", why });
    match isa {
        Isa::Portable => Ok(&PORTABLE),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_available() && is_x86_feature_detected!("avx512bf16") => Ok(&AVX512),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => missing("this processor does not have AVX512_BF16"),
        _ => missing("it requires the instruction set avx512 and a processor with AVX512_BF16"),
    }
}

impl Operand<Portable> for Bf16 {
    const PER_WORD: usize = 2;
    const MAX_CHAIN: usize = usize::MAX;

    #[inline(always)]
    unsafe fn multiply_add(x: Portable, w: Portable, acc: Portable) -> Portable {
        let mut sums = acc.0;
        for ((sum, x), w) in sums.iter_mut().zip(x.0).zip(w.0) {
            let (x, w) = (halves(x), halves(w));
            *sum = (*sum + x[1] * w[1]) + x[0] * w[0];
        }
        Portable(sums)
    }
    #[inline(always)]
    unsafe fn store_words(values: Portable, p: *mut f32) {
        let [a, b, c, d] = values.0;
        let words = [(a, b), (c, d)].map(|(low, high)| with_half(with_half(0.0, 0, low), 1, high));
        // SAFETY: the caller guarantees room for 2 words; `[f32; 2]` has the alignment of `f32`.
        unsafe { *p.cast::<[f32; 2]>() = words }
    }
}

static PORTABLE: OperandKernels = super::operand_kernels!(Portable, Bf16, "", rows 4, 2, 1, vectors 2);

#[cfg(target_arch = "x86_64")]
impl Operand<Avx512> for Bf16 {
    const PER_WORD: usize = 2;
    const MAX_CHAIN: usize = usize::MAX;

    #[inline(always)]
    unsafe fn multiply_add(x: Avx512, w: Avx512, acc: Avx512) -> Avx512 {
        // SAFETY: the caller guarantees AVX512_BF16; every pattern of 512 bits is valid for both types.
        unsafe {
            let pairs = |words: Avx512| std::mem::transmute::<__m512, __m512bh>(words.0);
            Avx512(_mm512_dpbf16_ps(acc.0, pairs(x), pairs(w)))
        }
    }
    #[inline(always)]
    unsafe fn store_words(values: Avx512, p: *mut f32) {
        // SAFETY: the caller guarantees AVX512_BF16 and room for 8 words; every pattern of 256 bits is valid
        // for both types.
        unsafe {
            let words = std::mem::transmute::<__m256bh, __m256>(_mm512_cvtneps_pbh(values.0));
            _mm256_storeu_ps(p, words);
        }
    }
}

#[cfg(target_arch = "x86_64")]
static AVX512: OperandKernels = super::operand_kernels!(
    Avx512, Bf16, "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma", rows 12, 8, 4, vectors 2
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        buffer::AlignedBuffer,
        isa::{Gemm, Kernels},
    };

    /// The kernels of every instruction set that supports bf16 here.
    fn bf16_kernels() -> Vec<(&'static Kernels, &'static OperandKernels)> {
        let supported = |isa| operand_kernels(isa).ok().map(|operands| (Kernels::for_isa(isa), operands));
        Isa::available().into_iter().filter_map(supported).collect()
    }

    fn noise(n: usize, seed: u32) -> Vec<f32> {
        let value =
            |i: u32| (i.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0;
        (0..n as u32).map(value).collect()
    }

    #[test]
    fn rounding_is_to_nearest_with_ties_to_even() {
        for (from, to) in [
            (0x3f80_0000, 0x3f80), // 1
            (0x3f80_7fff, 0x3f80),
            (0x3f80_8000, 0x3f80), // halfway to the odd neighbour
            (0x3f80_8001, 0x3f81),
            (0x3f81_8000, 0x3f82), // halfway from an odd one
            (0xbfff_ffff, 0xc000), // into the next power of two
            (0x7f7f_ffff, 0x7f80), // beyond the largest: infinity
            (0xff80_0000, 0xff80),
            (0x7f80_0001, 0x7fc0), // a NaN stays a NaN
            (0x8000_0001, 0x8000), // subnormal
            (0x0080_0000, 0x0080),
        ] {
            assert_eq!(round_to_bf16(f32::from_bits(from)), to, "{from:08x}");
        }
        let word = with_half(with_half(0.0, 0, 1.0), 1, -2.5);
        assert_eq!(halves(word), [1.0, -2.5]);
        assert_eq!(halves(with_half(word, 0, 3.0)), [3.0, -2.5]);
    }

    #[test]
    fn products_match_the_reference() {
        for (kernels, operands) in bf16_kernels() {
            let (mr, lanes, nr) = (kernels.mr, kernels.lanes, kernels.nr);
            for rows in [0, 1, 7, 63, 1025] {
                for words in [lanes, 3 * lanes] {
                    let depth = 2 * words;
                    let (x, w) = (noise(rows * depth, 1), noise(depth * nr, 2));
                    let (strip, chunk) = (mr * words, mr * lanes);
                    let mut a = AlignedBuffer::zeros((rows.div_ceil(mr) * strip).max(1));
                    let packed = a.grow_to(rows.div_ceil(mr) * strip);
                    for (i, &v) in x.iter().enumerate() {
                        let (row, k) = (i / depth, i % depth);
                        let at = row / mr * strip + k / 2 / lanes * chunk + row % mr * lanes + k / 2 % lanes;
                        packed[at] = with_half(packed[at], k % 2, v);
                    }
                    let mut b = vec![0.0; words * nr];
                    for (i, &v) in w.iter().enumerate() {
                        let at = i / nr / 2 * nr + i % nr;
                        b[at] = with_half(b[at], i / nr % 2, v);
                    }
                    let mut c = vec![0.0; rows * nr];
                    let bias = noise(nr, 3);
                    (operands.gemm)(Gemm {
                        a: a.as_slice(),
                        strip_stride: strip,
                        chunk_stride: chunk,
                        chunks: words / lanes,
                        b: &b,
                        next: &[],
                        rows,
                        c: &mut c,
                        c_stride: nr,
                        bias: Some(&bias),
                        residual: None,
                    });
                    let nearest = |v: f32| f64::from(halves(with_half(0.0, 0, v))[0]);
                    for (i, got) in c.iter().enumerate() {
                        let (row, column) = (i / nr, i % nr);
                        let products =
                            (0..depth).map(|k| nearest(x[row * depth + k]) * nearest(w[k * nr + column]));
                        let want = f64::from(bias[column]) + products.sum::<f64>();
                        assert!(
                            (f64::from(*got) - want).abs() < 1e-5,
                            "{lanes} lanes, {rows} rows: got {got}, expected {want}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_isa_rounds_in_the_same_way() {
        let special = [0.0, -0.0, 1e-40, -1e-40, 3e38, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        let halfway = (0..64).map(|i| f32::from_bits(0x3f80_0000 + i * 0x4000));
        let mut values: Vec<f32> = special.into_iter().chain(halfway).chain(noise(1025, 4)).collect();
        values.resize(values.len().next_multiple_of(16), 0.0);
        let coefficients = crate::isa::Coefficients { outputs: 1, ..Default::default() };
        for (kernels, operands) in bf16_kernels() {
            let mut words = vec![0.0; values.len()];
            let chunks = values.len() / kernels.lanes;
            (operands.forward)(crate::isa::ForwardTransform {
                src: &values,
                row_stride: values.len(),
                chunks,
                inputs: 1,
                dst: &mut words,
                point_stride: 0,
                chunk_stride: kernels.lanes,
                coefficients: &coefficients,
            });
            for (pair, word) in values.chunks_exact(2).zip(&words) {
                let want = with_half(with_half(0.0, 0, pair[0]), 1, pair[1]);
                assert_eq!(word.to_bits(), want.to_bits(), "{} lanes: {pair:?}", kernels.lanes);
            }
        }
    }
}
