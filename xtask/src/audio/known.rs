//! Differences between dac-audio and the reference programs, with the reason.

/// A known difference: parts of the name of the case, parts of the difference, and the reason.
struct Known {
    name: &'static [&'static str],
    difference: &'static [&'static str],
    reason: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        name: &["wav-pipe-newline"],
        difference: &["truncated"],
        reason: "the size is unknown: bytes at the end are part of a sample",
    },
    Known {
        name: &["w64-"],
        difference: &["reference 0"],
        reason: "ffmpeg refuses Wave64 with bytes after the samples",
    },
    Known {
        name: &["minus-1"],
        difference: &["reference 0"],
        reason: "ffmpeg refuses a truncated index; all of its tables are present",
    },
    Known {
        name: &["au-"],
        difference: &["reference"],
        reason: "ffmpeg reads bytes after the size in the header as samples",
    },
    Known {
        name: &["mp", "-half"],
        difference: &["is not called truncated"],
        reason: "the cut is between two frames, and no tag counts the frames",
    },
    Known {
        name: &["mp2-", "-1.mp2"],
        difference: &["refused"],
        reason: "the standard does not allow mono at 384 kbit/s, which ffmpeg writes",
    },
    Known {
        name: &["mkv-alac-flip"],
        difference: &["SNR"],
        reason: "ALAC has no checksum: another decoder fails at another place",
    },
    Known {
        name: &["mp4-", "joined"],
        difference: &["samples, reference"],
        reason: "all fragments are read; ffmpeg loses some at the joint",
    },
    Known {
        name: &["vorbis-"],
        difference: &["samples, reference"],
        reason: "the position of the last page gives the length of the source; ffmpeg keeps or loses a block",
    },
    Known {
        name: &["webm-opus", "joined"],
        difference: &["samples, reference"],
        reason: "the delay and padding of each part are removed",
    },
    Known {
        name: &["mkv-", "joined"],
        difference: &["samples, reference"],
        reason: "the decoder starts anew at the joint, and delay and padding are removed",
    },
    Known { name: &["mkv-", "joined"], difference: &["SNR"], reason: "the decoder starts anew at the joint" },
    Known {
        name: &["opus-", "joined"],
        difference: &["SNR"],
        reason: "the decoder starts anew with each stream (RFC 7845); opusdec keeps its state",
    },
    Known {
        name: &["sox-"],
        difference: &["samples, reference"],
        reason: "the fact chunk ends inside the last block; ffmpeg ignores it",
    },
    Known {
        name: &["mp4-delay-moov"],
        difference: &["1024 samples of delay are removed"],
        reason: "the edit list skips the delay of the encoder; ffmpeg ignores it in fragmented files",
    },
    Known {
        name: &["mp4-dash"],
        difference: &["1024 samples of delay are removed"],
        reason: "the edit list skips the delay of the encoder; ffmpeg ignores it in fragmented files",
    },
    Known {
        name: &["m4a"],
        difference: &["samples, reference"],
        reason: "the edit list ends with the source; ffmpeg returns the padding of the last packet",
    },
    Known {
        name: &["mp4-mp3"],
        difference: &["samples, reference"],
        reason: "the edit list ends with the source; ffmpeg returns the padding of the last packet",
    },
    Known {
        name: &["mp4-opus"],
        difference: &["samples, reference"],
        reason: "the edit list ends with the source; ffmpeg returns the padding of the last packet",
    },
    Known {
        name: &["mp3-", "joined"],
        difference: &["samples, reference"],
        reason: "each file's delay and padding are removed; ffmpeg plays the tag of the second as a frame",
    },
    Known {
        name: &["flac", "joined"],
        difference: &["samples, reference"],
        reason: "ffmpeg loses the frame at the joint",
    },
    Known {
        name: &["mp3-"],
        difference: &["samples, reference"],
        reason: "ffmpeg decodes the part of the last frame; only whole frames are read here",
    },
    Known {
        name: &["mp2-"],
        difference: &["samples, reference"],
        reason: "ffmpeg decodes the part of the last frame; only whole frames are read here",
    },
];

/// Returns the reason of a difference.
pub(super) fn reason(name: &str, difference: &str) -> Option<&'static str> {
    let matches = |parts: &[&str], text: &str| parts.iter().all(|part| text.contains(part));
    let known = KNOWN.iter().find(|known| matches(known.name, name) && matches(known.difference, difference));
    known.map(|known| known.reason)
}
