//! One layer, packed.

use super::geometry::Geometry;

/// What a layer does with the rows it has collected.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) geometry: Geometry,
    /// α of the snake before everything else.
    pub(crate) snake: Option<Vec<f32>>,
    pub(crate) conv: Option<Core>,
    /// What follows the convolution in a residual unit.
    pub(crate) tail: Option<Tail>,
    pub(crate) tanh: bool,
}

/// A convolution of row groups.
#[derive(Debug)]
pub(crate) struct Core {
    /// `[tap][in][out]`, where in and out are whole groups.
    pub(crate) weight: Vec<f32>,
    /// `[out]`, a whole group.
    pub(crate) bias: Vec<f32>,
}

/// Second half of a residual unit.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) alpha: Vec<f32>,
    /// `[in][out]`
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    /// Rows from a row out to the row in that is added to it, in the buffer with its leading zeros.
    pub(crate) offset: usize,
}

fn snake(x: f32, a: f32) -> f32 {
    let s = (a * x).sin();
    x + s * s / (a + 1e-9)
}

fn add_product(out: &mut [f32], x: &[f32], weight: &[f32]) {
    for (&v, w) in x.iter().zip(weight.chunks_exact(out.len())) {
        out.iter_mut().zip(w).for_each(|(o, w)| *o += v * w);
    }
}

impl Layer {
    /// Computes `groups` groups out from `rows`, which starts at the first group in of the first of them, and
    /// appends them to `out`.
    pub(crate) fn run(&self, rows: &[f32], groups: usize, out: &mut Vec<f32>) {
        let g = &self.geometry;
        let first = out.len();
        let Some(core) = &self.conv else {
            out.extend_from_slice(&rows[..groups * g.in_channels]);
            if let Some(alpha) = &self.snake {
                let out = out[first..].iter_mut();
                out.zip(alpha.iter().cycle()).for_each(|(x, &a)| *x = snake(*x, a));
            }
            self.finish_values(&mut out[first..]);
            return;
        };
        let raw = rows;
        let snaked: Option<Vec<f32>> = self
            .snake
            .as_ref()
            .map(|alpha| rows.iter().zip(alpha.iter().cycle()).map(|(&x, &a)| snake(x, a)).collect());
        let rows = snaked.as_deref().unwrap_or(rows);
        let (wide_in, wide_out) = (g.in_channels * g.in_group, g.out_channels * g.out_group);
        for group in 0..groups {
            let at = out.len();
            out.extend_from_slice(&core.bias);
            for (tap, weight) in core.weight.chunks_exact(wide_in * wide_out).enumerate() {
                let x = &rows[(group + tap * g.dilation) * wide_in..][..wide_in];
                add_product(&mut out[at..], x, weight);
            }
            if let Some(tail) = &self.tail {
                let h: Vec<f32> = out.drain(at..).zip(&tail.alpha).map(|(x, &a)| snake(x, a)).collect();
                out.extend_from_slice(&tail.bias);
                add_product(&mut out[at..], &h, &tail.weight);
                let x = &raw[(group + tail.offset) * wide_in..][..wide_in];
                out[at..].iter_mut().zip(x).for_each(|(o, x)| *o += x);
            }
        }
        self.finish_values(&mut out[first..]);
    }

    fn finish_values(&self, out: &mut [f32]) {
        if self.tanh {
            crate::reference::tanh(out);
        }
    }
}
