//! The kernels, written once over vector registers and compiled for each instruction set.
//!
//! This is the only place with unsafe code. The generic kernels check the lengths of their slices, then work on
//! pointers; [`Kernels::for_level`] hands out a table only where the processor has its instruction set.
#![allow(unsafe_code)]

mod gemm;
mod pages;
mod peak;
mod pointwise;
mod simd;
mod transform;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

pub(crate) use gemm::Gemm;
pub(crate) use pages::advise_huge;
pub(crate) use peak::Peak;
pub(crate) use pointwise::{Dots, SnakeRows};
pub(crate) use transform::{Coefficients, Forward, Inverse};

use crate::CpuLevel;

/// The kernels of one instruction set with the shape of its register tile.
pub(crate) struct Kernels {
    /// Values in a register.
    pub(crate) lanes: usize,
    /// Rows of a register tile.
    pub(crate) rows: usize,
    /// Columns of a register tile, hence of a packed panel.
    pub(crate) columns: usize,
    pub(crate) gemm: fn(Gemm<'_>),
    pub(crate) forward: fn(Forward<'_>),
    pub(crate) inverse: fn(Inverse<'_>),
    pub(crate) snake_rows: fn(SnakeRows<'_>),
    pub(crate) dots: fn(Dots<'_>),
    pub(crate) peak: fn(Peak<'_>),
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernels({} x {})", self.rows, self.columns)
    }
}

impl Kernels {
    /// The kernels of a level, or the portable ones where the processor lacks it.
    pub(crate) fn for_level(level: CpuLevel) -> &'static Self {
        match level {
            #[cfg(target_arch = "x86_64")]
            CpuLevel::Avx512 if level.is_available() => &avx512::KERNELS,
            #[cfg(target_arch = "x86_64")]
            CpuLevel::Avx2 if level.is_available() => &avx2::KERNELS,
            #[cfg(target_arch = "aarch64")]
            CpuLevel::Neon if level.is_available() => &neon::KERNELS,
            _ => &portable::KERNELS,
        }
    }
}

/// Compiles every kernel for one instruction set.
macro_rules! kernels {
    ($simd:ident, $features:tt, rows $rows:literal, $mid:literal, $low:literal, vectors $vectors:literal) => {
        super::kernels!(@table $simd, $rows, $vectors,
            gemm: super::Gemm<'_> => super::gemm::gemm::<$simd, $rows, $mid, $low, $vectors>, $features;
            forward: super::Forward<'_> => super::transform::forward::<$simd>, $features;
            inverse: super::Inverse<'_> => super::transform::inverse::<$simd, $rows, $vectors>, $features;
            snake_rows: super::SnakeRows<'_> => super::pointwise::snake_rows::<$simd>, $features;
            dots: super::Dots<'_> => super::pointwise::dots::<$simd>, $features;
            peak: super::Peak<'_> => super::peak::peak::<$simd>, $features;
        );
    };
    (@table $simd:ident, $rows:literal, $vectors:literal,
        $($name:ident: $job:ty => $kernel:expr, $features:tt;)*) => {
        $(
            fn $name(job: $job) {
                super::kernels!(@enable $features, $job, $kernel);
                // SAFETY: the table with this function is handed out only where the processor has the
                // instruction set (`Kernels::for_level`).
                unsafe { enabled(job) }
            }
        )*
        pub(super) static KERNELS: super::Kernels = super::Kernels {
            lanes: <$simd as super::simd::Simd>::LANES,
            rows: $rows,
            columns: $vectors * <$simd as super::simd::Simd>::LANES,
            $($name,)*
        };
    };
    (@enable "", $job:ty, $kernel:expr) => {
        unsafe fn enabled(job: $job) {
            // SAFETY: plain Rust needs no instruction set.
            unsafe { $kernel(job) }
        }
    };
    (@enable $features:tt, $job:ty, $kernel:expr) => {
        #[target_feature(enable = $features)]
        unsafe fn enabled(job: $job) {
            // SAFETY: this function has the instruction set enabled, and its caller vouches for it.
            unsafe { $kernel(job) }
        }
    };
}
use kernels;

#[cfg(test)]
mod bench {
    use super::*;
    #[test]
    #[ignore]
    fn gemm_speed() {
        use crate::buffer::Aligned;
        let k = Kernels::for_level(CpuLevel::detect());
        for (depth, tiles, points, panels, group) in [(96,72,12,3,1),(192,72,12,6,1),(192,36,12,6,1),(384,36,12,12,1),(384,72,12,12,1),(384,72,12,12,4),(384,144,12,12,12),(768,144,12,24,1),(768,144,12,24,24),(1536,96,4,192,1),(1536,96,4,192,24)] {
            let mut a = Aligned::zeros(tiles*points*depth);
            let mut b = Aligned::zeros(points*panels*depth*k.columns);
            let mut c = Aligned::zeros(points*tiles*group*k.columns);
            a.at_least(tiles*points*depth).iter_mut().enumerate().for_each(|(i,x)| *x = (i%7) as f32*0.1);
            b.at_least(points*panels*depth*k.columns).iter_mut().enumerate().for_each(|(i,x)| *x = (i%5) as f32*0.1);
            let mut best = 1e9_f64;
            let peak = crate::fma_peak(CpuLevel::detect());
            for _ in 0..10 {
                let t = std::time::Instant::now();
                for outer in 0..panels/group { for p in 0..points { for inner in 0..group {
                    let panel = outer*group+inner;
                    (k.gemm)(Gemm { a: &a.as_slice()[p*depth*k.rows..], block_stride: points*depth*k.rows, chunk_stride: k.rows*k.lanes, chunks: depth/k.lanes,
                        b: &b.as_slice()[((outer*points+p)*group+inner)*depth*k.columns..][..depth*k.columns], rows: tiles, c: &mut c.at_least(points*group*tiles*k.columns)[(p*group+inner)*tiles*k.columns..], c_stride: k.columns, bias: None, residual: None });
                    let _ = panel;
                }}}
                best = best.min(t.elapsed().as_secs_f64());
            }
            let gf = 2.0*(tiles*points*panels*depth*k.columns) as f64/best/1e9;
            let cpu = || { let s = std::fs::read_to_string("/proc/self/stat").unwrap(); let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect(); (f[11].parse::<f64>().unwrap()+f[12].parse::<f64>().unwrap())/100.0 };
            let (c0, n) = (cpu(), (2e11 / (2.0*(tiles*points*panels*depth*k.columns) as f64)) as usize);
            for _ in 0..n {
                for outer in 0..panels/group { for p in 0..points { for inner in 0..group {
                    (k.gemm)(Gemm { a: &a.as_slice()[p*depth*k.rows..], block_stride: points*depth*k.rows, chunk_stride: k.rows*k.lanes, chunks: depth/k.lanes,
                        b: &b.as_slice()[((outer*points+p)*group+inner)*depth*k.columns..][..depth*k.columns], rows: tiles, c: &mut c.at_least(points*group*tiles*k.columns)[(p*group+inner)*tiles*k.columns..], c_stride: k.columns, bias: None, residual: None });
                }}}
            }
            let avg = 2.0*(tiles*points*panels*depth*k.columns*n) as f64 / (cpu()-c0) / 1e9;
            let c0 = cpu();
            let mut sums=[0.999f32;12];
            for _ in 0..1300 { (k.peak)(Peak{repeats: 400_000, sums: &mut sums}); }
            let pk = 1300.0*Peak::flops(400_000, k.lanes)/(cpu()-c0)/1e9;
            println!("avg {avg:.0} peak avg {pk:.0} = {:.0}%", avg/pk*100.0);
            println!("K {depth} tiles {tiles} points {points} panels {panels} group {group}: {gf:.0} GFLOP/s {:.0}%", gf*1e11/peak);
        }
    }
}
