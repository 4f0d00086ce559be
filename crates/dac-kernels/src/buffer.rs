//! Buffers that start on a cache line.

/// Values in a cache line.
const LINE: usize = 16;

/// Most values of room beyond what a queue needs: 1 MiB.
const SPARE: usize = 1 << 18;

/// A grow-only buffer of `f32` whose first value lies on a cache line.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    data: Vec<f32>,
    offset: usize,
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.as_slice().len());
        copy.at_least(self.as_slice().len()).copy_from_slice(self.as_slice());
        copy
    }
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
#[derive(Debug, Default)]
pub(crate) struct Queue {
    data: Aligned,
    size: usize,
    start: usize,
    end: usize,
}

impl Queue {
    /// A queue that holds `zeros` zeros, in the memory of another.
    pub(crate) fn new(zeros: usize, memory: Self) -> Self {
        let mut queue = Self { start: 0, end: 0, ..memory };
        queue.grow(zeros).fill(0.0);
        queue
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.data.as_slice()[self.start..self.end]
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Room for `len` values more at the end; what they are is for the caller to write.
    pub(crate) fn grow(&mut self, len: usize) -> &mut [f32] {
        let held = self.len();
        if self.end + len > self.size {
            // Moving what is left to the front costs its length, so it waits until the end is reached.
            if held + len > self.size {
                let size = held + len + (held + len).min(SPARE);
                let mut larger = Aligned::zeros(size);
                larger.at_least(held).copy_from_slice(self.as_slice());
                (self.data, self.size) = (larger, size);
            } else {
                self.data.at_least(self.size).copy_within(self.start..self.end, 0);
            }
            (self.start, self.end) = (0, held);
        }
        let at = self.end;
        self.end += len;
        &mut self.data.at_least(self.size)[at..self.end]
    }

    /// Takes away the last values.
    pub(crate) fn shrink(&mut self, len: usize) {
        self.end -= len.min(self.len());
    }

    /// Takes away `len` values that lie before the last `after`.
    pub(crate) fn cut(&mut self, len: usize, after: usize) {
        let from = self.end - after.min(self.len());
        let len = len.min(from - self.start);
        if len > 0 {
            let end = self.end;
            self.data.at_least(self.size).copy_within(from..end, from - len);
            self.end -= len;
        }
    }

    /// Takes away the first values.
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
    fn a_queue_keeps_what_is_in_it() {
        let mut queue = Queue::new(2, Queue::default());
        queue.grow(4).copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(queue.as_slice(), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        queue.cut(1, 3);
        assert_eq!(queue.as_slice(), [0.0, 0.0, 2.0, 3.0, 4.0]);
        queue.drop_front(3);
        queue.shrink(1);
        queue.grow(3).copy_from_slice(&[5.0, 6.0, 7.0]);
        assert_eq!(queue.as_slice(), [3.0, 5.0, 6.0, 7.0]);
        queue.drop_front(9);
        assert_eq!(queue.len(), 0);
        assert_eq!(queue.grow(1).len(), 1);
        assert!(Aligned::zeros(3).as_slice().as_ptr().addr().is_multiple_of(64));
    }
}
