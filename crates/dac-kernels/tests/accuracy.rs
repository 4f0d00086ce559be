//! Rounding errors of single layers, with Winograd and with direct convolution.
#![allow(clippy::print_stdout)]

mod common;
use common::*;
use dac_kernels::*;

/// Returns the rms error of a pipeline against the reference, relative to the rms of the output.
fn relative_error(net: &Net, precision: Precision) -> f64 {
    let x = noise(60 * net.in_channels(), 5);
    let want = net.reference(&x);
    let pipeline = net.pipeline(PipelineOptions { precision, ..Default::default() });
    let got = run(&pipeline, &x);
    assert_eq!(got.len(), want.len());
    let square = |v: f32| f64::from(v) * f64::from(v);
    let error: f64 = got.iter().zip(&want).map(|(a, b)| square(a - b)).sum();
    let whole: f64 = want.iter().map(|&v| square(v)).sum();
    let error = (error / whole).sqrt();
    println!("{:12} {precision} {} {error:.2e}", net.name, pipeline.layers(60)[0].method);
    error
}

#[test]
fn single_layers_stay_within_their_error_bounds() {
    for (net, bound) in [
        (Net::new("k7 d1", 96).conv(64, 7, 1, 1, 3), 5e-6),
        (Net::new("k7 d9", 96).conv(64, 7, 1, 9, 27), 5e-6),
        (Net::new("k3", 96).conv(64, 3, 1, 1, 1), 1.5e-6),
        (Net::new("strided 2", 32).conv(64, 4, 2, 1, 1), 1.5e-6),
        (Net::new("strided 8", 128).conv(256, 16, 8, 1, 4), 1.5e-6),
        (Net::new("transposed 2", 64).transpose(32, 4, 2, 1), 1.5e-6),
        (Net::new("transposed 8", 256).transpose(256, 16, 8, 4), 1.5e-6),
    ] {
        assert!(relative_error(&net, Precision::Exact) < 5e-7);
        assert!(relative_error(&net, Precision::F32) < bound);
    }
}
