//! Order of the axes in which layouts store parameters.

use super::key_map::Layout;

/// Order of the axes of a stored parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axes {
    /// As in the network.
    Same,
    /// `[out, kernel, in]` of a convolution, `[1, 1, channels]` of a snake.
    ChannelsLast,
    /// `[out, kernel, in]` of a transposed convolution, whose weight is `[in, out, kernel]`.
    InputLast,
}

impl Axes {
    /// Axes of the parameter with this canonical name.
    pub(crate) fn of(layout: Layout, name: &str) -> Self {
        if layout != Layout::Mlx {
            return Self::Same;
        }
        match name.split('.').collect::<Vec<_>>()[..] {
            ["decoder", "model", _, "block", "1", "weight"] => Self::InputLast,
            [.., "codebook", "weight"] => Self::Same,
            [.., "weight" | "alpha"] => Self::ChannelsLast,
            _ => Self::Same,
        }
    }

    /// For each axis of the network's array, the axis of the stored one.
    fn sources(self) -> [usize; 3] {
        match self {
            Self::Same => [0, 1, 2],
            Self::ChannelsLast => [0, 2, 1],
            Self::InputLast => [2, 0, 1],
        }
    }

    /// Shape of a stored array in the order of the network.
    pub(crate) fn shape(self, stored: &[usize]) -> Vec<usize> {
        match stored {
            [_, _, _] => self.sources().map(|axis| stored.get(axis).copied().unwrap_or(1)).to_vec(),
            _ => stored.to_vec(),
        }
    }

    /// Values of a stored array of this shape in the order of the network.
    pub(crate) fn values(self, values: Vec<f32>, stored: &[usize]) -> Vec<f32> {
        let &[first, second, third] = stored else { return values };
        if self == Self::Same || values.len() != first * second * third {
            return values;
        }
        let strides = [second * third, third, 1];
        let [a, b, c] = self.sources().map(|axis| strides[axis]);
        let mut ordered = Vec::with_capacity(values.len());
        let &[rows, columns, depth] = self.shape(stored).as_slice() else { return values };
        for row in 0..rows {
            for column in 0..columns {
                ordered.extend((0..depth).map(|at| values[row * a + column * b + at * c]));
            }
        }
        ordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mlx_stores_channels_last() {
        let of = |name| Axes::of(Layout::Mlx, name);
        assert_eq!(of("encoder.block.0.weight"), Axes::ChannelsLast);
        assert_eq!(of("decoder.model.1.block.0.alpha"), Axes::ChannelsLast);
        assert_eq!(of("decoder.model.4.block.1.weight"), Axes::InputLast);
        assert_eq!(of("decoder.model.4.block.2.block.1.weight"), Axes::ChannelsLast);
        assert_eq!(of("quantizer.quantizers.0.in_proj.weight"), Axes::ChannelsLast);
        assert_eq!(of("quantizer.quantizers.0.codebook.weight"), Axes::Same);
        assert_eq!(of("decoder.model.4.block.1.bias"), Axes::Same);
        assert_eq!(Axes::of(Layout::Reference, "decoder.model.4.block.1.weight"), Axes::Same);
    }

    #[test]
    fn arrays_are_brought_into_the_order_of_the_network() {
        // [out, kernel, in] of 2, 3, 2.
        let stored: Vec<f32> = (0..12_u8).map(f32::from).collect();
        assert_eq!(Axes::ChannelsLast.shape(&[2, 3, 2]), [2, 2, 3]);
        let channels_last = Axes::ChannelsLast.values(stored.clone(), &[2, 3, 2]);
        assert_eq!(channels_last, [0., 2., 4., 1., 3., 5., 6., 8., 10., 7., 9., 11.]);
        assert_eq!(Axes::InputLast.shape(&[4, 3, 5]), [5, 4, 3]);
        let input_last = Axes::InputLast.values(stored.clone(), &[2, 3, 2]);
        assert_eq!(input_last, [0., 2., 4., 6., 8., 10., 1., 3., 5., 7., 9., 11.]);
        assert_eq!(Axes::InputLast.shape(&[7]), [7]);
        assert_eq!(Axes::Same.values(stored.clone(), &[2, 3, 2]), stored);
    }
}
