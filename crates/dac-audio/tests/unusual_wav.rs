//! Unusual WAV headers, built byte by byte, are read correctly or rejected with a clear error, from files and
//! pipes.

use std::io::Cursor;

use dac_audio::{AudioError, AudioReader, NonFinitePolicy, Planar};

/// Builder of a WAV file from its chunks.
#[derive(Clone, Default)]
struct Wav {
    chunks: Vec<u8>,
}

impl Wav {
    fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk with its true size and, if that is odd, a pad byte.
    fn chunk(self, id: &[u8; 4], body: &[u8]) -> Self {
        let padded = self.chunk_of_size(id, body.len() as u32, body);
        if body.len() % 2 == 1 { padded.bytes(&[0]) } else { padded }
    }

    /// Adds a chunk that claims `size` bytes.
    fn chunk_of_size(self, id: &[u8; 4], size: u32, body: &[u8]) -> Self {
        self.bytes(id).bytes(&size.to_le_bytes()).bytes(body)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.chunks.extend_from_slice(bytes);
        self
    }

    fn fmt(self, tag: u16, channels: u16, rate_hz: u32, bits: u16) -> Self {
        self.chunk(b"fmt ", &fmt_body(tag, channels, rate_hz, bits))
    }

    fn riff(self) -> Vec<u8> {
        let size = self.chunks.len() as u32 + 4;
        self.riff_of(b"RIFF", size)
    }

    fn riff_of(self, id: &[u8; 4], size: u32) -> Vec<u8> {
        let mut file = id.to_vec();
        file.extend_from_slice(&size.to_le_bytes());
        file.extend_from_slice(b"WAVE");
        file.extend(self.chunks);
        file
    }
}

fn fmt_body(tag: u16, channels: u16, rate_hz: u32, bits: u16) -> Vec<u8> {
    let align = channels.wrapping_mul(bits.div_ceil(8));
    fmt_body_aligned(tag, channels, rate_hz, bits, align)
}

fn fmt_body_aligned(tag: u16, channels: u16, rate_hz: u32, bits: u16, align: u16) -> Vec<u8> {
    let mut body = tag.to_le_bytes().to_vec();
    body.extend_from_slice(&channels.to_le_bytes());
    body.extend_from_slice(&rate_hz.to_le_bytes());
    body.extend_from_slice(&rate_hz.wrapping_mul(u32::from(align)).to_le_bytes());
    body.extend_from_slice(&align.to_le_bytes());
    body.extend_from_slice(&bits.to_le_bytes());
    body
}

const PCM_GUID_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

fn extensible(channels: u16, rate_hz: u32, bits: u16, valid: u16, sub_tag: u16) -> Vec<u8> {
    let mut body = fmt_body(0xfffe, channels, rate_hz, bits);
    body.extend_from_slice(&22_u16.to_le_bytes());
    body.extend_from_slice(&valid.to_le_bytes());
    body.extend_from_slice(&3_u32.to_le_bytes());
    body.extend_from_slice(&sub_tag.to_le_bytes());
    body.extend_from_slice(&PCM_GUID_TAIL);
    body
}

const SAMPLES: [i16; 5] = [0, 1, -32_768, 32_767, -2];

fn data16() -> Vec<u8> {
    SAMPLES.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn values16() -> Vec<f32> {
    SAMPLES.iter().map(|&v| f32::from(v) / 32_768.0).collect()
}

struct Content {
    samples: Option<u64>,
    truncated: bool,
    block: Planar,
    codec: String,
}

fn read_to_end(mut reader: AudioReader) -> Result<Content, AudioError> {
    let mut block = vec![Vec::new(); reader.spec().channels];
    while let Some(part) = reader.next_block(3)? {
        assert!(!part.is_empty() && !part[0].is_empty() && part[0].len() <= 3);
        for (to, from) in block.iter_mut().zip(part) {
            to.extend(from);
        }
    }
    let codec = reader.spec().codec.clone();
    Ok(Content { samples: reader.spec().samples, truncated: reader.is_truncated(), block, codec })
}

/// Reads from a file and from a pipe. Checks that both yield the same samples and the file its length.
fn read(bytes: &[u8]) -> Result<Content, AudioError> {
    let file = read_to_end(AudioReader::from_seekable(Cursor::new(bytes.to_vec()), "odd.wav")?)?;
    let pipe = read_to_end(AudioReader::from_stream(Cursor::new(bytes.to_vec()), "pipe")?)?;
    assert_eq!(file.block, pipe.block, "a file and a pipe differ");
    assert_eq!(file.samples, Some(file.block[0].len() as u64), "the length in the header");
    Ok(file)
}

fn mono(bytes: &[u8]) -> Result<Vec<f32>, AudioError> {
    let mut read = read(bytes)?;
    assert_eq!(read.block.len(), 1);
    assert!(!read.truncated);
    Ok(read.block.remove(0))
}

type Outcome = Result<(), AudioError>;

#[test]
fn unknown_data_sizes_are_read_to_the_end() -> Outcome {
    for size in [0, u32::MAX, 0x7fff_f000, 0x7fff_ffff, u32::MAX - 36] {
        for riff in [0, u32::MAX, size, 36] {
            let wav = Wav::new().fmt(1, 1, 8_000, 16).chunk_of_size(b"data", size, &data16());
            assert_eq!(mono(&wav.riff_of(b"RIFF", riff))?, values16(), "data {size:#x}, RIFF {riff:#x}");
        }
    }
    // ffmpeg writes a LIST chunk before the data into a pipe.
    let wav = Wav::new().fmt(1, 1, 8_000, 16).chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf60.16.100\0");
    let wav = wav.chunk_of_size(b"data", u32::MAX, &data16());
    assert_eq!(mono(&wav.riff_of(b"RIFF", u32::MAX))?, values16());
    Ok(())
}

#[test]
fn empty_data_chunk_has_length_zero() -> Outcome {
    let empty = Wav::new().fmt(1, 1, 8_000, 16).chunk(b"data", b"");
    for bytes in [empty.clone().riff(), empty.chunk(b"LIST", b"INFOISFT\x02\0\0\0a\0").riff()] {
        let read = read(&bytes)?;
        assert_eq!((read.samples, read.block, read.truncated), (Some(0), vec![vec![]], false));
    }
    Ok(())
}

#[test]
fn riff_size_is_ignored_and_data_size_limited_to_the_file() -> Outcome {
    for riff in [0, 4, 20, 36, 1_000_000] {
        let wav = Wav::new().fmt(1, 1, 8_000, 16).chunk(b"data", &data16()).chunk(b"LIST", b"INFO");
        assert_eq!(mono(&wav.riff_of(b"RIFF", riff))?, values16());
    }
    let truncated = Wav::new().fmt(1, 1, 8_000, 16).chunk_of_size(b"data", 1_000, &data16()).riff();
    let read = read(&truncated)?;
    assert_eq!((read.block, read.truncated), (vec![values16()], true));
    // Half a sample at the end is dropped and reported as truncated.
    let mut half = Wav::new().fmt(1, 1, 8_000, 16).chunk(b"data", &data16()).riff();
    half.pop();
    let mut reader = AudioReader::from_seekable(Cursor::new(half), "half.wav")?;
    assert_eq!(reader.spec().samples, Some(4));
    assert_eq!(reader.next_block(100)?, Some(vec![values16()[..4].to_vec()]));
    assert_eq!(reader.next_block(100)?, None);
    assert!(reader.is_truncated());
    Ok(())
}

#[test]
fn odd_chunks_may_have_a_pad_byte_and_any_order() -> Outcome {
    let odd = b"abc";
    let padded = Wav::new().chunk(b"bext", odd).fmt(1, 1, 8_000, 16).chunk(b"iXML", odd);
    assert_eq!(mono(&padded.chunk(b"data", &data16()).riff())?, values16());
    let bare = Wav::new().chunk_of_size(b"bext", 3, odd).fmt(1, 1, 8_000, 16).chunk_of_size(b"iXML", 3, odd);
    assert_eq!(mono(&bare.chunk(b"data", &data16()).riff())?, values16());
    let dirty = Wav::new().chunk_of_size(b"bext", 3, odd).bytes(&[0xcc]).fmt(1, 1, 8_000, 16);
    assert_eq!(mono(&dirty.chunk(b"data", &data16()).riff())?, values16());
    // An odd fmt chunk, and 24-bit samples with an odd number of bytes.
    let mut body = fmt_body(1, 1, 8_000, 24);
    body.push(0);
    let wav = Wav::new().chunk(b"fmt ", &body).chunk(b"data", &[0, 0, 0x40, 0, 0, 0xc0, 1, 0, 0]);
    assert_eq!(mono(&wav.riff())?, [0.5, -0.5, 1.0 / 8_388_608.0]);
    Ok(())
}

#[test]
fn fmt_chunks_may_be_longer_but_not_shorter() -> Outcome {
    for extra in [0, 2, 24, 62, 1_000] {
        let mut body = fmt_body(1, 1, 8_000, 16);
        body.resize(body.len() + extra, 0);
        let wav = Wav::new().chunk(b"fmt ", &body).chunk(b"data", &data16());
        assert_eq!(mono(&wav.riff())?, values16(), "{extra} bytes more");
    }
    for extra in [0, 10, 500] {
        let mut body = extensible(1, 8_000, 16, 16, 1);
        body.resize(body.len() + extra, 0xaa);
        let wav = Wav::new().chunk(b"fmt ", &body).chunk(b"data", &data16());
        assert_eq!(mono(&wav.riff())?, values16(), "extensible, {extra} bytes more");
    }
    for size in [0, 2, 15] {
        let wav = Wav::new().chunk(b"fmt ", &fmt_body(1, 1, 8_000, 16)[..size]).chunk(b"data", &data16());
        assert!(matches!(read(&wav.riff()), Err(AudioError::Malformed { .. })), "{size} bytes");
    }
    let wav = Wav::new().chunk(b"fmt ", &extensible(1, 8_000, 16, 16, 1)[..18]).chunk(b"data", &data16());
    assert!(matches!(read(&wav.riff()), Err(AudioError::Malformed { .. })));
    Ok(())
}

#[test]
fn samples_of_every_encoding_are_scaled() -> Outcome {
    let decode =
        |tag, bits, data: &[u8]| mono(&Wav::new().fmt(tag, 1, 8_000, bits).chunk(b"data", data).riff());
    assert_eq!(decode(1, 8, &[0, 128, 255, 129])?, [-1.0, 0.0, 127.0 / 128.0, 1.0 / 128.0]);
    assert_eq!(decode(1, 24, &[0, 0, 0x80, 0xff, 0xff, 0x7f])?, [-1.0, 8_388_607.0 / 8_388_608.0]);
    assert_eq!(decode(1, 32, &[0, 0, 0, 0x80, 0, 0, 0, 0x40])?, [-1.0, 0.5]);
    assert_eq!(decode(1, 64, &[0, 0, 0, 0, 0, 0, 0, 0xc0])?, [-0.5]);
    // 20 bits are in the upper bits of three bytes, 12 in those of two.
    assert_eq!(decode(1, 20, &[0, 0, 0x40])?, [0.5]);
    assert_eq!(decode(1, 12, &[0, 0xc0])?, [-0.5]);
    let floats: Vec<u8> = [0.25_f32, -1.5, 1e-30].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(decode(3, 32, &floats)?, [0.25, -1.5, 1e-30]);
    let doubles: Vec<u8> = [0.25_f64, -1.5, 0.1].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(decode(3, 64, &doubles)?, [0.25, -1.5, 0.1]);
    assert_eq!(decode(6, 8, &[0x55, 0xd5, 0xaa])?, [-8.0 / 32_768.0, 8.0 / 32_768.0, 32_256.0 / 32_768.0]);
    assert_eq!(decode(7, 8, &[0xff, 0x7f, 0x80])?, [0.0, 0.0, 32_124.0 / 32_768.0]);
    for (sub_tag, bits, data, wanted) in [
        (1, 16, vec![0, 0x40], 0.5),
        (3, 32, 0.75_f32.to_le_bytes().to_vec(), 0.75),
        (3, 64, 0.75_f64.to_le_bytes().to_vec(), 0.75),
        (6, 8, vec![0xaa], 32_256.0 / 32_768.0),
        (7, 8, vec![0x80], 32_124.0 / 32_768.0),
    ] {
        let wav = Wav::new().chunk(b"fmt ", &extensible(1, 8_000, bits, bits, sub_tag)).chunk(b"data", &data);
        assert_eq!(mono(&wav.riff())?, [wanted], "extensible {sub_tag}, {bits} bits");
    }
    Ok(())
}

#[test]
fn alignment_of_24_bits_in_4_bytes_is_detected() -> Outcome {
    let values = [0x40_0000_i32, -0x40_0000, 0x12_3457, -3];
    let wanted: Vec<f32> = values.iter().map(|&v| v as f32 / 8_388_608.0).collect();
    let top: Vec<u8> = values.iter().flat_map(|v| (v << 8).to_le_bytes()).collect();
    let bottom: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let odd_align = fmt_body_aligned(1, 1, 8_000, 24, 4);
    for data in [&top, &bottom] {
        assert_eq!(mono(&Wav::new().chunk(b"fmt ", &odd_align).chunk(b"data", data).riff())?, wanted);
    }
    // The extensible form is unambiguous: 32-bit containers with 24 valid upper bits.
    let wav = Wav::new().chunk(b"fmt ", &extensible(1, 8_000, 32, 24, 1)).chunk(b"data", &top);
    assert_eq!(mono(&wav.riff())?, wanted);
    Ok(())
}

#[test]
fn invalid_block_size_is_ignored() -> Outcome {
    let data: Vec<u8> = data16().into_iter().chain(data16()).collect();
    for align in [0, 1, 2, 3, 8, 100, u16::MAX] {
        let mut body = fmt_body(1, 2, 8_000, 16);
        body[12..14].copy_from_slice(&align.to_le_bytes());
        let read = read(&Wav::new().chunk(b"fmt ", &body).chunk(b"data", &data).riff())?;
        assert_eq!((read.block.len(), read.block[0].len()), (2, 5), "block size {align}");
    }
    // A byte rate that confirms the wider block is used: 16 bits in the upper bits of 4 bytes.
    let body = fmt_body_aligned(1, 1, 8_000, 16, 4);
    let wav = Wav::new().chunk(b"fmt ", &body).chunk(b"data", &[0xaa, 0xbb, 0, 0x40]);
    assert!((mono(&wav.riff())?[0] - 0.5).abs() < 1e-4);
    Ok(())
}

#[test]
fn length_of_rf64_and_bw64_is_read_from_ds64() -> Outcome {
    for id in [b"RF64", b"BW64"] {
        let mut ds64 = 1_000_u64.to_le_bytes().to_vec();
        ds64.extend_from_slice(&10_u64.to_le_bytes());
        ds64.extend_from_slice(&5_u64.to_le_bytes());
        ds64.extend_from_slice(&0_u32.to_le_bytes());
        let wav = |ds64: &[u8]| {
            let wav = Wav::new().chunk(b"ds64", ds64).fmt(1, 1, 8_000, 16);
            wav.chunk_of_size(b"data", u32::MAX, &data16())
        };
        assert_eq!(mono(&wav(&ds64).chunk(b"LIST", b"INFOmore").riff_of(id, u32::MAX))?, values16());
        for unknown in [0, u64::MAX] {
            ds64[8..16].copy_from_slice(&unknown.to_le_bytes());
            assert_eq!(mono(&wav(&ds64).riff_of(id, u32::MAX))?, values16());
        }
        ds64[8..16].copy_from_slice(&(1_u64 << 60).to_le_bytes());
        assert!(read(&wav(&ds64).riff_of(id, u32::MAX))?.truncated);
    }
    Ok(())
}

#[test]
fn errors_of_invalid_headers_name_the_expected_value() {
    let data = |fmt: Vec<u8>| Wav::new().chunk(b"fmt ", &fmt).chunk(b"data", &data16()).riff();
    let cases = [
        (data(fmt_body(1, 0, 8_000, 16)), "expected 1 to 64 channels, found 0"),
        (data(fmt_body(1, 1_000, 8_000, 16)), "expected 1 to 64 channels, found 1000"),
        (data(fmt_body(1, 1, 0, 16)), "expected a sample rate above 0, found 0 Hz"),
        (data(fmt_body(2, 1, 8_000, 4)), "expected blocks of ADPCM, found 1 bytes per block"),
        (data(fmt_body(0x11, 1, 8_000, 4)), "expected blocks of ADPCM"),
        (data(fmt_body(0x31, 1, 8_000, 0)), "unsupported codec: GSM 6.10"),
        (data(fmt_body(0x55, 1, 8_000, 0)), "expected a frame of MP3"),
        (data(fmt_body(0x7777, 1, 8_000, 16)), "unsupported codec: an unknown codec in WAV (tag 0x7777)"),
        (data(fmt_body(1, 1, 8_000, 0)), "unsupported codec: integer PCM of 0 bits"),
        (data(fmt_body(1, 1, 8_000, 65)), "unsupported codec: integer PCM of 65 bits"),
        (data(fmt_body(3, 1, 8_000, 16)), "unsupported codec: float of 16 bits"),
        (data(fmt_body(6, 1, 8_000, 16)), "unsupported codec: A-law of 16 bits"),
        (Wav::new().riff(), "expected a fmt chunk, found the end"),
        (Wav::new().fmt(1, 1, 8_000, 16).riff(), "expected a data chunk, found the end"),
        (Wav::new().chunk(b"data", &data16()).riff(), "expected a fmt chunk before the data chunk"),
        (Wav::new().chunk_of_size(b"junk", u32::MAX, b"x").riff(), "expected a fmt chunk, found the end"),
        (Wav::new().bytes(&[0; 9_000]).riff(), "a data chunk among the first 1024 chunks"),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb".to_vec(), "expected a data chunk, found none"),
        (b"hello, world, I am a text\n".to_vec(), "not an audio file: expected WAV, FLAC"),
        (b"hello, world, I am a text\n".to_vec(), "found text that begins with \"hello, world, I \""),
        (vec![7; 100], "its first bytes are 07 07"),
        (Vec::new(), "the file is empty (0 bytes)"),
        (b"RIFF".to_vec(), "not an audio file"),
    ];
    for (bytes, wanted) in cases {
        let error = read(&bytes).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("odd.wav: "), "{error:?}");
        assert!(error.contains(wanted), "{error:?} does not contain {wanted:?}");
    }
}

#[test]
fn nan_and_infinity_are_reported_or_replaced() -> Outcome {
    let values = [0.5_f32, 0.5, f32::NAN, 0.5, 0.5, 0.5, 0.5, f32::INFINITY];
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let file = Wav::new().fmt(3, 2, 8_000, 32).chunk(b"data", &data).riff();
    let open = || AudioReader::from_seekable(Cursor::new(file.clone()), "nan.wav");
    let error = open()?.next_block(100).err();
    assert!(matches!(error, Some(AudioError::NonFinite { sample: 1, channel: 0, .. })), "{error:?}");
    let mut reader = open()?.with_non_finite(NonFinitePolicy::Zero);
    assert_eq!(reader.next_block(100)?, Some(vec![vec![0.5, 0.0, 0.5, 0.5], vec![0.5, 0.5, 0.5, 0.0]]));
    assert_eq!(reader.replaced_samples(), 2);
    // The index counts from the beginning of the file.
    let mut reader = open()?;
    assert!(reader.next_block(1)?.is_some());
    assert!(matches!(reader.next_block(1), Err(AudioError::NonFinite { sample: 1, channel: 0, .. })));
    // A double beyond the range of f32 becomes infinite.
    let big = Wav::new().fmt(3, 1, 8_000, 64).chunk(b"data", &1e300_f64.to_le_bytes()).riff();
    assert!(matches!(read(&big), Err(AudioError::NonFinite { sample: 0, .. })));
    Ok(())
}

#[test]
fn headers_with_extreme_fields_do_not_panic_or_hang() {
    // Sets every 8-, 16- and 32-bit field of a valid file to extreme values.
    let good = Wav::new().fmt(1, 2, 8_000, 16).chunk(b"LIST", b"INFOabcd").chunk(b"data", &data16()).riff();
    for at in 0..good.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            for width in [1, 2, 4] {
                let mut bad = good.clone();
                bad[at..].iter_mut().take(width).for_each(|byte| *byte = value);
                let _ = AudioReader::from_seekable(Cursor::new(bad.clone()), "bad.wav").and_then(read_to_end);
                let _ = AudioReader::from_stream(Cursor::new(bad), "bad").and_then(read_to_end);
            }
        }
        let _ = AudioReader::from_stream(Cursor::new(good[..at].to_vec()), "truncated").and_then(read_to_end);
    }
}

#[test]
fn codec_has_a_display_name() -> Outcome {
    let wav = Wav::new().fmt(1, 1, 8_000, 16).chunk(b"data", &data16());
    assert_eq!(read(&wav.riff())?.codec, "WAV, 16-bit PCM");
    let wav = Wav::new().fmt(7, 1, 8_000, 8).chunk(b"data", &[1, 2]);
    assert_eq!(read(&wav.riff())?.codec, "WAV, µ-law");
    Ok(())
}
