//! CPU kernels of the Descript Audio Codec on plain f32 slices.
