//! Products of bf16 against the plain chain, and what a processor without them says.
#![allow(clippy::print_stdout)]

mod common;
use common::*;
use dac_kernels::*;

const ROWS: [usize; 5] = [0, 1, 7, 63, 1025];

/// The levels that have bf16 here.
fn isas() -> Vec<Isa> {
    Isa::available().into_iter().filter(|&isa| Precision::Bf16.check(isa).is_ok()).collect()
}

fn options(isa: Isa, precision: Precision) -> PipelineOptions {
    PipelineOptions { isa, precision, threads: Threads::Count(1), ..Default::default() }
}

/// The nearest bf16, ties to even.
fn rounded(values: &[f32]) -> Vec<f32> {
    let nearest = |v: &f32| {
        let bits = v.to_bits();
        f32::from_bits((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000)
    };
    values.iter().map(nearest).collect()
}

#[test]
fn convolutions_equal_their_plain_twins_of_rounded_values() {
    for mut net in [
        Net::new("pointwise", 32).conv(40, 1, 1, 1, 0),
        Net::new("pointwise", 96).conv(7, 1, 1, 1, 0),
        Net::new("strided", 64).conv(33, 8, 4, 1, 2),
        Net::new("strided", 32).conv(24, 10, 5, 1, 3),
        Net::new("transposed", 64).transpose(32, 16, 8, 4),
        Net::new("transposed", 32).transpose(5, 10, 5, 3),
        Net::new("four taps", 32).conv(32, 4, 1, 3, 3),
    ] {
        let pipelines: Vec<_> =
            isas().into_iter().map(|isa| (isa, net.pipeline(options(isa, Precision::Bf16)))).collect();
        for layer in &mut net.layers {
            if let Layer::Conv(_, weight, _) | Layer::Transpose(_, weight, _) = layer {
                *weight = rounded(weight);
            }
        }
        for rows in ROWS {
            let x = noise(rows * net.in_channels(), 31);
            let want = net.reference(&rounded(&x));
            for (isa, pipeline) in &pipelines {
                assert_eq!(pipeline.layers(rows)[0].method, "direct bf16", "{}", net.name);
                assert_within(&run(pipeline, &x), &want, 1e-5, &format!("{} {isa}, {rows} rows", net.name));
            }
        }
    }
}

#[test]
fn whole_networks_are_near_the_plain_ones() {
    let residual = |channels| Net::new("residual", channels).residual(9, 27).residual(1, 3);
    let mut all = nets();
    all.extend([residual(96), residual(24), Net::decoder(64, &[4, 2], 32), Net::encoder(32, &[2, 4], 10)]);
    for net in all {
        for rows in [0, 1, 7, 63, 130] {
            let x = noise(rows * net.in_channels(), 32);
            let want = net.reference(&x);
            for isa in isas() {
                let pipeline = net.pipeline(options(isa, Precision::Bf16));
                let got = run(&pipeline, &x);
                let what = format!("{} {isa}, {rows} rows", net.name);
                assert_within(&got, &want, 0.3, &what);
                // Not the f32 chain by another name: where bf16 is used at all, its rounding is seen.
                let used = pipeline.layers(rows).iter().any(|layer| layer.method.contains("bf16"));
                let largest = got.iter().zip(&want).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
                assert!(!used || rows < 63 || largest > 1e-3, "{what}: largest difference {largest}");
            }
        }
    }
}

#[test]
fn threads_and_pushes_do_not_change_a_bit() {
    for net in [Net::decoder(192, &[4, 2], 32), Net::encoder(32, &[2, 5], 12)] {
        let channels = net.in_channels();
        let rows = if channels == 1 { 3000 } else { 150 };
        let x = noise(rows * channels, 33);
        for isa in isas() {
            let want = run(&net.pipeline(options(isa, Precision::Bf16)), &x);
            for threads in [Threads::Count(1), Threads::Count(2), Threads::Count(3)] {
                let options = PipelineOptions { threads, ..options(isa, Precision::Bf16) };
                let pipeline = net.pipeline(options);
                let mut random = Random::new(3);
                let got = in_pieces(&mut pipeline.stream(), &x, channels, || random.below(rows / 3));
                assert_same(&got, &want, &format!("{} {isa} in pieces", net.name));
            }
        }
    }
}

#[test]
fn a_level_without_bf16_says_what_is_missing() {
    for isa in [Isa::Avx2, Isa::Neon] {
        let error = Precision::Bf16.check(isa).unwrap_err();
        assert!(error.to_string().contains("AVX512_BF16"), "{error}");
        assert_eq!(Precision::F32.check(isa), Ok(()));
    }
    for isa in Isa::available().into_iter().filter(|isa| !isas().contains(isa)) {
        let p = ConvParams { in_channels: 1, out_channels: 1, kernel: 1, stride: 1, dilation: 1, padding: 0 };
        let built = Pipeline::builder(options(isa, Precision::Bf16)).conv(p, &[1.0], &[0.0]).build();
        assert!(matches!(built, Err(KernelError::PrecisionUnavailable { precision: "bf16", .. })));
    }
    if !isas().contains(&Isa::Avx512) {
        println!("skipped: AVX512_BF16 is missing here, so that the portable products alone were tested");
    }
}
