//! Matrix product of packed rows with one packed panel of columns.

use super::{operand::Operand, simd::Simd};

/// `C = A·B (+ bias) (+ residual)` for one panel of `NR` columns.
///
/// K counts words, of one value or two ([`Operand`]). A lies in blocks of `MR` rows, cut into chunks of `LANES` words: word
/// (row r, column k) is at `(r / MR)·block_stride + (k / LANES)·chunk_stride + (r % MR)·LANES + k % LANES`. So the
/// inner loop reads A at constant offsets from one pointer. B is `[K][NR]`.
pub(crate) struct Gemm<'a> {
    pub(crate) a: &'a [f32],
    pub(crate) block_stride: usize,
    pub(crate) chunk_stride: usize,
    /// K / LANES
    pub(crate) chunks: usize,
    pub(crate) b: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) c: &'a mut [f32],
    /// From one row of C to the next.
    pub(crate) c_stride: usize,
    /// `[NR]`
    pub(crate) bias: Option<&'a [f32]>,
    /// Added to C, with its row stride; only beside a bias.
    pub(crate) residual: Option<(&'a [f32], usize)>,
}

/// Longest K in one go, so that a panel of B stays in the second-level cache; sums go on in C.
const LONGEST: usize = 1536;

/// Values in a cache line.
const LINE: usize = 16;

/// One register tile: what `Gemm` is, for `valid` of at most `R` rows.
#[derive(Clone, Copy)]
struct Tile {
    a: *const f32,
    chunk_stride: usize,
    chunks: usize,
    b: *const f32,
    c: *mut f32,
    c_stride: usize,
    /// Whether the sums start from what is in C.
    go_on: bool,
    bias: *const f32,
    residual: *const f32,
    residual_stride: usize,
    valid: usize,
    /// What to prefetch: so many cache lines for each chunk.
    ahead: *const f32,
    lines: usize,
}

/// Ends the sums of a register tile: onto what is in C, with bias and residual.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn store<
    S: Simd,
    const R: usize,
    const V: usize,
    const FULL: bool,
    const GO_ON: bool,
    const BIAS: bool,
    const RESIDUAL: bool,
>(
    sums: [[S; V]; R],
    t: &Tile,
) {
    for (r, sums) in sums.iter().enumerate() {
        if !FULL && r >= t.valid {
            break;
        }
        for (v, &sum) in sums.iter().enumerate() {
            // SAFETY: row r is one of the tile's, V registers are the panel's width.
            unsafe {
                let (mut sum, at) = (sum, v * S::LANES);
                let c = t.c.add(r * t.c_stride + at);
                if GO_ON {
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
/// The processor has the instruction set of `S`; all that `t` points to is there.
#[inline(always)]
unsafe fn tile<S: Simd, W: Operand<S>, const R: usize, const V: usize, const FULL: bool>(t: Tile) {
    // SAFETY: the caller checked the lengths of A, B, C, bias and residual for this tile; rows from `valid` on are
    // read from A, whose blocks are whole, and neither read from nor written to elsewhere.
    unsafe {
        let (mut a, mut b, mut ahead) = (t.a, t.b, t.ahead);
        let chain = t.chunks.div_ceil((t.chunks * S::LANES).div_ceil(W::CHAIN));
        let mut left = t.chunks;
        let mut go_on = t.go_on;
        while left > 0 {
            let mut acc = [[S::splat(0.0); V]; R];
            let now = chain.min(left);
            for _ in 0..now {
                for line in 0..t.lines {
                    S::prefetch(ahead.wrapping_add(line * LINE));
                }
                ahead = ahead.wrapping_add(t.lines * LINE);
                // The left side is read once, so the first-level cache never has it yet.
                let next = a.wrapping_add(t.chunk_stride);
                for k in 0..S::LANES {
                    if FULL && k < R {
                        S::prefetch_near(next.wrapping_add(k * S::LANES));
                    }
                    let mut columns = [S::splat(0.0); V];
                    for (v, column) in columns.iter_mut().enumerate() {
                        *column = S::load(b.add((k * V + v) * S::LANES));
                    }
                    for (r, acc) in acc.iter_mut().enumerate() {
                        let x = S::splat(*a.add(r * S::LANES + k));
                        for (acc, column) in acc.iter_mut().zip(columns) {
                            *acc = W::dot(x, column, *acc);
                        }
                    }
                }
                a = a.wrapping_add(t.chunk_stride);
                b = b.add(S::LANES * S::LANES * V);
            }
            left -= now;
            // Each case is a straight line of its own, so that the sums stay in registers.
            match (go_on, left == 0 && !t.bias.is_null(), left == 0 && !t.residual.is_null()) {
                (false, false, _) => store::<S, R, V, FULL, false, false, false>(acc, &t),
                (true, false, _) => store::<S, R, V, FULL, true, false, false>(acc, &t),
                (false, true, false) => store::<S, R, V, FULL, false, true, false>(acc, &t),
                (true, true, false) => store::<S, R, V, FULL, true, true, false>(acc, &t),
                (false, true, true) => store::<S, R, V, FULL, false, true, true>(acc, &t),
                (true, true, true) => store::<S, R, V, FULL, true, true, true>(acc, &t),
            }
            go_on = true;
        }
    }
}

/// # Safety
/// The processor has the instruction set of `S`.
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
    let last_block = (g.rows - 1) / R;
    assert!(g.chunks > 0 && g.b.len() >= g.chunks * S::LANES * width, "B is too short");
    assert!(
        g.a.len() >= last_block * g.block_stride + (g.chunks - 1) * g.chunk_stride + R * S::LANES,
        "A is too short"
    );
    assert!(g.c.len() >= (g.rows - 1) * g.c_stride + width, "C is too short");
    assert!(g.bias.is_none_or(|b| b.len() >= width), "bias is too short");
    assert!(g.residual.is_none() || g.bias.is_some(), "a residual comes with a bias");
    assert!(g.residual.is_none_or(|(x, s)| x.len() >= (g.rows - 1) * s + width), "residual is too short");
    let part = g.chunks.div_ceil((g.chunks * S::LANES).div_ceil(LONGEST));
    let null = std::ptr::null();
    let mut from = 0;
    while from < g.chunks {
        let chunks = part.min(g.chunks - from);
        let last = from + chunks == g.chunks;
        // The panel after this one, a share of it with each block of rows.
        let lines = if from == 0 { (S::LANES * width / LINE).div_ceil(last_block + 1) } else { 0 };
        for block in 0..=last_block {
            let row = block * R;
            // SAFETY: the asserts above cover the farthest value of each operand; the pointers made here stay
            // inside their slices.
            unsafe {
                let (residual, residual_stride) = match g.residual {
                    Some((x, stride)) if last => (x.as_ptr().add(row * stride), stride),
                    _ => (null, 0),
                };
                let t = Tile {
                    a: g.a.as_ptr().add(block * g.block_stride + from * g.chunk_stride),
                    chunk_stride: g.chunk_stride,
                    chunks,
                    b: g.b.as_ptr().add(from * S::LANES * width),
                    c: g.c.as_mut_ptr().add(row * g.c_stride),
                    c_stride: g.c_stride,
                    go_on: from > 0,
                    bias: g.bias.filter(|_| last).map_or(null, <[f32]>::as_ptr),
                    residual,
                    residual_stride,
                    valid: R.min(g.rows - row),
                    ahead: g
                        .b
                        .as_ptr()
                        .wrapping_add(g.chunks * S::LANES * width + block * chunks * lines * LINE),
                    lines,
                };
                match t.valid {
                    n if n == R => tile::<S, W, R, V, true>(t),
                    n if n > MID => tile::<S, W, R, V, false>(t),
                    n if n > LOW => tile::<S, W, MID, V, false>(t),
                    _ => tile::<S, W, LOW, V, false>(t),
                }
            }
        }
        from += chunks;
    }
}
