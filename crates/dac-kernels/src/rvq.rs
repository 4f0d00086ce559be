//! What a residual vector quantizer computes: linear maps of rows, nearest codebook rows.

use crate::{CpuLevel, KernelError, error::check_len};

/// A linear map of rows, packed once: `[rows][in] -> [rows][out]`.
#[derive(Debug, Clone)]
pub struct Linear {
    in_features: usize,
    /// `[in][out]`, so that the inner loop runs over outputs.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// Packs `weight [out][in]` and `bias [out]`.
    ///
    /// # Errors
    /// [`KernelError::Length`] where the weight is not `out × in` long.
    pub fn new(
        _level: CpuLevel,
        in_features: usize,
        weight: &[f32],
        bias: &[f32],
    ) -> Result<Self, KernelError> {
        check_len("linear weight", in_features * bias.len(), weight)?;
        let out = bias.len();
        let mut packed = vec![0.0; weight.len()];
        for (o, row) in weight.chunks_exact(in_features.max(1)).enumerate() {
            for (i, &w) in row.iter().enumerate() {
                packed[i * out + o] = w;
            }
        }
        Ok(Self { in_features, weight: packed, bias: bias.to_vec() })
    }

    /// Values in a row that goes in.
    pub fn in_features(&self) -> usize {
        self.in_features
    }

    /// Values in a row that comes out.
    pub fn out_features(&self) -> usize {
        self.bias.len()
    }

    /// Maps `rows [n][in]` and appends `[n][out]` to `out`. A last row that is not whole is ignored.
    pub fn apply(&self, rows: &[f32], out: &mut Vec<f32>) {
        let width = self.bias.len();
        if width == 0 || self.in_features == 0 {
            return;
        }
        for row in rows.chunks_exact(self.in_features) {
            let at = out.len();
            out.extend_from_slice(&self.bias);
            let out = &mut out[at..];
            for (&x, w) in row.iter().zip(self.weight.chunks_exact(width)) {
                out.iter_mut().zip(w).for_each(|(o, w)| *o += x * w);
            }
        }
    }
}

/// Nearest-row search in a codebook, by the reference's formula (see [`crate::reference::nearest`]).
#[derive(Debug, Clone)]
pub struct Nearest {
    dim: usize,
    size: usize,
    /// Normalised codebook, `[dim][size]`, so that the inner loop runs over rows of the codebook.
    columns: Vec<f32>,
    /// `‖c‖²` of each normalised row.
    squares: Vec<f32>,
}

impl Nearest {
    /// Normalises `codebook [size][dim]` once.
    ///
    /// # Errors
    /// [`KernelError::Parameter`] for a dimension of 0, [`KernelError::Length`] where the codebook is
    /// empty or not a whole number of rows.
    pub fn new(_level: CpuLevel, dim: usize, codebook: &[f32]) -> Result<Self, KernelError> {
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
        let mut columns = vec![0.0; codebook.len()];
        let mut squares = Vec::with_capacity(size);
        for (i, row) in codebook.chunks_exact(dim).enumerate() {
            let row = crate::reference::normalize(row);
            squares.push(row.iter().map(|v| v * v).sum());
            for (d, &v) in row.iter().enumerate() {
                columns[d * size + i] = v;
            }
        }
        Ok(Self { dim, size, columns, squares })
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
        let mut dots = vec![0.0_f32; self.size];
        for row in rows.chunks_exact(self.dim) {
            let e = crate::reference::normalize(row);
            let ee: f32 = e.iter().map(|v| v * v).sum();
            dots.fill(0.0);
            for (&v, column) in e.iter().zip(self.columns.chunks_exact(self.size)) {
                dots.iter_mut().zip(column).for_each(|(s, c)| *s += v * c);
            }
            let mut best = (0, f32::NEG_INFINITY);
            for (i, (&dot, &cc)) in dots.iter().zip(&self.squares).enumerate() {
                let score = -(ee - 2.0 * dot + cc);
                if score > best.1 {
                    best = (i as u32, score);
                }
            }
            out.push(best.0);
        }
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
    fn linear_and_nearest_equal_their_twins() {
        for n in [0, 1, 7, 63] {
            let (weight, bias, x) = (noise(8 * 100, 1), noise(8, 2), noise(n * 100, 3));
            let mut y = Vec::new();
            Linear::new(CpuLevel::detect(), 100, &weight, &bias).unwrap().apply(&x, &mut y);
            let want = crate::reference::linear(&weight, &bias, &x);
            assert_eq!(y.len(), want.len());
            y.iter().zip(&want).for_each(|(a, b)| assert!((a - b).abs() < 1e-4, "{a} {b}"));
            let (book, e) = (noise(1024 * 8, 4), noise(n * 8, 5));
            let mut codes = Vec::new();
            Nearest::new(CpuLevel::detect(), 8, &book).unwrap().search(&e, &mut codes);
            assert_eq!(codes, crate::reference::nearest(&book, 8, &e));
        }
    }

    #[test]
    fn a_tie_takes_the_first_index() {
        let book = [0.0, 1.0, 2.0, 0.0, 1.0, 0.0, 3.0, 0.0];
        let mut codes = Vec::new();
        Nearest::new(CpuLevel::detect(), 2, &book).unwrap().search(&[5.0, 0.1, 0.0, 0.0], &mut codes);
        assert_eq!(codes, [1, 0]);
    }
}
