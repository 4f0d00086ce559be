//! Construction, layouts and stacks of arrays.

use dac_rvq::{Array3, ShapeError};

#[test]
fn new_rejects_a_wrong_number_of_values() {
    assert!(Array3::new(vec![0.0; 6], [1, 2, 3]).is_ok());
    let error = Array3::new(vec![0.0; 5], [1, 2, 3]).unwrap_err();
    assert_eq!(error, ShapeError::Length { shape: [1, 2, 3], expected: 6, found: 5 });
    assert!(Array3::new(vec![], [usize::MAX, 2, 2]).is_err());
}

#[test]
fn rows_round_trip() {
    let rows: Vec<f32> = (0..6).map(|v| v as f32).collect();
    let array = Array3::from_rows(&rows, 2).unwrap();
    assert_eq!(array.shape(), [1, 2, 3]);
    assert_eq!(array.as_slice(), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    assert_eq!(array.to_rows(0), rows);
    assert!(Array3::from_rows(&rows, 4).is_err());
}

#[test]
fn stack_rejects_different_shapes() {
    let a = Array3::new(vec![1.0; 6], [1, 2, 3]).unwrap();
    assert_eq!(Array3::stack(&[a.clone(), a.clone()]).unwrap().shape(), [2, 2, 3]);
    // The same number of values in another shape.
    let transposed = Array3::new(vec![1.0; 6], [1, 3, 2]).unwrap();
    for other in [Array3::mono(vec![0.0; 2]), transposed] {
        let found = other.shape();
        let error = Array3::stack(&[a.clone(), other]).unwrap_err();
        assert_eq!(error, ShapeError::Stack { first: [1, 2, 3], found });
    }
}
