//! Levels and pictures of spectrograms.

use std::f32::consts::TAU;

use dac_picture::{PictureError, SPECTROGRAM_WINDOW_SAMPLES, pooled_db, spectrogram_db, spectrogram_png};

#[test]
fn sine_is_loudest_in_its_bin() {
    let turn = TAU / SPECTROGRAM_WINDOW_SAMPLES as f32;
    let signal: Vec<f32> = (0..4096).map(|n| (turn * 40.0 * n as f32).sin()).collect();
    let columns = spectrogram_db(&signal, 256, 200);
    assert_eq!(columns.len(), 13);
    for column in &columns {
        let loudest = (0..200).max_by(|&a, &b| column[a].total_cmp(&column[b]));
        assert_eq!(loudest, Some(40));
        assert!(column[40] - column[80] > 60.0);
    }
    let file = spectrogram_png(&columns, columns[0][40]).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut indices = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut indices).unwrap();
    assert_eq!((info.width, info.height), (13, 200));
    // The brightest colour is in the row of bin 40 from the bottom.
    let brightest = 13 * (199 - 40);
    assert_eq!(indices[brightest..brightest + 13], [63; 13]);
}

#[test]
fn pooled_cells_have_the_mean_power() {
    let levels: Vec<Vec<f32>> =
        vec![vec![0.0, 10.0, 20.0, 30.0], vec![0.0, 10.0, 20.0, 30.0], vec![3.0; 4], vec![3.0; 4]];
    let pooled = pooled_db(&levels, 2, &[0.0, 0.4, 2.0, 3.9]);
    assert_eq!(pooled.len(), 2);
    // The rows have powers 1 (nearest bin), 10, and the mean of 100 and 1000.
    for (found, expected) in pooled[0].iter().zip([0.0, 10.0, 10.0 * 550.0_f32.log10()]) {
        assert!((found - expected).abs() < 1e-4, "{pooled:?}");
    }
    assert!(pooled[1].iter().all(|level_db| (level_db - 3.0).abs() < 1e-4), "{pooled:?}");
    // At most as many columns as given; one column with the powers of both halves.
    assert_eq!(pooled_db(&levels, 9, &[0.0, 1.0]).len(), 4);
    let both = pooled_db(&levels, 1, &[2.0, 3.0])[0][0];
    let expected = 10.0 * ((100.0 + 10.0_f32.powf(0.3)) / 2.0).log10();
    assert!((both - expected).abs() < 1e-3, "{both}");
    assert!(pooled_db(&[], 3, &[0.0, 1.0]).is_empty());
    assert_eq!(pooled_db(&levels, 1, &[0.0]), [vec![]; 1]);
    assert_eq!(pooled_db(&levels, 1, &[70.0, 90.0])[0].len(), 1);
}

#[test]
fn unusual_sizes_do_not_panic() {
    assert!(spectrogram_db(&[0.0; SPECTROGRAM_WINDOW_SAMPLES - 1], 1, 9).is_empty());
    assert_eq!(spectrogram_db(&[0.0; SPECTROGRAM_WINDOW_SAMPLES], 0, 9999)[0].len(), 513);
    for levels in [vec![], vec![vec![]], vec![vec![0.0], vec![]]] {
        assert!(matches!(spectrogram_png(&levels, 0.0), Err(PictureError::Size { .. })));
    }
    // NaN levels are drawn dark.
    assert!(spectrogram_png(&[vec![f32::NAN, f32::INFINITY]], f32::NAN).is_ok());
}
