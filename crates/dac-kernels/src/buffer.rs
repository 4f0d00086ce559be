//! Buffers that start on a cache line.

/// Values in a cache line.
const LINE: usize = 16;

/// The most spare values that a growing queue allocates: 1 MiB.
const MAX_SPARE: usize = 1 << 18;

/// A buffer of `f32` that only grows and starts on a cache line.
#[derive(Debug, Default)]
pub(crate) struct AlignedBuffer {
    data: Vec<f32>,
    offset: usize,
}

impl Clone for AlignedBuffer {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.as_slice().len());
        copy.grow_to(self.as_slice().len()).copy_from_slice(self.as_slice());
        copy
    }
}

impl AlignedBuffer {
    /// Creates a buffer of `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut buffer = Self::default();
        buffer.grow_to(len);
        buffer
    }

    /// Returns the first `len` values, growing the buffer if needed. Growing replaces all values with zeros.
    pub(crate) fn grow_to(&mut self, len: usize) -> &mut [f32] {
        if self.data.len() < self.offset + len {
            self.data = vec![0.0; len + LINE - 1];
            let misplaced = self.data.as_ptr() as usize / size_of::<f32>() % LINE;
            self.offset = (LINE - misplaced) % LINE;
        }
        &mut self.data[self.offset..self.offset + len]
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.data[self.offset..]
    }
}

impl AsRef<[f32]> for AlignedBuffer {
    fn as_ref(&self) -> &[f32] {
        self.as_slice()
    }
}

/// A queue of values that are appended at the end and removed at the start.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    data: AlignedBuffer,
    capacity: usize,
    start: usize,
    end: usize,
}

impl Queue {
    /// Creates a queue of `zeros` zeros in the memory of an old queue.
    pub(crate) fn new(zeros: usize, old: Self) -> Self {
        let mut queue = Self { start: 0, end: 0, ..old };
        queue.append(zeros).fill(0.0);
        queue
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.data.as_slice()[self.start..self.end]
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Appends `len` values, which the caller has to write.
    pub(crate) fn append(&mut self, len: usize) -> &mut [f32] {
        let length = self.len();
        if self.end + len > self.capacity {
            // Moving the values to the front takes time, so it happens only when the end is reached.
            if length + len > self.capacity {
                let capacity = length + len + (length + len).min(MAX_SPARE);
                let mut larger = AlignedBuffer::zeros(capacity);
                larger.grow_to(length).copy_from_slice(self.as_slice());
                (self.data, self.capacity) = (larger, capacity);
            } else {
                self.data.grow_to(self.capacity).copy_within(self.start..self.end, 0);
            }
            (self.start, self.end) = (0, length);
        }
        let at = self.end;
        self.end += len;
        &mut self.data.grow_to(self.capacity)[at..self.end]
    }

    /// Removes the last `len` values.
    pub(crate) fn drop_back(&mut self, len: usize) {
        self.end -= len.min(self.len());
    }

    /// Removes the `len` values before the last `after`.
    pub(crate) fn remove_before(&mut self, len: usize, after: usize) {
        let from = self.end - after.min(self.len());
        let len = len.min(from - self.start);
        if len > 0 {
            let end = self.end;
            self.data.grow_to(self.capacity).copy_within(from..end, from - len);
            self.end -= len;
        }
    }

    /// Removes the first `len` values.
    pub(crate) fn drop_front(&mut self, len: usize) {
        self.start += len.min(self.len());
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_keeps_its_values_in_order() {
        let mut queue = Queue::new(2, Queue::default());
        queue.append(4).copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(queue.as_slice(), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        queue.remove_before(1, 3);
        assert_eq!(queue.as_slice(), [0.0, 0.0, 2.0, 3.0, 4.0]);
        queue.drop_front(3);
        queue.drop_back(1);
        queue.append(3).copy_from_slice(&[5.0, 6.0, 7.0]);
        assert_eq!(queue.as_slice(), [3.0, 5.0, 6.0, 7.0]);
        queue.drop_front(9);
        assert_eq!(queue.len(), 0);
        assert_eq!(queue.append(1).len(), 1);
        assert!(AlignedBuffer::zeros(3).as_slice().as_ptr().addr().is_multiple_of(64));
    }
}
