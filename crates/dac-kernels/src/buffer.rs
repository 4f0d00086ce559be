//! Buffers that start on a cache line.

/// Values in a cache line.
const LINE: usize = 16;

/// A grow-only buffer of `f32` whose first value lies on a cache line.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    data: Vec<f32>,
    offset: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut buffer = Self::default();
        buffer.at_least(len);
        buffer
    }

    /// The first `len` values, after growing to that length if need be; what was there is lost by growing.
    pub(crate) fn at_least(&mut self, len: usize) -> &mut [f32] {
        if self.data.len() < self.offset + len {
            self.data = vec![0.0; len + LINE - 1];
            crate::isa::advise_huge(&self.data);
            let misplaced = self.data.as_ptr() as usize / size_of::<f32>() % LINE;
            self.offset = (LINE - misplaced) % LINE;
        }
        &mut self.data[self.offset..self.offset + len]
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.data[self.offset..]
    }
}

/// Rows that come in at the end and leave at the start.
#[derive(Debug)]
pub(crate) struct Queue {
    data: Vec<f32>,
    start: usize,
}

impl Queue {
    /// A queue that holds `zeros` zeros.
    pub(crate) fn new(zeros: usize) -> Self {
        Self { data: vec![0.0; zeros], start: 0 }
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.data[self.start..]
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len() - self.start
    }

    /// Room for `len` values more at the end.
    pub(crate) fn grow(&mut self, len: usize) -> &mut [f32] {
        // Moving what is left to the front costs its length: done only when the memory would grow otherwise.
        if self.start > 0 && (self.len() == 0 || self.data.len() + len > self.data.capacity()) {
            self.data.copy_within(self.start.., 0);
            self.data.truncate(self.data.len() - self.start);
            self.start = 0;
        }
        let at = self.data.len();
        self.data.resize(at + len, 0.0);
        &mut self.data[at..]
    }

    /// Takes away the last values.
    pub(crate) fn shrink(&mut self, len: usize) {
        self.data.truncate(self.data.len() - len.min(self.len()));
    }

    /// Takes away `len` values that lie `from_end` values before the end.
    pub(crate) fn cut(&mut self, from_end: usize, len: usize) {
        let at = self.data.len() - from_end.min(self.len());
        self.data.drain(at..at + len);
    }

    /// Takes away the first values.
    pub(crate) fn drop_front(&mut self, len: usize) {
        self.start += len.min(self.len());
    }
}
