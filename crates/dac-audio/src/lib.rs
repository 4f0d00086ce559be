//! Audio files in and out, resampling, channels, loudness.
