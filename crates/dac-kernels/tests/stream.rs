//! Streams against the reference on whole signals, and errors of the builder.

mod common;
use common::*;
use dac_kernels::*;
use fastrand::Rng;

#[test]
fn whole_pushes_match_the_reference() {
    for net in nets() {
        for rows in [0, 1, 2, 7, 40, 131] {
            let x = noise(rows * net.in_channels(), 77);
            let want = net.reference(&x);
            let pipeline = net.pipeline(PipelineOptions::default());
            assert_eq!(pipeline.rows_out(rows) * pipeline.out_channels(), want.len(), "{} {rows}", net.name);
            assert_close(&run(&pipeline, &x), &want, &format!("{} {rows}", net.name));
        }
    }
}

#[test]
fn pushes_of_any_size_give_the_same_bits() {
    for net in nets() {
        let pipeline = net.pipeline(PipelineOptions::default());
        let channels = net.in_channels();
        let mut stream = pipeline.stream();
        for rows in [1, 5, 64, 133] {
            let x = noise(rows * channels, 78);
            let mut want = Vec::new();
            stream.push(&x, &mut want);
            stream.finish(&mut want);
            for seed in 0..6 {
                let mut sizes = Rng::with_seed(seed);
                let size = || if seed == 0 { 1 } else { sizes.usize(..20) };
                let got = run_in_pieces(&mut stream, &x, channels, size);
                assert_same(&got, &want, &format!("{} {rows} rows, seed {seed}", net.name));
            }
        }
    }
}

#[test]
fn nan_and_infinity_do_not_survive_finish_and_reset() {
    // A row of the first layer has fewer values than a register.
    let net = Net::new("narrow", 1).conv(24, 7, 1, 1, 3).conv(24, 7, 1, 1, 3);
    for isa in Isa::available() {
        let pipeline = net.pipeline(PipelineOptions { isa, ..Default::default() });
        let x = noise(300, 81);
        let want = run(&pipeline, &x);
        let mut stream = pipeline.stream();
        for invalid in [f32::NAN, f32::INFINITY] {
            let (mut got, mut scrap) = (Vec::new(), Vec::new());
            stream.push(&vec![invalid; 300], &mut scrap);
            stream.finish(&mut scrap);
            stream.push(&vec![invalid; 300], &mut scrap);
            stream.reset();
            stream.push(&x, &mut got);
            stream.finish(&mut got);
            assert_same(&got, &want, &format!("{isa}, after {invalid}"));
        }
    }
}

#[test]
fn reset_discards_the_signal() {
    let net = &nets()[0];
    let mut stream = net.pipeline(PipelineOptions::default()).stream();
    let x = noise(50 * net.in_channels(), 79);
    let (mut a, mut b, mut scrap) = (Vec::new(), Vec::new(), Vec::new());
    stream.push(&x, &mut a);
    stream.finish(&mut a);
    stream.push(&noise(31 * net.in_channels(), 80), &mut scrap);
    stream.reset();
    stream.push(&x, &mut b);
    stream.finish(&mut b);
    assert_same(&a, &b, "after reset");
}

#[test]
fn invalid_layers_are_refused() {
    let p = ConvParams { in_channels: 2, out_channels: 3, kernel: 3, stride: 1, dilation: 1, padding: 1 };
    let build = |b: PipelineBuilder| b.build().map(|_| ());
    let builder = || Pipeline::builder(PipelineOptions::default());
    assert_eq!(build(builder()), Err(KernelError::Empty));
    let short_weight = build(builder().conv(p, &[0.0; 17], &[0.0; 3]));
    assert_eq!(short_weight, Err(KernelError::Length { what: "conv weight", expected: 18, found: 17 }));
    let wrong_channels = build(builder().conv(p, &[0.0; 18], &[0.0; 3]).snake(&[1.0; 4]));
    assert_eq!(wrong_channels, Err(KernelError::Channels { what: "snake", expected: 3, found: 4 }));
    let zero_stride = build(builder().conv(ConvParams { stride: 0, ..p }, &[0.0; 18], &[0.0; 3]));
    assert!(matches!(zero_stride, Err(KernelError::Parameter { what: "stride", .. })));
}

#[test]
fn every_builder_call_is_implemented_by_one_layer() {
    let conv = |in_channels, out_channels| ConvParams {
        in_channels,
        out_channels,
        kernel: 3,
        stride: 1,
        dilation: 1,
        padding: 1,
    };
    let pipeline = Pipeline::builder(PipelineOptions::default())
        .snake(&[1.0; 3])
        .snake(&[1.0; 3])
        .conv(conv(3, 40), &[0.1; 360], &[0.0; 40])
        .conv(conv(40, 2), &[0.1; 240], &[0.0; 2])
        .snake(&[1.0; 2])
        .tanh()
        .build()
        .unwrap();
    let layers = pipeline.layers(10);
    let calls: Vec<_> = layers.iter().map(|l| l.calls.clone()).filter(|calls| !calls.is_empty()).collect();
    // The first snake is a layer; the second is fused with the convolution after it, the tanh with the layer
    // before.
    assert_eq!(calls, [0..1, 1..3, 3..4, 4..6]);
}
