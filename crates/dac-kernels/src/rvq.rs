//! What a residual vector quantizer computes: linear maps of rows, nearest codebook rows.

use crate::{
    CpuLevel, KernelError,
    buffer::Aligned,
    error::check_len,
    isa::{Gemm, Kernels, Search},
};

/// A linear map of rows, packed once: `[rows][in] -> [rows][out]`.
#[derive(Debug, Clone)]
pub struct Linear {
    kernels: &'static Kernels,
    in_features: usize,
    out_features: usize,
    /// `in_features` in whole registers.
    depth: usize,
    /// `[panel][depth][NR]`
    weight: Aligned,
    /// `[panels · NR]`
    bias: Aligned,
}

impl Linear {
    /// Packs `weight [out][in]` and `bias [out]`.
    ///
    /// # Errors
    /// [`KernelError::Length`] where the weight is not `out × in` long.
    pub fn new(
        level: CpuLevel,
        in_features: usize,
        weight: &[f32],
        bias: &[f32],
    ) -> Result<Self, KernelError> {
        check_len("linear weight", in_features * bias.len(), weight)?;
        let kernels = Kernels::for_level(level);
        let (nr, depth) = (kernels.columns, in_features.next_multiple_of(kernels.lanes));
        let width = bias.len().next_multiple_of(nr);
        let mut packed = Aligned::zeros(width * depth);
        let values = packed.at_least(width * depth);
        for (o, row) in weight.chunks_exact(in_features.max(1)).enumerate() {
            let panel = &mut values[o / nr * depth * nr..];
            row.iter().enumerate().for_each(|(i, &w)| panel[i * nr + o % nr] = w);
        }
        let mut padded = Aligned::zeros(width);
        padded.at_least(width)[..bias.len()].copy_from_slice(bias);
        Ok(Self { kernels, in_features, out_features: bias.len(), depth, weight: packed, bias: padded })
    }

    /// Values in a row that goes in.
    pub fn in_features(&self) -> usize {
        self.in_features
    }

    /// Values in a row that comes out.
    pub fn out_features(&self) -> usize {
        self.out_features
    }

    /// Maps `rows [n][in]` and appends `[n][out]` to `out`. A last row that is not whole is ignored.
    pub fn apply(&self, rows: &[f32], out: &mut Vec<f32>) {
        let k = self.kernels;
        let (nr, depth, width) = (k.columns, self.depth, self.out_features.next_multiple_of(k.columns));
        if width == 0 || depth == 0 {
            return;
        }
        let rows = &rows[..rows.len() / self.in_features * self.in_features];
        out.reserve(rows.len() / self.in_features * self.out_features);
        let (mut left, mut product) = (Aligned::zeros(k.rows * depth), Aligned::zeros(k.rows * width));
        let (left, product) = (left.at_least(k.rows * depth), product.at_least(k.rows * width));
        for block in rows.chunks(k.rows * self.in_features) {
            for (r, row) in block.chunks_exact(self.in_features).enumerate() {
                for (chunk, values) in row.chunks(k.lanes).enumerate() {
                    left[(chunk * k.rows + r) * k.lanes..][..values.len()].copy_from_slice(values);
                }
            }
            let count = block.len() / self.in_features;
            for at in (0..width).step_by(nr) {
                (k.f32.gemm)(Gemm {
                    a: left,
                    block_stride: k.rows * depth,
                    chunk_stride: k.rows * k.lanes,
                    chunks: depth / k.lanes,
                    b: &self.weight.as_slice()[at * depth..][..depth * nr],
                    rows: count,
                    c: &mut product[at..],
                    c_stride: width,
                    bias: Some(&self.bias.as_slice()[at..at + nr]),
                    residual: None,
                });
            }
            let whole = product.chunks_exact(width).take(count);
            whole.for_each(|row| out.extend_from_slice(&row[..self.out_features]));
        }
    }
}

/// Rows of a codebook beyond this many are a mistake.
const LARGEST: usize = 1 << 24;

/// Nearest-row search in a codebook, by the reference's formula (see [`crate::reference::nearest`]).
#[derive(Debug, Clone)]
pub struct Nearest {
    kernels: &'static Kernels,
    dim: usize,
    size: usize,
    /// Normalised codebook, `[size / LANES][dim][LANES]`.
    columns: Vec<f32>,
    /// `‖c‖²` of each normalised row, infinite beyond the last.
    squares: Vec<f32>,
}

impl Nearest {
    /// Normalises `codebook [size][dim]` once.
    ///
    /// # Errors
    /// [`KernelError::Parameter`] for a dimension of 0 or more than 2²⁴ rows, [`KernelError::Length`] where the
    /// codebook is empty or not a whole number of rows.
    pub fn new(level: CpuLevel, dim: usize, codebook: &[f32]) -> Result<Self, KernelError> {
        if dim == 0 {
            return Err(KernelError::Parameter { what: "codebook dim", found: 0, why: "rows need values" });
        }
        let size = codebook.len() / dim;
        if size == 0 || size * dim != codebook.len() {
            return Err(KernelError::Length {
                what: "codebook",
                expected: size.max(1) * dim,
                found: codebook.len(),
            });
        }
        if size > LARGEST {
            let why = "a codebook has at most 2^24 rows";
            return Err(KernelError::Parameter { what: "codebook size", found: size, why });
        }
        let kernels = Kernels::for_level(level);
        let (lanes, padded) = (kernels.lanes, size.next_multiple_of(kernels.lanes));
        let mut columns = vec![0.0; padded * dim];
        let mut squares = vec![f32::INFINITY; padded];
        for (i, row) in codebook.chunks_exact(dim).enumerate() {
            let row = crate::reference::normalize(row);
            squares[i] = row.iter().map(|v| v * v).sum();
            let chunk = &mut columns[i / lanes * dim * lanes..];
            row.iter().enumerate().for_each(|(d, &v)| chunk[d * lanes + i % lanes] = v);
        }
        Ok(Self { kernels, dim, size, columns, squares })
    }

    /// Values in a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Rows of the codebook.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Appends the index of the nearest codebook row for each of `rows [n][dim]`. A last row that is not
    /// whole is ignored. Rows with a NaN get 0.
    pub fn search(&self, rows: &[f32], out: &mut Vec<u32>) {
        let count = rows.len() / self.dim;
        let (mut normal, mut lengths) = (Vec::with_capacity(count * self.dim), Vec::with_capacity(count));
        for row in rows.chunks_exact(self.dim) {
            let start = normal.len();
            crate::reference::normalize_into(row, &mut normal);
            lengths.push(normal[start..].iter().map(|v| v * v).sum());
        }
        let from = out.len();
        out.resize(from + count, 0);
        (self.kernels.search)(Search {
            rows: &normal,
            lengths: &lengths,
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
    fn linear_equals_its_twin() {
        for level in CpuLevel::available() {
            for (rows, features, outputs) in [(0, 5, 3), (1, 100, 8), (7, 8, 100), (63, 1, 1), (29, 300, 33)]
            {
                let (weight, bias) = (noise(features * outputs, 1), noise(outputs, 2));
                let x = noise(rows * features, 3);
                let linear = Linear::new(level, features, &weight, &bias).unwrap();
                let mut y = vec![7.0];
                // A last row that is not whole is ignored.
                linear.apply(&[&x[..], &noise(features - 1, 4)].concat(), &mut y);
                let want = crate::reference::linear(&weight, &bias, &x);
                assert_eq!(y.remove(0), 7.0);
                assert_eq!(y.len(), want.len());
                for (a, b) in y.iter().zip(&want) {
                    assert!((a - b).abs() < 1e-4, "{level}, {features} to {outputs}: {a} {b}");
                }
                // What a row gives does not depend on the rows beside it.
                let mut single = Vec::new();
                x.chunks_exact(features).for_each(|row| linear.apply(row, &mut single));
                assert_eq!(single, y);
            }
        }
    }

    #[test]
    fn nearest_equals_its_twin() {
        for level in CpuLevel::available() {
            for (rows, dim, size) in
                [(0, 8, 1024), (1, 8, 1024), (63, 8, 1024), (70, 3, 37), (5, 1, 2), (6, 20, 16)]
            {
                let (book, e) = (noise(size * dim, 4), noise(rows * dim, 5));
                let mut codes = vec![9];
                Nearest::new(level, dim, &book).unwrap().search(&e, &mut codes);
                assert_eq!(codes.remove(0), 9);
                assert_eq!(codes, crate::reference::nearest(&book, dim, &e), "{level}, {dim} x {size}");
            }
        }
    }

    #[test]
    fn a_tie_takes_the_first_index_and_not_a_number_index_0() {
        for level in CpuLevel::available() {
            let mut book = [0.0, 1.0, 2.0, 0.0, 1.0, 0.0, 3.0, 0.0].to_vec();
            // The same again in later registers, and at other lanes.
            book.extend(book.clone().repeat(9));
            book.extend([0.0, -1.0]);
            let search = |rows: &[f32]| {
                let mut codes = Vec::new();
                Nearest::new(level, 2, &book).unwrap().search(rows, &mut codes);
                codes
            };
            assert_eq!(search(&[5.0, 0.1, 0.0, 0.0, 0.0, -3.0]), [1, 0, 40], "{level}");
            assert_eq!(search(&[f32::NAN, 1.0]), [0], "{level}");
        }
    }

    #[test]
    fn a_codebook_has_rows() {
        assert!(matches!(Nearest::new(CpuLevel::Portable, 0, &[1.0]), Err(KernelError::Parameter { .. })));
        assert!(matches!(Nearest::new(CpuLevel::Portable, 2, &[1.0; 3]), Err(KernelError::Length { .. })));
        assert!(matches!(Nearest::new(CpuLevel::Portable, 2, &[]), Err(KernelError::Length { .. })));
    }
}
