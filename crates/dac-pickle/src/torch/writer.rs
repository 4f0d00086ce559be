//! Writing a torch file as `torch.save` does: stored entries aligned to 64 bytes, a protocol 2 pickle.

use std::io::{self, Write};

use crate::dtype::DType;

/// Where torch puts the first byte of each entry: at a multiple of this.
const ALIGNMENT: usize = 64;

/// What a torch file is to hold.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Saved {
    /// A tensor: its element type, shape, and elements in row-major order, little-endian.
    Tensor {
        /// Element type; one of those with a typed storage (no unsigned but U8).
        dtype: DType,
        /// Length of each axis.
        shape: Vec<usize>,
        /// The elements.
        bytes: Vec<u8>,
    },
    /// A dict with text keys.
    Dict(Vec<(String, Saved)>),
    /// Text.
    Str(String),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A boolean.
    Bool(bool),
}

impl Saved {
    /// A LongTensor.
    pub fn long_tensor(values: &[i64], shape: &[usize]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::Tensor { dtype: DType::I64, shape: shape.to_vec(), bytes }
    }

    /// A FloatTensor.
    pub fn float_tensor(values: &[f32], shape: &[usize]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::Tensor { dtype: DType::F32, shape: shape.to_vec(), bytes }
    }
}

/// Writes `value` so that `torch.load(..., weights_only=True)` gives it back. `archive` names the folder within the zip
/// file; torch takes the file's stem.
///
/// # Errors
/// When writing fails, a tensor's bytes do not fill its shape, its type has no storage, or an entry passes 4 GiB.
pub fn write<W: Write>(writer: W, archive: &str, value: &Saved) -> io::Result<()> {
    let mut pickle = Pickle { out: vec![0x80, 2], memo: 0, known: Vec::new(), tensors: Vec::new() };
    pickle.value(value)?;
    pickle.out.push(b'.');
    let mut zip = Zip { writer, position: 0, directory: Vec::new(), entries: 0, archive };
    zip.entry("data.pkl", &pickle.out)?;
    zip.entry("byteorder", b"little")?;
    for (key, bytes) in pickle.tensors.iter().enumerate() {
        zip.entry(&format!("data/{key}"), bytes)?;
    }
    zip.entry("version", b"3\n")?;
    zip.finish()
}

struct Pickle<'a> {
    out: Vec<u8>,
    memo: u32,
    /// Texts and globals written already, with their place in the memo.
    known: Vec<(Vec<u8>, u32)>,
    tensors: Vec<&'a [u8]>,
}

impl<'a> Pickle<'a> {
    fn value(&mut self, value: &'a Saved) -> io::Result<()> {
        match value {
            Saved::Tensor { dtype, shape, bytes } => self.tensor(*dtype, shape, bytes)?,
            Saved::Dict(pairs) => {
                self.out.push(b'}');
                self.put();
                // As Python's pickler: one item is set by itself, more behind a mark.
                if pairs.len() > 1 {
                    self.out.push(b'(');
                }
                for (key, value) in pairs {
                    self.text(key)?;
                    self.value(value)?;
                }
                match pairs.len() {
                    0 => {}
                    1 => self.out.push(b's'),
                    _ => self.out.push(b'u'),
                }
            }
            Saved::Str(text) => self.text(text)?,
            Saved::Int(value) => self.int(*value),
            Saved::Float(value) => {
                self.out.push(b'G');
                self.out.extend(value.to_be_bytes());
            }
            Saved::Bool(value) => self.out.push(if *value { 0x88 } else { 0x89 }),
        }
        Ok(())
    }

    fn tensor(&mut self, dtype: DType, shape: &[usize], bytes: &'a [u8]) -> io::Result<()> {
        let invalid = |message: &str| io::Error::new(io::ErrorKind::InvalidInput, message.to_owned());
        let storage = match dtype {
            DType::F64 => "Double",
            DType::F32 => "Float",
            DType::F16 => "Half",
            DType::BF16 => "BFloat16",
            DType::I64 => "Long",
            DType::I32 => "Int",
            DType::I16 => "Short",
            DType::I8 => "Char",
            DType::U8 => "Byte",
            DType::Bool => "Bool",
            DType::U16 | DType::U32 | DType::U64 => {
                return Err(invalid("the element type has no torch storage"));
            }
        };
        let elements = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if elements.and_then(|n| n.checked_mul(dtype.size())) != Some(bytes.len()) {
            return Err(invalid("the tensor's bytes do not fill its shape"));
        }
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.out.extend(b"((");
        self.text("storage")?;
        self.global("torch", &format!("{storage}Storage"));
        self.text(&self.tensors.len().to_string())?;
        self.text("cpu")?;
        self.int(elements.and_then(|n| n.try_into().ok()).unwrap_or(i64::MAX));
        self.out.push(b't');
        self.put();
        self.out.extend(b"QK\x00");
        self.tuple(shape);
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis].max(1);
        }
        self.tuple(&strides);
        self.out.push(0x89);
        self.global("collections", "OrderedDict");
        self.out.extend(b")R");
        self.put();
        self.out.push(b't');
        self.put();
        self.out.push(b'R');
        self.put();
        self.tensors.push(bytes);
        Ok(())
    }

    fn put(&mut self) {
        match u8::try_from(self.memo) {
            Ok(index) => self.out.extend([b'q', index]),
            Err(_) => {
                self.out.push(b'r');
                self.out.extend(self.memo.to_le_bytes());
            }
        }
        self.memo += 1;
    }

    /// Writes `bytes` the first time and its place in the memo later on.
    fn once(&mut self, bytes: Vec<u8>) {
        if let Some((_, index)) = self.known.iter().find(|(known, _)| *known == bytes) {
            match u8::try_from(*index) {
                Ok(index) => self.out.extend([b'h', index]),
                Err(_) => {
                    let index = *index;
                    self.out.push(b'j');
                    self.out.extend(index.to_le_bytes());
                }
            }
            return;
        }
        self.out.extend(&bytes);
        self.known.push((bytes, self.memo));
        self.put();
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "text of more than 4 GiB");
        let length = u32::try_from(text.len()).map_err(too_long)?;
        let mut bytes = vec![b'X'];
        bytes.extend(length.to_le_bytes());
        bytes.extend(text.as_bytes());
        self.once(bytes);
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) {
        self.once(format!("c{module}\n{name}\n").into_bytes());
    }

    fn int(&mut self, value: i64) {
        if let Ok(value) = u8::try_from(value) {
            self.out.extend([b'K', value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.out.push(b'M');
            self.out.extend(value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.out.push(b'J');
            self.out.extend(value.to_le_bytes());
        } else {
            self.out.extend([0x8a, 8]);
            self.out.extend(value.to_le_bytes());
        }
    }

    fn tuple(&mut self, lengths: &[usize]) {
        if lengths.is_empty() {
            self.out.push(b')');
            return;
        }
        if lengths.len() > 3 {
            self.out.push(b'(');
        }
        for &length in lengths {
            self.int(length.try_into().unwrap_or(i64::MAX));
        }
        self.out.push(match lengths.len() {
            1 => 0x85,
            2 => 0x86,
            3 => 0x87,
            _ => b't',
        });
        self.put();
    }
}

struct Zip<'a, W> {
    writer: W,
    position: u64,
    directory: Vec<u8>,
    entries: u16,
    archive: &'a str,
}

impl<W: Write> Zip<'_, W> {
    fn emit(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.position += bytes.len() as u64;
        self.writer.write_all(bytes)
    }

    fn entry(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let too_large = |_| io::Error::new(io::ErrorKind::InvalidInput, "a torch file of more than 4 GiB");
        let name = format!("{}/{name}", self.archive);
        let size = u32::try_from(bytes.len()).map_err(too_large)?;
        let offset = u32::try_from(self.position).map_err(too_large)?;
        let name_length = u16::try_from(name.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the archive's name is too long"))?;
        // The header, the name and the extra field's own head come before the padding.
        let unpadded = (self.position as usize + 30 + name.len() + 4) % ALIGNMENT;
        let padding = ((ALIGNMENT - unpadded) % ALIGNMENT) as u16;

        let mut common = Vec::new();
        common.extend(20u16.to_le_bytes()); // version needed
        common.extend(0x0800u16.to_le_bytes()); // flags: the name is UTF-8
        common.extend(0u16.to_le_bytes()); // stored
        common.extend(0u16.to_le_bytes()); // time
        common.extend(0x0021u16.to_le_bytes()); // date: 1980-01-01, so that equal content gives equal files
        common.extend(crc32fast::hash(bytes).to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(name_length.to_le_bytes());

        let mut header = b"PK\x03\x04".to_vec();
        header.extend(&common);
        header.extend((padding + 4).to_le_bytes());
        header.extend(name.as_bytes());
        // torch's own padding: the field "FB", filled with Z.
        header.extend(b"FB");
        header.extend(padding.to_le_bytes());
        header.resize(header.len() + usize::from(padding), b'Z');
        self.emit(&header)?;
        self.emit(bytes)?;

        self.directory.extend(b"PK\x01\x02\x14\x00");
        self.directory.extend(&common);
        self.directory.extend([0; 12]); // extra, comment, disk, attributes
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.entries += 1;
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        let too_large = |_| io::Error::new(io::ErrorKind::InvalidInput, "a torch file of more than 4 GiB");
        let offset = u32::try_from(self.position).map_err(too_large)?;
        let directory = std::mem::take(&mut self.directory);
        self.emit(&directory)?;
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend(self.entries.to_le_bytes());
        end.extend(self.entries.to_le_bytes());
        end.extend(u32::try_from(directory.len()).map_err(too_large)?.to_le_bytes());
        end.extend(offset.to_le_bytes());
        end.extend([0, 0]);
        self.emit(&end)?;
        self.writer.flush()
    }
}
