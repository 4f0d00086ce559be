//! Matrix product of packed rows with one packed panel of columns.

use super::{operand::Operand, simd::Simd};

/// `C = A·B (+ bias) (+ residual)` for one panel of NR columns.
///
/// K counts words. A lies in strips of MR rows, cut into chunks of LANES words: the word of row r and column
/// k is at `(r / MR)·strip_stride + (k / LANES)·chunk_stride + (r % MR)·LANES + k % LANES`. So the inner loop
/// reads A at constant offsets from one pointer. B is `[K][NR]`. Strides are in words.
pub(crate) struct Gemm<'a> {
    pub(crate) a: &'a [f32],
    pub(crate) strip_stride: usize,
    pub(crate) chunk_stride: usize,
    /// K / LANES
    pub(crate) chunks: usize,
    pub(crate) b: &'a [f32],
    /// The panel that is used next, which is prefetched; may be empty.
    pub(crate) next: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) c: &'a mut [f32],
    /// Distance between two rows of C.
    pub(crate) c_stride: usize,
    /// `[NR]`
    pub(crate) bias: Option<&'a [f32]>,
    /// Rows added to C, with their stride; requires a bias.
    pub(crate) residual: Option<(&'a [f32], usize)>,
}

impl Gemm<'_> {
    /// Checks that the farthest value of each operand is inside its slice, for `width` columns, strips of
    /// `mr` rows and at least one row.
    #[inline(always)]
    fn assert_lengths(&self, lanes: usize, mr: usize, width: usize) {
        let (last_strip, last_row) = ((self.rows - 1) / mr, self.rows - 1);
        assert!(self.chunks > 0 && self.b.len() >= self.chunks * lanes * width, "B is too short");
        let last_chunk = last_strip * self.strip_stride + (self.chunks - 1) * self.chunk_stride;
        assert!(self.a.len() >= last_chunk + mr * lanes, "A is too short");
        assert!(self.c.len() >= last_row * self.c_stride + width, "C is too short");
        assert!(self.bias.is_none_or(|b| b.len() >= width), "bias is too short");
        assert!(self.residual.is_none() || self.bias.is_some(), "a residual requires a bias");
        let residual = self.residual.is_none_or(|(x, stride)| x.len() >= last_row * stride + width);
        assert!(residual, "residual is too short");
    }
}

/// The longest K of one pass over the rows, in words: a part of B that stays in the second-level cache. C
/// keeps the sums between passes.
const MAX_PASS_DEPTH: usize = 1536;

/// Values in a cache line.
const LINE: usize = 16;

/// One register tile: the part of a [`Gemm`] for at most `R` rows and one pass.
#[derive(Clone, Copy)]
struct Tile {
    a: *const f32,
    chunk_stride: usize,
    chunks: usize,
    /// Columns of a chunk, [`Simd::columns`].
    columns: usize,
    b: *const f32,
    c: *mut f32,
    c_stride: usize,
    /// Adds the sums to the values in C, which an earlier pass wrote.
    accumulate: bool,
    /// Null if not added in this pass.
    bias: *const f32,
    /// Null if not added in this pass.
    residual: *const f32,
    residual_stride: usize,
    rows: usize,
    /// Address of the next cache line to prefetch, and the number of lines per chunk (at most LANES · V).
    prefetch: *const f32,
    prefetch_lines: usize,
}

/// Writes the sums of a register tile to C, added to the values in C, the bias and the residual as requested.
///
/// # Safety
/// As for [`compute_tile`].
#[inline(always)]
unsafe fn store_tile<
    S: Simd,
    const R: usize,
    const V: usize,
    const FULL: bool,
    const ACCUMULATE: bool,
    const BIAS: bool,
    const RESIDUAL: bool,
>(
    sums: [[S; V]; R],
    t: &Tile,
) {
    for (r, sums) in sums.iter().enumerate() {
        if !FULL && r >= t.rows {
            break;
        }
        for (v, &sum) in sums.iter().enumerate() {
            // SAFETY: row r is one of the tile's rows; V registers are the width of the panel.
            unsafe {
                let (mut sum, at) = (sum, v * S::LANES);
                let c = t.c.add(r * t.c_stride + at);
                if ACCUMULATE {
                    sum = sum.add(S::load(c));
                }
                if BIAS {
                    sum = sum.add(S::load(t.bias.add(at)));
                }
                if RESIDUAL {
                    sum = sum.add(S::load(t.residual.add(r * t.residual_stride + at)));
                }
                sum.store(c);
            }
        }
    }
}

/// # Safety
/// The processor supports the instruction set of `S`; the pointers in `t` cover the rows and chunks of the
/// tile, in A even the rows from `t.rows` up to `R`.
#[inline(always)]
unsafe fn compute_tile<S: Simd, W: Operand<S>, const R: usize, const V: usize, const FULL: bool>(t: Tile) {
    // SAFETY: the caller guarantees the lengths of A, B, C, bias and residual for this tile. Rows from
    // `t.rows` on are read only from A, whose strips are complete.
    unsafe {
        let (mut a, mut b, mut prefetch) = (t.a, t.b, t.prefetch);
        let chain = t.chunks.div_ceil((t.chunks * S::LANES).div_ceil(W::MAX_CHAIN));
        let mut left = t.chunks;
        let mut accumulate = t.accumulate;
        while left > 0 {
            let mut acc = [[S::splat(0.0); V]; R];
            let count = chain.min(left);
            for _ in 0..count {
                // A is read only once, so its next chunk is never in the first-level cache yet.
                let next = a.wrapping_add(t.chunk_stride);
                for k in 0..t.columns {
                    if FULL && k < R {
                        S::prefetch_l1(next.wrapping_add(k * S::LANES));
                    }
                    let mut columns = [S::splat(0.0); V];
                    for (v, column) in columns.iter_mut().enumerate() {
                        // Spread over the chunk, because few lines can be on their way at a time.
                        let line = v * S::LANES + k;
                        if line < t.prefetch_lines {
                            S::prefetch_l2(prefetch.wrapping_add(line * LINE));
                        }
                        *column = S::load(b.add((k * V + v) * S::LANES));
                    }
                    for (r, acc) in acc.iter_mut().enumerate() {
                        let x = S::splat(*a.add(r * S::LANES + k));
                        for (acc, column) in acc.iter_mut().zip(columns) {
                            *acc = W::multiply_add(x, column, *acc);
                        }
                    }
                }
                a = a.wrapping_add(t.chunk_stride);
                b = b.add(S::LANES * S::LANES * V);
                prefetch = prefetch.wrapping_add(t.prefetch_lines * LINE);
            }
            left -= count;
            // Every case is compiled separately and without branches, so that the sums stay in registers.
            match (accumulate, left == 0 && !t.bias.is_null(), left == 0 && !t.residual.is_null()) {
                (false, false, _) => store_tile::<S, R, V, FULL, false, false, false>(acc, &t),
                (true, false, _) => store_tile::<S, R, V, FULL, true, false, false>(acc, &t),
                (false, true, false) => store_tile::<S, R, V, FULL, false, true, false>(acc, &t),
                (true, true, false) => store_tile::<S, R, V, FULL, true, true, false>(acc, &t),
                (false, true, true) => store_tile::<S, R, V, FULL, false, true, true>(acc, &t),
                (true, true, true) => store_tile::<S, R, V, FULL, true, true, true>(acc, &t),
            }
            accumulate = true;
        }
    }
}

/// # Safety
/// The processor supports the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn gemm<
    S: Simd,
    W: Operand<S>,
    const R: usize,
    const MID: usize,
    const LOW: usize,
    const V: usize,
>(
    g: Gemm<'_>,
) {
    let width = V * S::LANES;
    if g.rows == 0 {
        return;
    }
    g.assert_lengths(S::LANES, R, width);
    let last_strip = (g.rows - 1) / R;
    let chunks_per_pass = g.chunks.div_ceil((g.chunks * S::LANES).div_ceil(MAX_PASS_DEPTH));
    let null = std::ptr::null();
    let columns = S::columns();
    let mut first = 0;
    while first < g.chunks {
        let chunks = chunks_per_pass.min(g.chunks - first);
        let is_last_pass = first + chunks == g.chunks;
        // Each strip prefetches its share of the values of B for the next pass or product.
        let lines = (S::LANES * width / LINE).div_ceil(last_strip + 1);
        let next = if is_last_pass { g.next } else { &g.b[(first + chunks) * S::LANES * width..] };
        let lines = if next.is_empty() { 0 } else { lines };
        for strip in 0..=last_strip {
            let row = strip * R;
            // SAFETY: `assert_lengths` covers the farthest value of each operand; the pointers made here stay
            // inside their slices.
            unsafe {
                let (residual, residual_stride) = match g.residual {
                    Some((x, stride)) if is_last_pass => (x.as_ptr().add(row * stride), stride),
                    _ => (null, 0),
                };
                let t = Tile {
                    a: g.a.as_ptr().add(strip * g.strip_stride + first * g.chunk_stride),
                    chunk_stride: g.chunk_stride,
                    chunks,
                    columns,
                    b: g.b.as_ptr().add(first * S::LANES * width),
                    c: g.c.as_mut_ptr().add(row * g.c_stride),
                    c_stride: g.c_stride,
                    accumulate: first > 0,
                    bias: g.bias.filter(|_| is_last_pass).map_or(null, <[f32]>::as_ptr),
                    residual,
                    residual_stride,
                    rows: R.min(g.rows - row),
                    prefetch: next.as_ptr().wrapping_add(strip * chunks * lines * LINE),
                    prefetch_lines: lines,
                };
                match t.rows {
                    n if n == R => compute_tile::<S, W, R, V, true>(t),
                    n if n > MID => compute_tile::<S, W, R, V, false>(t),
                    n if n > LOW => compute_tile::<S, W, MID, V, false>(t),
                    _ => compute_tile::<S, W, LOW, V, false>(t),
                }
            }
        }
        first += chunks;
    }
}
