//! Layer list, geometry and layers of the Descript Audio Codec.
