//! Presets, weight loading and the assembled Descript Audio Codec.
