//! Token files: .safetensors, .npy, .pt, .dac and .dacp.
