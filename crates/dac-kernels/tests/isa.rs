//! Every instruction set, precision, schedule and thread count against the reference.

mod common;
use common::*;
use dac_kernels::*;
use fastrand::Rng;

const ROWS: [usize; 5] = [0, 1, 7, 63, 1025];

/// Returns networks with every kind of layer, with odd numbers of channels too.
fn single_layers() -> Vec<Net> {
    let mut nets = Vec::new();
    for channels in [1, 3, 8, 10, 12, 24, 96, 100] {
        let net = |name: &str| Net::new(&format!("{name} {channels}"), channels);
        nets.push(net("wide").conv(12, 7, 1, 3, 9));
        nets.push(net("single output").snake().conv(1, 7, 1, 1, 3).tanh());
        nets.push(net("three taps").conv(10, 3, 1, 1, 1).snake());
        if channels <= 24 {
            nets.push(net("residual").residual(9, 27).residual(1, 3));
            nets.push(net("strided").snake().conv(24, 8, 4, 1, 2));
            nets.push(net("transposed").snake().transpose(8, 10, 5, 3));
            nets.push(net("transposed with stride 1").snake().transpose(1, 3, 1, 1));
            nets.push(net("transposed with stride 1 to 5").snake().transpose(5, 2, 1, 0));
        }
    }
    nets
}

#[test]
fn every_isa_matches_the_reference() {
    for net in single_layers() {
        let inputs: Vec<Vec<f32>> = ROWS.iter().map(|rows| noise(rows * net.in_channels(), 11)).collect();
        let wants: Vec<Vec<f32>> = inputs.iter().map(|x| net.reference(x)).collect();
        for isa in Isa::available() {
            for (precision, bound) in [(Precision::F32, 1e-4), (Precision::Exact, 1e-5)] {
                let options =
                    PipelineOptions { isa, precision, threads: Threads::Count(1), ..Default::default() };
                let pipeline = net.pipeline(options);
                for (x, want) in inputs.iter().zip(&wants) {
                    let what = format!("{} {isa} {precision}, {} values", net.name, x.len());
                    assert_within(&run(&pipeline, x), want, bound, &what);
                }
            }
        }
    }
}

#[test]
fn thread_counts_and_push_sizes_do_not_change_the_output() {
    for net in [Net::decoder(192, &[4, 2], 16), Net::encoder(16, &[2, 5], 12)] {
        let channels = net.in_channels();
        let rows = if channels == 1 { 3000 } else { 150 };
        let x = noise(rows * channels, 12);
        let single = PipelineOptions { threads: Threads::Count(1), ..Default::default() };
        let want = run(&net.pipeline(single.clone()), &x);
        for threads in [Threads::Count(2), Threads::Count(3), Threads::Current] {
            let pipeline = net.pipeline(PipelineOptions { threads: threads.clone(), ..single.clone() });
            assert_same(&run(&pipeline, &x), &want, &format!("{} {threads:?}", net.name));
            let mut random = Rng::with_seed(3);
            let got = run_in_pieces(&mut pipeline.stream(), &x, channels, || random.usize(..rows / 3));
            assert_same(&got, &want, &format!("{} {threads:?} in pieces", net.name));
        }
    }
}

/// The weights of these layers are so large that all threads share each block.
#[test]
fn thread_counts_do_not_change_the_output_of_large_layers() {
    let residual = Net::new("large residual", 680).residual(1, 3);
    let strided = Net::new("large strided", 520).snake().conv(1040, 8, 4, 1, 2);
    for net in [residual, strided] {
        let x = noise(70 * net.in_channels(), 14);
        let single = PipelineOptions { threads: Threads::Count(1), ..Default::default() };
        let want = run(&net.pipeline(single.clone()), &x);
        assert_close(&want, &net.reference(&x), &net.name);
        for threads in [2, 3] {
            let options = PipelineOptions { threads: Threads::Count(threads), ..single.clone() };
            assert_same(&run(&net.pipeline(options), &x), &want, &format!("{} {threads}", net.name));
        }
    }
}

#[test]
fn low_latency_returns_every_row_as_early_as_its_input_allows() {
    let net = Net::decoder(32, &[4, 2], 16);
    let x = noise(60 * 16, 13);
    let want = net.reference(&x);
    // The layers look ahead 3 frames, then 1 + 39 rows of a quarter frame and 1 + 39 + 3 of an eighth: 19
    // frames.
    let look_ahead_rows = (3 + 10 + 6) * 8;
    for block_rows in [1, 8, 64] {
        for precision in [Precision::F32, Precision::Exact] {
            let schedule = Schedule::LowLatency;
            let pipeline =
                net.pipeline(PipelineOptions { schedule, block_rows, precision, ..Default::default() });
            let whole = run(&pipeline, &x);
            assert_within(&whole, &want, 1e-4, "low latency");
            for push in [1, 2, 3, 7, 16, 60] {
                let (mut got, mut stream) = (Vec::new(), pipeline.stream());
                let mut frames = 0;
                for rows in x.chunks(push * 16) {
                    stream.push(rows, &mut got);
                    frames += rows.len() / 16;
                    let held = frames * 8 - got.len();
                    assert!(frames < 20 || held <= look_ahead_rows, "{held} samples held back");
                }
                stream.finish(&mut got);
                assert_within(&got, &want, 1e-4, &format!("pushes of {push}"));
                if precision == Precision::Exact {
                    assert_same(&got, &whole, &format!("exact, pushes of {push}"));
                }
            }
        }
    }
}

#[test]
fn low_latency_output_depends_on_pushes_but_not_on_threads_or_earlier_signals() {
    for net in [Net::decoder(192, &[4, 2], 16), Net::encoder(16, &[2, 5], 12)] {
        let channels = net.in_channels();
        let rows = if channels == 1 { 3000 } else { 150 };
        let x = noise(rows * channels, 12);
        let sizes = || {
            let mut random = Rng::with_seed(7);
            move || 1 + random.usize(..rows / 4)
        };
        let low_latency = |threads| PipelineOptions {
            schedule: Schedule::LowLatency,
            threads: Threads::Count(threads),
            ..Default::default()
        };
        let single = net.pipeline(low_latency(1));
        let mut stream = single.stream();
        let want = run_in_pieces(&mut stream, &x, channels, sizes());
        assert_within(&want, &net.reference(&x), 1e-4, &net.name);
        assert_same(&run_in_pieces(&mut stream, &x, channels, sizes()), &want, "second signal");
        let mut other = net.pipeline(low_latency(3)).stream();
        assert_same(&run_in_pieces(&mut other, &x, channels, sizes()), &want, "three threads");
    }
}

#[test]
fn snake_of_extreme_values_stays_within_bounds() {
    let net = Net::new("snake", 3).snake().tanh();
    let values = [0.0, -0.0, 1e-30, 3.0, 100.0, -1e4, 1e5, -3e6, 1e9, -1e30, 3e38, f32::MIN_POSITIVE];
    for isa in Isa::available() {
        let mut b = Pipeline::builder(PipelineOptions { isa, ..Default::default() });
        b = b.snake(&[1.0, 0.25, 7.0]);
        let got = run(&b.build().unwrap(), &values);
        let mut want = values.to_vec();
        reference::snake(&mut want, &[1.0, 0.25, 7.0]);
        for (i, (g, w)) in got.iter().zip(&want).enumerate() {
            // αx is rounded by half a unit in the last place, where the slope of the snake is at most 1/α.
            let alpha = [1.0, 0.25, 7.0][i % 3];
            let step = values[i].abs() * 1.2e-7 + (alpha * values[i]).abs().min(1e7) * 1.2e-7 / alpha;
            let bound = if values[i].abs() < 1e6 { step + 2e-7 / alpha } else { step + 1.01 / alpha };
            assert!((g - w).abs() <= bound, "{isa}: snake of {} is {g}, expected {w}", values[i]);
        }
    }
    assert_eq!(net.reference(&[0.0; 3]), [0.0; 3]);
}

#[test]
fn names_parse_back_and_detected_isa_is_available() {
    for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Neon, Isa::Simd128, Isa::RelaxedSimd] {
        assert_eq!(isa.to_string().parse::<Isa>(), Ok(isa));
    }
    let text =
        "unknown instruction set 'sse9', expected portable, avx2, avx512, neon, simd128 or relaxed-simd";
    assert_eq!("sse9".parse::<Isa>().unwrap_err().to_string(), text);
    assert!(Isa::detect().is_available());
    assert_eq!(" Portable ".parse::<Isa>(), Ok(Isa::Portable));
    assert!(Isa::available().contains(&Isa::detect()));
}
