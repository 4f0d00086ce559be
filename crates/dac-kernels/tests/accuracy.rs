//! How far minimal filtering is from direct convolution, layer by layer.
#![allow(clippy::print_stdout)]

mod common;
use common::*;
use dac_kernels::*;

/// The rms error against the plain twin, relative to the rms of what comes out.
fn error(net: &Net, precision: Precision) -> f64 {
    let x = noise(60 * net.in_channels(), 5);
    let want = net.reference(&x);
    let pipeline = net.pipeline(PipelineOptions { precision, ..Default::default() });
    let (mut got, mut stream) = (Vec::new(), pipeline.stream());
    stream.push(&x, &mut got);
    stream.finish(&mut got);
    assert_eq!(got.len(), want.len());
    let square = |v: f32| f64::from(v) * f64::from(v);
    let error: f64 = got.iter().zip(&want).map(|(a, b)| square(a - b)).sum();
    let whole: f64 = want.iter().map(|&v| square(v)).sum();
    let error = (error / whole).sqrt();
    println!("{:12} {precision} {} {error:.2e}", net.name, pipeline.layers(60)[0].method);
    error
}

#[test]
fn errors_of_single_layers() {
    for (net, most) in [
        (Net::new("k7 d1", 96).conv(64, 7, 1, 1, 3), 5e-6),
        (Net::new("k7 d9", 96).conv(64, 7, 1, 9, 27), 5e-6),
        (Net::new("k3", 96).conv(64, 3, 1, 1, 1), 1.5e-6),
        (Net::new("strided 2", 32).conv(64, 4, 2, 1, 1), 1.5e-6),
        (Net::new("strided 8", 128).conv(256, 16, 8, 1, 4), 1.5e-6),
        (Net::new("transposed 2", 64).transpose(32, 4, 2, 1), 1.5e-6),
        (Net::new("transposed 8", 256).transpose(256, 16, 8, 4), 1.5e-6),
    ] {
        assert!(error(&net, Precision::Exact) < 5e-7);
        assert!(error(&net, Precision::F32) < most);
    }
}
