//! The operations of a residual vector quantizer: linear maps of rows and search for nearest codebook rows.

use crate::{
    Isa, KernelError,
    buffer::AlignedBuffer,
    error::check_len,
    isa::{Gemm, Kernels, NearestSearch},
};

/// A linear map of rows with packed weights, `[rows][in] -> [rows][out]`.
#[derive(Debug, Clone)]
pub struct Linear {
    kernels: &'static Kernels,
    in_features: usize,
    out_features: usize,
    /// `in_features` padded to whole registers.
    depth: usize,
    /// `[panel][depth][NR]`
    weight: AlignedBuffer,
    /// `[panels · NR]`
    bias: AlignedBuffer,
}

impl Linear {
    /// Packs `weight [out][in]` and `bias [out]`.
    ///
    /// # Errors
    /// [`KernelError::Length`] if the weight does not have `out × in` values.
    pub fn new(isa: Isa, in_features: usize, weight: &[f32], bias: &[f32]) -> Result<Self, KernelError> {
        check_len("linear weight", in_features * bias.len(), weight)?;
        let kernels = Kernels::for_isa(isa);
        let (nr, depth) = (kernels.nr, in_features.next_multiple_of(kernels.lanes));
        let width = bias.len().next_multiple_of(nr);
        let mut packed = AlignedBuffer::zeros(width * depth);
        let values = packed.grow_to(width * depth);
        for (o, row) in weight.chunks_exact(in_features.max(1)).enumerate() {
            let panel = &mut values[o / nr * depth * nr..];
            row.iter().enumerate().for_each(|(i, &w)| panel[i * nr + o % nr] = w);
        }
        let mut padded = AlignedBuffer::zeros(width);
        padded.grow_to(width)[..bias.len()].copy_from_slice(bias);
        Ok(Self { kernels, in_features, out_features: bias.len(), depth, weight: packed, bias: padded })
    }

    /// Maps `rows [n][in]` and appends `[n][out]` to `out`. An incomplete last row is ignored.
    pub fn apply(&self, rows: &[f32], out: &mut Vec<f32>) {
        let k = self.kernels;
        let (nr, depth, width) = (k.nr, self.depth, self.out_features.next_multiple_of(k.nr));
        if width == 0 || depth == 0 {
            return;
        }
        let rows = &rows[..rows.len() / self.in_features * self.in_features];
        out.reserve(rows.len() / self.in_features * self.out_features);
        let mut packed = AlignedBuffer::zeros(k.mr * depth);
        let mut product = AlignedBuffer::zeros(k.mr * width);
        let (packed, product) = (packed.grow_to(k.mr * depth), product.grow_to(k.mr * width));
        for strip in rows.chunks(k.mr * self.in_features) {
            for (r, row) in strip.chunks_exact(self.in_features).enumerate() {
                for (chunk, values) in row.chunks(k.lanes).enumerate() {
                    packed[(chunk * k.mr + r) * k.lanes..][..values.len()].copy_from_slice(values);
                }
            }
            let count = strip.len() / self.in_features;
            for at in (0..width).step_by(nr) {
                (k.f32.gemm)(Gemm {
                    a: packed,
                    strip_stride: k.mr * depth,
                    chunk_stride: k.mr * k.lanes,
                    chunks: depth / k.lanes,
                    b: &self.weight.as_slice()[at * depth..][..depth * nr],
                    rows: count,
                    c: &mut product[at..],
                    c_stride: width,
                    bias: Some(&self.bias.as_slice()[at..at + nr]),
                    residual: None,
                });
            }
            let padded = product.chunks_exact(width).take(count);
            padded.for_each(|row| out.extend_from_slice(&row[..self.out_features]));
        }
    }
}

/// The most rows of a codebook.
const MAX_SIZE: usize = 1 << 24;

/// Search for the nearest codebook row, by the formula of [`crate::reference::nearest`].
#[derive(Debug, Clone)]
pub struct Nearest {
    kernels: &'static Kernels,
    dim: usize,
    /// The normalized codebook, `[size / LANES][dim][LANES]`.
    columns: Vec<f32>,
    /// `‖c‖²` of each normalized row, padded with infinity.
    squares: Vec<f32>,
}

impl Nearest {
    /// Normalizes and packs `codebook [size][dim]`.
    ///
    /// # Errors
    /// [`KernelError::Parameter`] for a dimension of 0 or more than 2²⁴ rows, [`KernelError::Length`] if the
    /// codebook is empty or its last row incomplete.
    pub fn new(isa: Isa, dim: usize, codebook: &[f32]) -> Result<Self, KernelError> {
        if dim == 0 {
            return Err(KernelError::Parameter {
                what: "codebook dim",
                found: 0,
                why: "it must be at least 1",
            });
        }
        let size = codebook.len() / dim;
        if size == 0 || size * dim != codebook.len() {
            return Err(KernelError::Length {
                what: "codebook",
                expected: size.max(1) * dim,
                found: codebook.len(),
            });
        }
        if size > MAX_SIZE {
            let why = "a codebook has at most 2^24 rows";
            return Err(KernelError::Parameter { what: "codebook size", found: size, why });
        }
        let kernels = Kernels::for_isa(isa);
        let (lanes, padded) = (kernels.lanes, size.next_multiple_of(kernels.lanes));
        let mut columns = vec![0.0; padded * dim];
        let mut squares = vec![f32::INFINITY; padded];
        for (i, row) in codebook.chunks_exact(dim).enumerate() {
            let row = crate::reference::normalize(row);
            squares[i] = row.iter().map(|v| v * v).sum();
            let chunk = &mut columns[i / lanes * dim * lanes..];
            row.iter().enumerate().for_each(|(d, &v)| chunk[d * lanes + i % lanes] = v);
        }
        Ok(Self { kernels, dim, columns, squares })
    }

    /// Number of values in a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Appends the index of the nearest codebook row for each of `rows [n][dim]`.
    ///
    /// An incomplete last row is ignored. The index of a row with a NaN is 0.
    pub fn search(&self, rows: &[f32], out: &mut Vec<u32>) {
        let count = rows.len() / self.dim;
        let (mut normal, mut row_squares) = (Vec::with_capacity(count * self.dim), Vec::with_capacity(count));
        for row in rows.chunks_exact(self.dim) {
            let start = normal.len();
            crate::reference::normalize_into(row, &mut normal);
            row_squares.push(normal[start..].iter().map(|v| v * v).sum());
        }
        let from = out.len();
        out.resize(from + count, 0);
        (self.kernels.nearest)(NearestSearch {
            rows: &normal,
            row_squares: &row_squares,
            dim: self.dim,
            columns: &self.columns,
            squares: &self.squares,
            out: &mut out[from..],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, mut seed: u64) -> Vec<f32> {
        let mut next = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((seed >> 40) as f32) / (1u64 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn linear_matches_the_reference() {
        for isa in Isa::available() {
            for (rows, features, outputs) in [(0, 5, 3), (1, 100, 8), (7, 8, 100), (63, 1, 1), (29, 300, 33)]
            {
                let (weight, bias) = (noise(features * outputs, 1), noise(outputs, 2));
                let x = noise(rows * features, 3);
                let linear = Linear::new(isa, features, &weight, &bias).unwrap();
                let mut y = vec![7.0];
                // The incomplete last row is ignored.
                linear.apply(&[&x[..], &noise(features - 1, 4)].concat(), &mut y);
                let want = crate::reference::linear(&weight, &bias, &x);
                assert_eq!(y.remove(0), 7.0);
                assert_eq!(y.len(), want.len());
                for (a, b) in y.iter().zip(&want) {
                    assert!((a - b).abs() < 1e-4, "{isa}, {features} to {outputs}: {a} {b}");
                }
                // The result of a row does not depend on the other rows.
                let mut single = Vec::new();
                x.chunks_exact(features).for_each(|row| linear.apply(row, &mut single));
                assert_eq!(single, y);
            }
        }
    }

    #[test]
    fn nearest_matches_the_reference() {
        for isa in Isa::available() {
            for (rows, dim, size) in
                [(0, 8, 1024), (1, 8, 1024), (63, 8, 1024), (70, 3, 37), (5, 1, 2), (6, 20, 16)]
            {
                let (book, e) = (noise(size * dim, 4), noise(rows * dim, 5));
                let mut codes = vec![9];
                Nearest::new(isa, dim, &book).unwrap().search(&e, &mut codes);
                assert_eq!(codes.remove(0), 9);
                assert_eq!(codes, crate::reference::nearest(&book, dim, &e), "{isa}, {dim} x {size}");
            }
        }
    }

    #[test]
    fn ties_take_the_first_index_and_nan_takes_index_0() {
        for isa in Isa::available() {
            let mut book = [0.0, 1.0, 2.0, 0.0, 1.0, 0.0, 3.0, 0.0].to_vec();
            // The same rows again in later registers and other lanes.
            book.extend(book.clone().repeat(9));
            book.extend([0.0, -1.0]);
            let search = |rows: &[f32]| {
                let mut codes = Vec::new();
                Nearest::new(isa, 2, &book).unwrap().search(rows, &mut codes);
                codes
            };
            assert_eq!(search(&[5.0, 0.1, 0.0, 0.0, 0.0, -3.0]), [1, 0, 40], "{isa}");
            assert_eq!(search(&[f32::NAN, 1.0]), [0], "{isa}");
        }
    }

    #[test]
    fn codebooks_without_complete_rows_are_refused() {
        assert!(matches!(Nearest::new(Isa::Portable, 0, &[1.0]), Err(KernelError::Parameter { .. })));
        assert!(matches!(Nearest::new(Isa::Portable, 2, &[1.0; 3]), Err(KernelError::Length { .. })));
        assert!(matches!(Nearest::new(Isa::Portable, 2, &[]), Err(KernelError::Length { .. })));
    }
}
