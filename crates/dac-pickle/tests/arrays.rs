//! Conversion of elements and arrays to numbers.

use std::io::Cursor;
use std::sync::Arc;

use dac_pickle::numpy::{Layout, NdArray, parse_descr};
use dac_pickle::{DType, DTypeError, read_strided};
use half::{bf16, f16};

#[test]
fn all_widths_convert_in_both_byte_orders() {
    assert_eq!(DType::F64.to_f32(&1.5f64.to_be_bytes(), true), Ok(vec![1.5]));
    assert_eq!(DType::F16.to_f32(&f16::from_f32(-2.0).to_le_bytes(), false), Ok(vec![-2.0]));
    assert_eq!(DType::BF16.to_f32(&bf16::from_f32(0.5).to_be_bytes(), true), Ok(vec![0.5]));
    assert_eq!(DType::I16.to_i64(&(-3i16).to_be_bytes(), true), Ok(vec![-3]));
    assert_eq!(DType::U32.to_i64(&u32::MAX.to_le_bytes(), false), Ok(vec![0xffff_ffff]));
    assert_eq!(DType::Bool.to_i64(&[0, 7], false), Ok(vec![0, 1]));
    let too_large = DType::U64.to_i64(&u64::MAX.to_le_bytes(), false);
    assert_eq!(too_large, Err(DTypeError::TooLarge { value: u64::MAX }));
    assert!(matches!(DType::F32.to_i64(&[0; 4], false), Err(DTypeError::NotInteger { .. })));
    assert!(matches!(DType::F32.to_f32(&[0; 5], false), Err(DTypeError::PartialElement { .. })));
}

#[test]
fn column_major_arrays_convert_to_row_major() {
    let bytes: Arc<[u8]> = vec![0, 3, 1, 4, 2, 5].into();
    let column_major = Layout { column_major: true, ..Layout::default() };
    let array = NdArray::new(vec![2, 3], DType::U8, column_major, bytes.clone()).unwrap();
    assert_eq!(array.to_i64().unwrap(), [0, 1, 2, 3, 4, 5]);
    assert!(NdArray::new(vec![2, 4], DType::U8, column_major, bytes.clone()).is_err());
    assert!(NdArray::new(vec![usize::MAX, 2], DType::U8, Layout::default(), bytes).is_err());
}

#[test]
fn element_types_of_plain_numbers_parse() {
    assert_eq!(parse_descr("<u2"), Ok((DType::U16, false)));
    assert_eq!(parse_descr(">f4"), Ok((DType::F32, true)));
    assert_eq!(parse_descr("b1"), Ok((DType::Bool, false)));
    for bad in ["", "|O", "<c8", "<f16", "<é2", "é"] {
        assert!(parse_descr(bad).is_err(), "{bad}");
    }
}

/// Index of each element in row-major order.
fn strided_indices(shape: &[usize], strides: &[usize]) -> Vec<usize> {
    shape.iter().zip(strides).fold(vec![0], |indices, (d, stride)| {
        indices.iter().flat_map(|index| (0..*d).map(move |position| index + position * stride)).collect()
    })
}

#[test]
fn strided_arrays_are_read_in_row_major_order() {
    let bytes: Vec<u8> = (0..60_000u32).flat_map(|v| (v as u16).to_le_bytes()).collect();
    let mut file = Cursor::new(&bytes);
    // Rows long enough to be read one by one, rows far apart, a transposed array, a contiguous one, a scalar.
    for (shape, strides) in [
        (vec![3, 2, 2500], vec![20_000, 10_000, 1]),
        (vec![4, 3], vec![9000, 1]),
        (vec![5, 7], vec![1, 5]),
        (vec![6, 5], vec![5, 1]),
        (vec![], vec![]),
    ] {
        let element = |index: usize| ((100 + index) as u16).to_le_bytes();
        let expected: Vec<u8> = strided_indices(&shape, &strides).into_iter().flat_map(element).collect();
        assert_eq!(read_strided(&mut file, 200, 2, &shape, &strides).unwrap(), expected, "{shape:?}");
    }
    for (shape, strides) in [(vec![60_001], vec![1]), (vec![9], vec![0]), (vec![2, 2], vec![usize::MAX, 1])] {
        assert!(read_strided(&mut file, 0, 2, &shape, &strides).is_err(), "{shape:?}");
    }
}
