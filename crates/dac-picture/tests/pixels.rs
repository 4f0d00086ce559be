//! Pixels as PNG.

use dac_picture::{PictureError, rgb_png};

#[test]
fn decoded_pixels_equal_the_input() {
    let pixels = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [250, 251, 252], [0, 0, 0], [9, 9, 9]];
    let file = rgb_png(3, &pixels).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!((info.width, info.height), (3, 2));
    assert_eq!(bytes, pixels.as_flattened());
}

#[test]
fn pixels_that_fill_no_rectangle_are_rejected() {
    for (columns, count) in [(0, 0), (0, 3), (3, 0), (2, 3), (4, 3)] {
        let error = rgb_png(columns, &vec![[0; 3]; count]).unwrap_err();
        assert!(matches!(error, PictureError::Size { .. }), "{columns}, {count}: {error}");
    }
}
