//! Nearest-row search in a codebook.

use super::simd::Simd;

/// The most lanes that a register has.
const MOST_LANES: usize = 16;

/// Rows that share one pass over the codebook: each of its values is loaded once for all of them.
const TOGETHER: usize = 4;

/// For each row e the first codebook row c with the least `(‖e‖² − 2·e·c) + ‖c‖²`; 0 where that is NaN for all.
pub(crate) struct Search<'a> {
    /// `[rows][dim]`
    pub(crate) rows: &'a [f32],
    /// `‖e‖²` of each row.
    pub(crate) lengths: &'a [f32],
    pub(crate) dim: usize,
    /// `[size / LANES][dim][LANES]`
    pub(crate) columns: &'a [f32],
    /// `‖c‖²`, `[size]` in whole registers; infinite where there is no codebook row.
    pub(crate) squares: &'a [f32],
    /// One index for each row.
    pub(crate) out: &'a mut [u32],
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn search<S: Simd>(job: Search<'_>) {
    let (rows, chunks) = (job.lengths.len(), job.squares.len() / S::LANES);
    assert!(job.rows.len() >= rows * job.dim && job.out.len() >= rows, "rows");
    assert!(job.columns.len() >= chunks * job.dim * S::LANES, "the codebook is too short");
    assert!(S::LANES <= MOST_LANES, "lanes");
    // The numbers of chunks are kept in registers of f32.
    assert!(chunks < 1 << f32::MANTISSA_DIGITS, "the codebook is too long");
    let mut row = 0;
    // SAFETY: `row + R <= rows`, for which the asserts vouch.
    unsafe {
        while row + TOGETHER <= rows {
            search_rows::<S, TOGETHER>(&job, row)
                .into_iter()
                .zip(&mut job.out[row..])
                .for_each(|(i, o)| *o = i);
            row += TOGETHER;
        }
        while row < rows {
            job.out[row] = search_rows::<S, 1>(&job, row)[0];
            row += 1;
        }
    }
}

/// # Safety
/// The processor has the instruction set of `S`; `first + R` rows and the codebook are there.
#[inline(always)]
unsafe fn search_rows<S: Simd, const R: usize>(job: &Search<'_>, first: usize) -> [u32; R] {
    let (dim, chunks) = (job.dim, job.squares.len() / S::LANES);
    // Of each row the least distances, then their chunks.
    let mut lanes = [[0.0_f32; 2 * MOST_LANES]; R];
    // SAFETY: rows below `first + R`, chunks below `chunks`, the caller vouches for both.
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
                let length = S::splat(*job.lengths.as_ptr().add(first + r));
                let distance = dots[r].neg_mul_add(S::splat(2.0), length).add(square);
                at[r] = distance.where_less(least[r], number, at[r]);
                least[r] = distance.where_less(least[r], distance, least[r]);
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
