//! Layouts for language models, by example and by round trip.

use dac_rvq::Codes;
use dac_tokens::{Layout, LayoutError, LayoutSettings};

/// Codes 10·codebook + frame, plus 100 in channel 1.
fn codes(channels: usize, codebooks: usize, frames: usize) -> Codes {
    let code = |index: usize| {
        let (channel, rest) = (index / (codebooks * frames), index % (codebooks * frames));
        (100 * channel + 10 * (rest / frames) + rest % frames) as u16
    };
    Codes::new((0..channels * codebooks * frames).map(code).collect(), [channels, codebooks, frames]).unwrap()
}

fn settings(layout: &str, offset: usize, specials: [Option<u16>; 3]) -> LayoutSettings {
    let mut settings = LayoutSettings::new(layout.parse().unwrap());
    settings.codebook_offset = offset;
    [settings.bos, settings.eos, settings.pad] = specials;
    settings
}

#[test]
fn each_layout_has_its_order() {
    let codes = codes(1, 3, 2);
    let arranged = |layout: &str, offset, specials| {
        let arranged = settings(layout, offset, specials).arrange(&codes, Some(50)).unwrap();
        (arranged.shape(), arranged.into_vec())
    };
    let none = [None; 3];
    assert_eq!(arranged("frames", 0, none), ([1, 2, 3], vec![0, 10, 20, 1, 11, 21]));
    assert_eq!(arranged("flat", 0, none), ([1, 1, 6], vec![0, 1, 10, 11, 20, 21]));
    assert_eq!(arranged("interleaved", 100, none), ([1, 1, 6], vec![0, 110, 220, 1, 111, 221]));
    assert_eq!(
        arranged("flat", 0, [Some(50), Some(51), None]),
        ([1, 1, 8], vec![50, 0, 1, 10, 11, 20, 21, 51])
    );
    assert_eq!(
        arranged("frames", 0, [Some(50), Some(51), None]),
        ([1, 4, 3], vec![50, 50, 50, 0, 10, 20, 1, 11, 21, 51, 51, 51])
    );
    // MusicGen: padding on both sides.
    let p = 60;
    assert_eq!(
        arranged("delay", 0, [None, None, Some(p)]),
        ([1, 3, 4], vec![0, 1, p, p, p, 10, 11, p, p, p, 20, 21])
    );
    // Parler-TTS and Dia: BOS before, EOS after each codebook, then PAD.
    let (b, e) = (50, 51);
    assert_eq!(
        arranged("delay:0,2,1", 0, [Some(b), Some(e), Some(p)]),
        ([1, 3, 6], vec![b, 0, 1, e, p, p, b, b, b, 10, 11, e, b, b, 20, 21, e, p])
    );
}

#[test]
fn every_layout_is_restored() {
    let mut random = 1_u32;
    let mut next = |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % below
    };
    for round in 0..600 {
        let shape = [1 + next(2) as usize, 1 + next(9) as usize, next(12) as usize];
        let values: Vec<u16> = (0..shape.iter().product()).map(|_| next(1024) as u16).collect();
        let codes = Codes::new(values, shape).unwrap();
        let delays: Vec<_> = (0..shape[1]).map(|_| next(15).to_string()).collect();
        let layout = ["frames", "flat", "interleaved", "delay", &format!("delay:{}", delays.join(","))]
            [round % 5]
            .to_owned();
        let offset = if next(2) == 0 { 0 } else { 1024 + next(9) as usize };
        let first = ((shape[1] - 1) * offset + 1024) as u16;
        let mut special = |index: u16| (next(2) == 0).then_some(first + index);
        let mut specials = [special(0), special(1), special(2)];
        if layout.starts_with("delay") {
            specials[2] = Some(first + 2);
        }
        let settings = settings(&layout, offset, specials);
        assert_eq!(settings.layout.to_string(), layout);
        let arranged = settings.arrange(&codes, Some(1024)).unwrap();
        let restored = settings.restore(&arranged, Some(shape[1])).unwrap();
        assert_eq!(restored, codes, "{settings:?}");
    }
}

#[test]
fn what_a_language_model_stopped_within_is_restored_up_to_there() {
    let delay = settings("delay", 0, [None, Some(50), Some(60)]);
    // Codebook 1 ended two frames after the last whole one.
    let generated = Codes::new(vec![1, 2, 3, 50, 60, 60, 11, 12, 60, 60], [1, 2, 5]).unwrap();
    assert_eq!(delay.restore(&generated, None).unwrap().into_vec(), [1, 2, 11, 12]);
    let interleaved = settings("interleaved", 100, [None; 3]);
    let generated = Codes::new(vec![1, 101, 2, 102, 3], [1, 1, 5]).unwrap();
    assert_eq!(interleaved.restore(&generated, Some(2)).unwrap().into_vec(), [1, 2, 1, 2]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let codes = codes(1, 3, 2);
    let arrange =
        |layout: &str, offset, specials| settings(layout, offset, specials).arrange(&codes, Some(1024));
    assert_eq!(arrange("delay", 0, [None; 3]), Err(LayoutError::NoPad));
    assert_eq!(arrange("delay:0,1", 0, [None; 3]), Err(LayoutError::Delays { found: 2, codebooks: 3 }));
    let special = arrange("flat", 1024, [Some(3000), None, None]);
    assert_eq!(special, Err(LayoutError::Special { token: 3000, first: 3072 }));
    assert!(matches!(arrange("flat", 40_000, [None; 3]), Err(LayoutError::TooLarge { .. })));
    let restore = |layout: &str, tokens: Vec<u16>, shape, codebooks| {
        settings(layout, 100, [None; 3]).restore(&Codes::new(tokens, shape).unwrap(), codebooks).unwrap_err()
    };
    assert_eq!(
        restore("flat", vec![1, 2, 3], [1, 1, 3], Some(2)),
        LayoutError::Length { found: 3, codebooks: 2 }
    );
    assert_eq!(restore("flat", vec![1, 2], [1, 1, 2], None), LayoutError::NoCodebooks);
    assert!(matches!(restore("flat", vec![1, 2], [1, 2, 1], Some(2)), LayoutError::Shape { .. }));
    let wrong = restore("interleaved", vec![1, 99], [1, 1, 2], Some(2));
    assert_eq!(wrong, LayoutError::Token { found: 99, frame: 0, codebook: 1, first: 100 });
    for text in ["", "delays", "delay:", "delay:1,x", "delay:10001", "flat:1"] {
        assert!(text.parse::<Layout>().is_err(), "{text}");
    }
}
