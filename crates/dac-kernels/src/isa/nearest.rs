//! Search for the nearest codebook row.

use super::simd::Simd;

/// The most lanes of any instruction set.
const MAX_LANES: usize = 16;

/// Rows that share one pass over the codebook, so that each codebook value is loaded once for all of them.
const ROWS_PER_PASS: usize = 4;

/// For each row e, the first codebook row c with the least `(‖e‖² − 2·e·c) + ‖c‖²`; 0 if that is NaN for all
/// c.
pub(crate) struct NearestSearch<'a> {
    /// `[rows][dim]`
    pub(crate) rows: &'a [f32],
    /// `‖e‖²` of each row.
    pub(crate) row_squares: &'a [f32],
    pub(crate) dim: usize,
    /// `[size / LANES][dim][LANES]`
    pub(crate) columns: &'a [f32],
    /// `‖c‖²`, `[size]`, padded with infinity to whole registers.
    pub(crate) squares: &'a [f32],
    /// One index per row.
    pub(crate) out: &'a mut [u32],
}

/// # Safety
/// The processor supports the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn nearest<S: Simd>(job: NearestSearch<'_>) {
    let (rows, chunks) = (job.row_squares.len(), job.squares.len() / S::LANES);
    assert!(job.rows.len() >= rows * job.dim && job.out.len() >= rows, "rows or output are too short");
    assert!(job.columns.len() >= chunks * job.dim * S::LANES, "the codebook is too short");
    assert!(S::LANES <= MAX_LANES, "too many lanes");
    // Chunk numbers are kept in registers of f32.
    assert!(chunks < 1 << f32::MANTISSA_DIGITS, "the codebook is too long");
    let mut row = 0;
    // SAFETY: the asserts cover rows below `rows`, and `row + R <= rows`.
    unsafe {
        while row + ROWS_PER_PASS <= rows {
            search_rows::<S, ROWS_PER_PASS>(&job, row)
                .into_iter()
                .zip(&mut job.out[row..])
                .for_each(|(i, o)| *o = i);
            row += ROWS_PER_PASS;
        }
        while row < rows {
            job.out[row] = search_rows::<S, 1>(&job, row)[0];
            row += 1;
        }
    }
}

/// # Safety
/// The processor supports the instruction set of `S`; `job` has at least `first + R` rows and passed the
/// asserts of [`nearest`].
#[inline(always)]
unsafe fn search_rows<S: Simd, const R: usize>(job: &NearestSearch<'_>, first: usize) -> [u32; R] {
    let (dim, chunks) = (job.dim, job.squares.len() / S::LANES);
    // For each row, the least distance of each lane, then the chunk of that distance.
    let mut lanes = [[0.0_f32; 2 * MAX_LANES]; R];
    // SAFETY: the caller guarantees rows below `first + R` and chunks below `chunks`.
    unsafe {
        let rows = job.rows.as_ptr().add(first * dim);
        let mut least = [S::splat(f32::INFINITY); R];
        let mut at = [S::splat(0.0); R];
        for chunk in 0..chunks {
            let mut dots = [S::splat(0.0); R];
            for d in 0..dim {
                let column = S::load(job.columns.as_ptr().add((chunk * dim + d) * S::LANES));
                for (r, dot) in dots.iter_mut().enumerate() {
                    *dot = S::splat(*rows.add(r * dim + d)).mul_add(column, *dot);
                }
            }
            let square = S::load(job.squares.as_ptr().add(chunk * S::LANES));
            let number = S::splat(chunk as f32);
            for r in 0..R {
                let row_square = S::splat(*job.row_squares.as_ptr().add(first + r));
                let distance = dots[r].neg_mul_add(S::splat(2.0), row_square).add(square);
                at[r] = distance.select_less(least[r], number, at[r]);
                least[r] = distance.select_less(least[r], distance, least[r]);
            }
        }
        for r in 0..R {
            least[r].store(lanes[r].as_mut_ptr());
            at[r].store(lanes[r].as_mut_ptr().add(S::LANES));
        }
    }
    lanes.map(|lanes| {
        let mut best = (f32::INFINITY, 0);
        for lane in 0..S::LANES {
            let (least, index) = (lanes[lane], lanes[S::LANES + lane] as u32 * S::LANES as u32 + lane as u32);
            if least < best.0 || (least == best.0 && least < f32::INFINITY && index < best.1) {
                best = (least, index);
            }
        }
        best.1
    })
}
