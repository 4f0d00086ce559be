//! Opcodes of written pickles.

use dac_pickle::PickleWriter;

#[test]
fn integers_take_the_fewest_bytes() {
    for (value, expected) in [
        (255, &b"K\xff"[..]),
        (256, b"M\x00\x01"),
        (-1, b"J\xff\xff\xff\xff"),
        (1 << 31, b"\x8a\x05\x00\x00\x00\x80\x00"),
        (i64::MAX, b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"),
    ] {
        let mut pickle = PickleWriter::new(2);
        pickle.push_int(value);
        assert_eq!(pickle.take_bytes(), [b"\x80\x02", expected].concat(), "{value}");
    }
}

#[test]
fn repeated_texts_and_globals_come_from_the_memo() {
    let mut pickle = PickleWriter::new(2);
    pickle.push_text("a").unwrap();
    pickle.push_global("m", "n");
    assert_eq!(pickle.take_bytes(), b"\x80\x02X\x01\x00\x00\x00aq\x00cm\nn\nq\x01");
    pickle.push_global("m", "n");
    pickle.push_text("a").unwrap();
    assert_eq!(pickle.take_bytes(), b"h\x01h\x00");
    for _ in 0..255 {
        pickle.push_memoized(b"");
    }
    assert!(pickle.take_bytes().ends_with(b"r\x00\x01\x00\x00"));
}
