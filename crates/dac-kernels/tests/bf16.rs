//! Pipelines with bf16 against the reference, and the errors of instruction sets without bf16.
#![allow(clippy::print_stdout)]

mod common;
use common::*;
use dac_kernels::*;
use fastrand::Rng;

const ROWS: [usize; 5] = [0, 1, 7, 63, 1025];

/// Returns the instruction sets that support bf16 on this processor.
fn bf16_isas() -> Vec<Isa> {
    Isa::available().into_iter().filter(|&isa| Precision::Bf16.check(isa).is_ok()).collect()
}

fn options(isa: Isa, precision: Precision) -> PipelineOptions {
    PipelineOptions { isa, precision, threads: Threads::Count(1), ..Default::default() }
}

/// Rounds to the nearest bf16, ties to even.
fn round_to_bf16(values: &[f32]) -> Vec<f32> {
    let nearest = |v: &f32| {
        let bits = v.to_bits();
        f32::from_bits((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000)
    };
    values.iter().map(nearest).collect()
}

#[test]
fn convolutions_match_the_reference_on_rounded_values() {
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
            bf16_isas().into_iter().map(|isa| (isa, net.pipeline(options(isa, Precision::Bf16)))).collect();
        for layer in &mut net.layers {
            if let Layer::Conv(_, weight, _) | Layer::Transpose(_, weight, _) = layer {
                *weight = round_to_bf16(weight);
            }
        }
        for rows in ROWS {
            let x = noise(rows * net.in_channels(), 31);
            let want = net.reference(&round_to_bf16(&x));
            for (isa, pipeline) in &pipelines {
                assert_eq!(pipeline.layers(rows)[0].method, "direct bf16", "{}", net.name);
                assert_within(&run(pipeline, &x), &want, 1e-5, &format!("{} {isa}, {rows} rows", net.name));
            }
        }
    }
}

#[test]
fn whole_networks_are_close_to_the_reference() {
    let residual = |channels| Net::new("residual", channels).residual(9, 27).residual(1, 3);
    let mut all = nets();
    all.extend([residual(96), residual(24), Net::decoder(64, &[4, 2], 32), Net::encoder(32, &[2, 4], 10)]);
    for net in all {
        for rows in [0, 1, 7, 63, 130] {
            let x = noise(rows * net.in_channels(), 32);
            let want = net.reference(&x);
            for isa in bf16_isas() {
                let pipeline = net.pipeline(options(isa, Precision::Bf16));
                let got = run(&pipeline, &x);
                let what = format!("{} {isa}, {rows} rows", net.name);
                assert_within(&got, &want, 0.3, &what);
                // The rounding must show in every network that uses bf16 at all.
                let used = pipeline.layers(rows).iter().any(|layer| layer.method.contains("bf16"));
                let largest = got.iter().zip(&want).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
                assert!(!used || rows < 63 || largest > 1e-3, "{what}: largest difference {largest}");
            }
        }
    }
}

#[test]
fn thread_counts_and_push_sizes_do_not_change_the_output() {
    for net in [Net::decoder(192, &[4, 2], 32), Net::encoder(32, &[2, 5], 12)] {
        let channels = net.in_channels();
        let rows = if channels == 1 { 3000 } else { 150 };
        let x = noise(rows * channels, 33);
        for isa in bf16_isas() {
            let want = run(&net.pipeline(options(isa, Precision::Bf16)), &x);
            for threads in [Threads::Count(1), Threads::Count(2), Threads::Count(3)] {
                let options = PipelineOptions { threads, ..options(isa, Precision::Bf16) };
                let pipeline = net.pipeline(options);
                let mut random = Rng::with_seed(3);
                let got = run_in_pieces(&mut pipeline.stream(), &x, channels, || random.usize(..rows / 3));
                assert_same(&got, &want, &format!("{} {isa} in pieces", net.name));
            }
        }
    }
}

#[test]
fn isas_without_bf16_report_the_missing_feature() {
    for isa in [Isa::Avx2, Isa::Neon] {
        let error = Precision::Bf16.check(isa).unwrap_err();
        assert!(error.to_string().contains("AVX512_BF16"), "{error}");
        assert_eq!(Precision::F32.check(isa), Ok(()));
    }
    for isa in Isa::available().into_iter().filter(|isa| !bf16_isas().contains(isa)) {
        let p = ConvParams { in_channels: 1, out_channels: 1, kernel: 1, stride: 1, dilation: 1, padding: 0 };
        let built = Pipeline::builder(options(isa, Precision::Bf16)).conv(p, &[1.0], &[0.0]).build();
        assert!(matches!(built, Err(KernelError::PrecisionUnavailable { precision: "bf16", .. })));
    }
    if !bf16_isas().contains(&Isa::Avx512) {
        println!("this processor does not support AVX512_BF16: only the portable kernels were tested");
    }
}
