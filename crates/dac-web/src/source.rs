//! Bytes held by JavaScript, read in pieces.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = "
/** Bytes: in memory, or a `File` or `Blob`, which only workers can read. */
export type Bytes = Uint8Array | ArrayBuffer | Blob;
";

#[wasm_bindgen]
extern "C" {
    /// Bytes in memory or in a file.
    #[wasm_bindgen(typescript_type = "Bytes")]
    pub type Bytes;

    type Blob;
    #[wasm_bindgen(method, getter)]
    fn size(this: &Blob) -> f64;
    #[wasm_bindgen(method)]
    fn slice(this: &Blob, start: f64, end: f64) -> Blob;

    type FileReaderSync;
    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<FileReaderSync, JsValue>;
    #[wasm_bindgen(method, catch, js_name = readAsArrayBuffer)]
    fn read(this: &FileReaderSync, blob: &Blob) -> Result<ArrayBuffer, JsValue>;
}

enum Held {
    Array(Uint8Array),
    Blob(Blob, FileReaderSync),
}

thread_local! {
    /// JavaScript values cannot be sent to other threads, as the library's readers can: those hold a key.
    static HELD: RefCell<HashMap<u32, Held>> = RefCell::default();
}

/// Reads bytes that stay in JavaScript's memory or in a file.
pub(crate) struct JsReader {
    key: u32,
    size: u64,
    position: u64,
}

impl JsReader {
    /// Opens bytes. A `Blob` needs a worker.
    pub(crate) fn open(bytes: &Bytes) -> Result<BufReader<Self>, JsError> {
        let value: &JsValue = bytes.as_ref();
        let (held, size) = if let Some(array) = value.dyn_ref::<Uint8Array>() {
            (Held::Array(array.clone()), u64::from(array.length()))
        } else if let Some(buffer) = value.dyn_ref::<ArrayBuffer>() {
            (Held::Array(Uint8Array::new(buffer)), u64::from(buffer.byte_length()))
        } else if js_sys::Reflect::has(value, &"arrayBuffer".into()).unwrap_or(false) {
            let reader = FileReaderSync::new()
                .map_err(|_| JsError::new("a Blob can be read only in a worker; pass its arrayBuffer()"))?;
            let blob: Blob = value.clone().unchecked_into();
            let size = blob.size() as u64;
            (Held::Blob(blob, reader), size)
        } else {
            return Err(JsError::new("expected a Uint8Array, an ArrayBuffer, a Blob or a File"));
        };
        let key = HELD.with_borrow_mut(|all| {
            let key = (0..).find(|key| !all.contains_key(key)).unwrap_or_default();
            all.insert(key, held);
            key
        });
        Ok(BufReader::with_capacity(1 << 16, Self { key, size, position: 0 }))
    }
}

impl Drop for JsReader {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|all| all.remove(&self.key));
    }
}

impl Read for JsReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.size.saturating_sub(self.position).min(to.len() as u64) as usize;
        let Some(to) = to.get_mut(..length).filter(|to| !to.is_empty()) else { return Ok(0) };
        let (start, end) = (self.position, self.position + length as u64);
        HELD.with_borrow(|all| match all.get(&self.key) {
            Some(Held::Array(array)) => {
                array.subarray(start as u32, end as u32).copy_to(to);
                Ok::<_, io::Error>(())
            }
            Some(Held::Blob(blob, reader)) => {
                let read = reader.read(&blob.slice(start as f64, end as f64));
                let read = read.map_err(|_| io::Error::other("the browser cannot read the file"))?;
                Uint8Array::new(&read).copy_to(to);
                Ok(())
            }
            None => Err(io::ErrorKind::NotFound.into()),
        })?;
        self.position = end;
        Ok(length)
    }
}

impl Seek for JsReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
