//! The layout of samples in this crate, `[channels][samples]`.

/// Samples as `[channels][samples]`, all channels of equal length.
pub type Planar = Vec<Vec<f32>>;

/// Appends `block` to `out` channel by channel; both have the same number of channels.
pub(crate) fn append(out: &mut Planar, block: Planar) {
    for (plane, more) in out.iter_mut().zip(block) {
        plane.extend(more);
    }
}
