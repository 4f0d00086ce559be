//! Pipelines whose weights were packed earlier.

mod common;
use common::*;
use dac_kernels::*;
use std::{ops::Range, sync::Arc};

const ALIGNMENT: usize = PACKED_ALIGNMENT / size_of::<f32>();

/// Memory whose values begin on a cache line.
struct Aligned(Vec<f32>, usize);

impl AsRef<[f32]> for Aligned {
    fn as_ref(&self) -> &[f32] {
        &self.0[self.1..]
    }
}

/// Copies the packed weights of a pipeline into one memory.
fn copy(pipeline: &Pipeline) -> (SharedValues, Vec<Range<usize>>) {
    let (mut words, mut ranges) = (Vec::new(), Vec::new());
    for section in pipeline.packed() {
        ranges.push(words.len()..words.len() + section.words().len());
        words.extend_from_slice(section.words());
        words.resize(words.len().next_multiple_of(ALIGNMENT), 0.0);
    }
    let mut memory = vec![0.0; words.len() + ALIGNMENT];
    let start = memory.as_ptr().align_offset(PACKED_ALIGNMENT);
    memory[start..start + words.len()].copy_from_slice(&words);
    (Arc::new(Aligned(memory, start)), ranges)
}

fn all_options() -> Vec<PipelineOptions> {
    let precisions = [Precision::F32, Precision::Exact, Precision::Bf16];
    let schedules = [Schedule::Throughput, Schedule::LowLatency];
    let options = Isa::available().into_iter().flat_map(|isa| {
        precisions.into_iter().filter(move |p| p.check(isa).is_ok()).flat_map(move |precision| {
            schedules.map(|schedule| PipelineOptions { isa, precision, schedule, ..Default::default() })
        })
    });
    options.collect()
}

#[test]
fn prepared_weights_give_the_same_bytes() {
    for options in all_options() {
        for net in nets().into_iter().chain([Net::decoder(192, &[4, 2], 16)]) {
            let what = format!("{} {} {} {:?}", net.name, options.isa, options.precision, options.schedule);
            let packed = net.pipeline(options.clone());
            assert!(packed.packed().iter().all(|section| section.first_non_finite().is_none()), "{what}");
            let x = noise(300 * net.in_channels(), 5);
            let want = run(&packed, &x);
            let (memory, ranges) = copy(&packed);
            let sections = PackedSections::new(memory, ranges).unwrap();
            let builder = Pipeline::builder(options.clone()).prepared(sections);
            let prepared = net.without_values().build(builder).unwrap();
            assert_same(&run(&prepared, &x), &want, &what);
            assert_eq!(prepared.weight_bytes(), packed.weight_bytes());
        }
    }
}

#[test]
fn sections_of_other_layers_are_refused() {
    let (net, options) = (Net::decoder(16, &[5, 2], 3), PipelineOptions::default());
    let (memory, ranges) = copy(&net.pipeline(options.clone()));
    let build = |ranges: &[Range<usize>]| {
        let sections = PackedSections::new(memory.clone(), ranges.to_vec())?;
        net.build(Pipeline::builder(options.clone()).prepared(sections)).map(drop)
    };
    build(&ranges).unwrap();
    let text = |ranges: &[Range<usize>]| build(ranges).unwrap_err().to_string();
    let wrong_length = "the prepared weights do not fit the pipeline: \
                        a section does not have the length of its layer";
    assert_eq!(text(&ranges[1..]), wrong_length);
    assert_eq!(text(&ranges[..ranges.len() - 1]), wrong_length);
    let more: Vec<_> = ranges.iter().cloned().chain(std::iter::once(0..16)).collect();
    assert!(text(&more).ends_with("there are more sections than the layers need"));
    let mut outside = ranges.clone();
    outside.last_mut().unwrap().end += 1 << 30;
    assert!(text(&outside).ends_with("a section is outside the memory"));
    let shifted: Vec<_> = ranges.iter().map(|r| r.start + 1..r.end + 1).collect();
    assert!(text(&shifted[..1]).ends_with("a section does not begin on a cache line"));
}

#[test]
fn values_that_overflow_while_packing_are_found() {
    let net = |value: f32| {
        let (params, options) = (
            ConvParams { in_channels: 32, out_channels: 32, kernel: 7, stride: 1, dilation: 1, padding: 3 },
            PipelineOptions::default(),
        );
        let weight = vec![value; 32 * 32 * 7];
        Pipeline::builder(options).conv(params, &weight, &[0.0; 32]).build().unwrap()
    };
    let finite = |pipeline: &Pipeline| pipeline.packed().iter().all(|s| s.first_non_finite().is_none());
    assert!(finite(&net(1.0)));
    assert!(!finite(&net(f32::MAX)), "Winograd weights are sums of several values");
    for isa in Isa::available().into_iter().filter(|&isa| Precision::Bf16.check(isa).is_ok()) {
        let options = PipelineOptions { isa, precision: Precision::Bf16, ..Default::default() };
        let params =
            ConvParams { in_channels: 64, out_channels: 64, kernel: 1, stride: 1, dilation: 1, padding: 0 };
        let mut weight = vec![1.0; 64 * 64];
        weight[77] = f32::MAX;
        let pipeline = Pipeline::builder(options).conv(params, &weight, &[0.0; 64]).build().unwrap();
        assert!(!finite(&pipeline), "bf16 rounds the largest f32 to infinity");
    }
}

/// FNV-1a of the bits of all packed weights.
fn checksum(options: &PipelineOptions) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let nets = [Net::decoder(192, &[4, 2], 16), Net::encoder(16, &[2, 4], 12), Net::decoder(24, &[5], 10)];
    for net in nets {
        let pipeline = net.pipeline(options.clone());
        for word in pipeline.packed().iter().flat_map(PackedSection::words) {
            hash = (hash ^ u64::from(word.to_bits())).wrapping_mul(0x100_0000_01b3);
        }
    }
    hash
}

/// If this fails, packing has changed: raise `PACKED_LAYOUT`, so that files with the old layout are not used,
/// and enter the new checksums, which the message lists.
#[test]
fn packed_weights_have_the_layout_of_their_version() {
    let known: &[(&str, u64)] = match PACKED_LAYOUT {
        1 => &[
            ("portable f32 Throughput", 0x749d600bf6725c70),
            ("portable f32 LowLatency", 0x6d4bf68b3caebed0),
            ("portable exact Throughput", 0x207a39a357713a62),
            ("portable exact LowLatency", 0x207a39a357713a62),
            ("portable bf16 Throughput", 0xfcf3ddfeb55e7865),
            ("portable bf16 LowLatency", 0xc73d1a7a9f5f2df7),
            ("avx2 f32 Throughput", 0x4a34080ab5277ddc),
            ("avx2 f32 LowLatency", 0x0c6fe639b0d392f8),
            ("avx2 exact Throughput", 0x72ef85f04fb4e6f2),
            ("avx2 exact LowLatency", 0x72ef85f04fb4e6f2),
            ("avx512 f32 Throughput", 0xc52e0259eb60baf8),
            ("avx512 f32 LowLatency", 0xc39b05afff81bf34),
            ("avx512 exact Throughput", 0x109aec1bf35af042),
            ("avx512 exact LowLatency", 0x109aec1bf35af042),
            ("avx512 bf16 Throughput", 0xe1390ee1889fafed),
            ("avx512 bf16 LowLatency", 0xf851318186731293),
        ],
        _ => &[],
    };
    let mut wrong = String::new();
    for options in all_options() {
        let PipelineOptions { isa, precision, schedule, .. } = &options;
        let name = format!("{isa} {precision} {schedule:?}");
        let found = checksum(&options);
        match known.iter().find(|(known, _)| *known == name) {
            Some((_, expected)) if *expected == found => {}
            // Checksums of instruction sets that the author's machine lacks are not listed.
            None if !["portable", "avx2", "avx512"].contains(&isa.name()) => {}
            _ => wrong += &format!("(\"{name}\", {found:#018x}),\n"),
        }
    }
    assert!(wrong.is_empty(), "layout {PACKED_LAYOUT}:\n{wrong}");
}
