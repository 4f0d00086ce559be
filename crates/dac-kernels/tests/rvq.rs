//! Linear maps and searches for nearest codebook rows against the reference.

mod common;
use common::*;
use dac_kernels::*;

#[test]
fn linear_matches_the_reference() {
    for isa in Isa::available() {
        for (rows, features, outputs) in [(0, 5, 3), (1, 100, 8), (7, 8, 100), (63, 1, 1), (29, 300, 33)] {
            let (weight, bias) = (noise(features * outputs, 1), noise(outputs, 2));
            let x = noise(rows * features, 3);
            let linear = Linear::new(isa, features, &weight, &bias).unwrap();
            let mut y = vec![7.0];
            // The incomplete last row is ignored.
            linear.apply(&[&x[..], &noise(features - 1, 4)].concat(), &mut y);
            let want = reference::linear(&weight, &bias, &x);
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
            assert_eq!(codes, reference::nearest(&book, dim, &e), "{isa}, {dim} x {size}");
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
