//! The Descript Audio Codec in one line each: load, encode, decode, save.
