//! The operations of a residual vector quantizer: linear maps of rows and search for nearest codebook rows.

use crate::{
    Isa, KernelError,
    buffer::AlignedBuffer,
    error::{check_len, invalid},
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
                    next: &[],
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

/// Search for the nearest codebook row.
///
/// Rows e and codebook rows c are divided by their lengths, of at least 1e-12. The result is the first index
/// with the largest `−(‖e‖² − 2·e·c + ‖c‖²)`, as in the codec's quantizer.
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
            return invalid("codebook dim", 0, "it must be at least 1");
        }
        let size = codebook.len() / dim;
        check_len("codebook", size.max(1) * dim, codebook)?;
        if size > MAX_SIZE {
            return invalid("codebook size", size, "a codebook has at most 2^24 rows");
        }
        let kernels = Kernels::for_isa(isa);
        let (lanes, padded) = (kernels.lanes, size.next_multiple_of(kernels.lanes));
        let mut columns = vec![0.0; padded * dim];
        let mut squares = vec![f32::INFINITY; padded];
        for (i, row) in codebook.chunks_exact(dim).enumerate() {
            let length = length(row);
            let chunk = &mut columns[i / lanes * dim * lanes..];
            squares[i] = row.iter().map(|v| v / length).map(|v| v * v).sum();
            row.iter().enumerate().for_each(|(d, &v)| chunk[d * lanes + i % lanes] = v / length);
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
            let (start, length) = (normal.len(), length(row));
            normal.extend(row.iter().map(|v| v / length));
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

/// Returns the length of a row, at least 1e-12.
fn length(row: &[f32]) -> f32 {
    row.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12)
}
