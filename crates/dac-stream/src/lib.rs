//! Chunk plans, exact streaming and the compatible chunkings of the Descript Audio Codec.
