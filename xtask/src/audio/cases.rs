//! The generated files.

/// A file and what is expected of it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// File name.
    pub(super) name: String,
    /// Name of the format: of an entry of [`FORMATS`], or of a file that no encoder writes by itself.
    pub(super) format: &'static str,
    /// What was done to the encoder's file; empty for nothing.
    pub(super) variant: &'static str,
    /// Shell command that makes the file; `$F` is ffmpeg.
    pub(super) command: String,
    pub(super) is_lossless: bool,
    pub(super) is_piped: bool,
    pub(super) expect: Expect,
    pub(super) reference: Reference,
    /// Another program to compare with, where installed.
    pub(super) second: Option<Reference>,
}

/// Expected state of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    Whole,
    Truncated,
    /// Bits are flipped: an error, or the same samples.
    Damaged,
    /// Truncated or damaged where nothing shows it.
    Any,
    Refused,
}

/// Program whose samples are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    Ffmpeg,
    Opusdec,
    Sox,
    Oggdec,
    /// `flac -d`.
    Flac,
    Mpg123,
}

impl Reference {
    /// Name of the program.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Opusdec => "opusdec",
            Self::Sox => "sox",
            Self::Oggdec => "oggdec",
            Self::Flac => "flac",
            Self::Mpg123 => "mpg123",
        }
    }
}

/// A codec in a container.
struct Format {
    name: &'static str,
    extension: &'static str,
    /// Command between the source and the output; `IN` and `OUT` are replaced.
    command: &'static str,
    is_lossless: bool,
    rates_hz: &'static [u32],
    max_channels: usize,
    reference: Reference,
    /// True if the end of the file can be recognized.
    has_end: bool,
}

const ALL: &[u32] = &[8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];
const MP3: &[u32] = &[8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const MP2: &[u32] = &[16_000, 24_000, 32_000, 44_100, 48_000];
const AAC: &[u32] = &[8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000];
const FEW: &[u32] = &[8_000, 44_100, 96_000];
const TWO: &[u32] = &[16_000, 44_100];

const fn lossless(
    name: &'static str,
    extension: &'static str,
    command: &'static str,
    rates_hz: &'static [u32],
    max_channels: usize,
) -> Format {
    let reference = Reference::Ffmpeg;
    Format { name, extension, command, is_lossless: true, rates_hz, max_channels, reference, has_end: true }
}

const fn lossy(
    name: &'static str,
    extension: &'static str,
    command: &'static str,
    rates_hz: &'static [u32],
    has_end: bool,
) -> Format {
    let reference = Reference::Ffmpeg;
    Format { name, extension, command, is_lossless: false, rates_hz, max_channels: 2, reference, has_end }
}

const fn opus(name: &'static str, command: &'static str) -> Format {
    let mut format = lossy(name, "opus", command, TWO, false);
    format.reference = Reference::Opusdec;
    format
}

const FORMATS: &[Format] = &[
    lossless("wav-s16", "wav", "$F -i IN -c:a pcm_s16le OUT", ALL, 6),
    lossless("wav-s24", "wav", "$F -i IN -c:a pcm_s24le OUT", FEW, 6),
    lossless("wav-s32", "wav", "$F -i IN -c:a pcm_s32le OUT", FEW, 2),
    lossless("wav-f32", "wav", "$F -i IN -c:a pcm_f32le OUT", FEW, 2),
    lossless("wav-f64", "wav", "$F -i IN -c:a pcm_f64le OUT", FEW, 2),
    lossless("wav-u8", "wav", "$F -i IN -c:a pcm_u8 OUT", FEW, 2),
    lossless("wav-alaw", "wav", "$F -i IN -c:a pcm_alaw OUT", FEW, 2),
    lossless("wav-mulaw", "wav", "$F -i IN -c:a pcm_mulaw OUT", FEW, 2),
    lossless("wav-rf64", "wav", "$F -i IN -rf64 always OUT", TWO, 2),
    lossless("wav-pipe", "wav", "$F -i IN -f wav - > OUT", TWO, 2),
    lossless("wav-ima", "wav", "$F -i IN -c:a adpcm_ima_wav OUT", FEW, 2),
    lossless("wav-ms", "wav", "$F -i IN -c:a adpcm_ms OUT", FEW, 2),
    lossless("w64", "w64", "$F -i IN -c:a pcm_s16le OUT", FEW, 2),
    lossless("w64-s24", "w64", "$F -i IN -c:a pcm_s24le OUT", TWO, 2),
    lossless("aiff-s16", "aiff", "$F -i IN -c:a pcm_s16be OUT", ALL, 6),
    lossless("aiff-s24", "aiff", "$F -i IN -c:a pcm_s24be OUT", FEW, 2),
    lossless("aiff-s32", "aiff", "$F -i IN -c:a pcm_s32be OUT", TWO, 2),
    lossless("aifc-f32", "aifc", "$F -i IN -c:a pcm_f32be -f aiff OUT", TWO, 2),
    lossless("aifc-sowt", "aifc", "$F -i IN -c:a pcm_s16le -f aiff OUT", TWO, 2),
    lossless("aifc-mulaw", "aifc", "$F -i IN -c:a pcm_mulaw -f aiff OUT", TWO, 2),
    lossless("aifc-ima", "aifc", "$F -i IN -c:a adpcm_ima_qt -f aiff OUT", TWO, 2),
    lossless("au-s16", "au", "$F -i IN -c:a pcm_s16be OUT", FEW, 2),
    lossless("au-mulaw", "au", "$F -i IN -c:a pcm_mulaw OUT", TWO, 2),
    lossless("caf-s16", "caf", "$F -i IN -c:a pcm_s16le OUT", FEW, 2),
    lossless("caf-s24be", "caf", "$F -i IN -c:a pcm_s24be OUT", TWO, 2),
    lossless("caf-f32", "caf", "$F -i IN -c:a pcm_f32le OUT", TWO, 2),
    lossless("caf-alac", "caf", "$F -i IN -c:a alac OUT", TWO, 2),
    lossless("caf-ima", "caf", "$F -i IN -c:a adpcm_ima_qt OUT", TWO, 2),
    lossless("flac", "flac", "$F -i IN -c:a flac -sample_fmt s16 OUT", ALL, 6),
    lossless("flac24", "flac", "$F -i IN -c:a flac -sample_fmt s32 OUT", FEW, 2),
    lossless("flac-tool", "flac", "flac -s -8 -o OUT IN", FEW, 2),
    lossless("flac-fast", "flac", "flac -s -0 --blocksize=576 -o OUT IN", TWO, 2),
    lossless("flac-pipe", "flac", "$F -i IN -c:a flac -f flac - > OUT", TWO, 2),
    lossless("ogg-flac", "oga", "$F -i IN -c:a flac -sample_fmt s16 OUT", FEW, 2),
    lossless("mp4-flac", "mp4", "$F -i IN -c:a flac -sample_fmt s16 -strict -2 OUT", TWO, 2),
    lossless("alac", "m4a", "$F -i IN -c:a alac OUT", FEW, 2),
    lossless("mov-s16le", "mov", "$F -i IN -c:a pcm_s16le OUT", FEW, 2),
    lossless("mov-s16be", "mov", "$F -i IN -c:a pcm_s16be OUT", TWO, 2),
    lossless("mov-s24be", "mov", "$F -i IN -c:a pcm_s24be OUT", TWO, 2),
    lossless("mov-s24le", "mov", "$F -i IN -c:a pcm_s24le OUT", TWO, 2),
    lossless("mov-s32be", "mov", "$F -i IN -c:a pcm_s32be OUT", TWO, 2),
    lossless("mov-f32be", "mov", "$F -i IN -c:a pcm_f32be OUT", TWO, 2),
    lossless("mov-f64be", "mov", "$F -i IN -c:a pcm_f64be OUT", TWO, 2),
    lossless("mov-f64le", "mov", "$F -i IN -c:a pcm_f64le OUT", TWO, 2),
    lossless("mov-alaw", "mov", "$F -i IN -c:a pcm_alaw OUT", TWO, 2),
    lossless("mov-ima", "mov", "$F -i IN -c:a adpcm_ima_qt OUT", TWO, 2),
    lossless("mkv-flac", "mkv", "$F -i IN -c:a flac -sample_fmt s16 OUT", FEW, 2),
    lossless("mkv-s16", "mkv", "$F -i IN -c:a pcm_s16le OUT", FEW, 2),
    lossless("mkv-s24be", "mkv", "$F -i IN -c:a pcm_s24be OUT", TWO, 2),
    lossless("mkv-alac", "mkv", "$F -i IN -c:a alac OUT", TWO, 2),
    lossy("mp3-cbr", "mp3", "lame --quiet -b 128 IN OUT", MP3, true),
    lossy("mp3-vbr", "mp3", "lame --quiet -V2 IN OUT", MP3, true),
    lossy("mp3-no-tag", "mp3", "lame --quiet -V2 -t IN OUT", MP3, true),
    lossy("mp3-abr", "mp3", "lame --quiet --abr 100 IN OUT", TWO, true),
    lossy("mp3-low", "mp3", "lame --quiet -b 32 IN OUT", TWO, true),
    lossy("mp3-ffmpeg", "mp3", "$F -i IN -c:a libmp3lame -q:a 3 OUT", MP3, true),
    lossy("mp3-pipe", "mp3", "$F -i IN -c:a libmp3lame -q:a 3 -f mp3 - > OUT", TWO, true),
    lossy("mp2", "mp2", "$F -i IN -c:a mp2 OUT", MP2, true),
    lossy("adts", "aac", "$F -i IN -c:a aac OUT", AAC, true),
    lossy("m4a", "m4a", "$F -i IN -c:a aac OUT", AAC, true),
    lossy("m4a-faststart", "m4a", "$F -i IN -c:a aac -movflags +faststart OUT", TWO, true),
    lossy("mp4-mp3", "mp4", "$F -i IN -c:a libmp3lame OUT", TWO, true),
    lossy(
        "mp4-fragments",
        "mp4",
        "$F -i IN -c:a aac -frag_duration 200000 -movflags \
          frag_keyframe+empty_moov OUT",
        TWO,
        true,
    ),
    lossy(
        "mp4-delay-moov",
        "mp4",
        "$F -i IN -c:a aac -frag_duration 200000 -movflags \
          delay_moov+frag_keyframe+default_base_moof OUT",
        TWO,
        true,
    ),
    lossy(
        "mp4-hls",
        "mp4",
        "rm -f init.mp4 h[0-9]*.m4s; $F -i IN -c:a aac -f hls -hls_segment_type fmp4 \
          -hls_time 0.5 -hls_list_size 0 h.m3u8; cat init.mp4 h[0-9].m4s > OUT",
        TWO,
        true,
    ),
    lossy(
        "mp4-dash",
        "mp4",
        "rm -f init-*.m4s chunk-*.m4s; $F -i IN -c:a aac -f dash -seg_duration 0.5 d.mpd; \
          cat init-stream0.m4s chunk-stream0-*.m4s > OUT",
        TWO,
        true,
    ),
    lossy("vorbis", "ogg", "oggenc -Q -q 5 -o OUT IN", ALL, false),
    lossy("vorbis-ffmpeg", "ogg", "$F -i IN -c:a libvorbis -q:a 3 OUT", FEW, false),
    lossy("mkv-aac", "mkv", "$F -i IN -c:a aac OUT", TWO, false),
    lossy("mkv-mp3", "mkv", "$F -i IN -c:a libmp3lame OUT", TWO, false),
    lossy("mkv-vorbis", "mkv", "$F -i IN -c:a libvorbis OUT", TWO, false),
    lossy("webm-vorbis", "webm", "$F -i IN -c:a libvorbis OUT", TWO, false),
    lossy("webm-opus", "webm", "$F -i IN -c:a libopus -b:a 128k OUT", TWO, false),
    lossy("webm-opus-live", "webm", "$F -i IN -c:a libopus -b:a 128k -f webm -live 1 - > OUT", TWO, false),
    lossy("mp4-opus", "mp4", "$F -i IN -c:a libopus -b:a 128k OUT", TWO, true),
    opus("opus-6", "opusenc --quiet --bitrate 6 IN OUT"),
    opus("opus-12-40", "opusenc --quiet --bitrate 12 --framesize 40 IN OUT"),
    opus("opus-16-speech", "opusenc --quiet --bitrate 16 --speech IN OUT"),
    opus("opus-24", "opusenc --quiet --bitrate 24 IN OUT"),
    opus("opus-32-60", "opusenc --quiet --bitrate 32 --framesize 60 IN OUT"),
    opus("opus-48-10", "opusenc --quiet --bitrate 48 --framesize 10 IN OUT"),
    opus("opus-64-2.5", "opusenc --quiet --bitrate 64 --framesize 2.5 IN OUT"),
    opus("opus-96-5", "opusenc --quiet --bitrate 96 --framesize 5 IN OUT"),
    opus("opus-256", "opusenc --quiet --bitrate 256 IN OUT"),
];

/// Rate and channels of files that are also truncated, extended, joined and damaged.
const VARIED: (u32, usize) = (44_100, 2);
const TRAILERS: [(&str, &str); 3] = [
    ("newline", r"printf '\n'"),
    ("id3v1", r"printf 'TAG%125s' x"),
    ("ape", r"printf 'APETAGEX\320\007\000\000\040\000\000\000\000\000\000\000\000\000\000\000%8s' x"),
];

/// Format of the files that others are encoded from.
pub(super) const SOURCE: &str = "source";

/// Returns all cases, sources first.
pub(super) fn all(quick: bool) -> Vec<Case> {
    let mut sources: Vec<Case> = Vec::new();
    let mut cases = Vec::new();
    for format in FORMATS {
        for &rate_hz in format.rates_hz {
            for channels in [1, 2, 6] {
                let is_kept = !quick || (rate_hz, channels) == VARIED || rate_hz == 96_000 && channels == 1;
                if channels > format.max_channels || !is_kept {
                    continue;
                }
                let source = format!("source-{rate_hz}-{channels}.wav");
                if !sources.iter().any(|case| case.name == source) {
                    sources.push(make_source(&source, rate_hz, channels));
                }
                let name = format!("{}-{rate_hz}-{channels}.{}", format.name, format.extension);
                let command = format.command.replace("IN", &source).replace("OUT", &name);
                let base = Case {
                    name,
                    format: format.name,
                    variant: "",
                    command,
                    is_lossless: format.is_lossless,
                    is_piped: false,
                    expect: Expect::Whole,
                    reference: format.reference,
                    second: second_reference(format).filter(|_| !quick),
                };
                cases.push(base.clone());
                if (rate_hz, channels) == VARIED {
                    add_variants(&mut cases, &base, format, quick);
                }
            }
        }
    }
    add_special(&mut cases);
    sources.extend(cases);
    sources
}

/// Returns the files of all encoders, stereo at 44.1 kHz.
pub(super) fn plain() -> Vec<Case> {
    let (rate_hz, channels) = VARIED;
    let name = format!("-{rate_hz}-{channels}.");
    all(true)
        .into_iter()
        .filter(|case| case.variant.is_empty() && case.name.contains(&name))
        .filter(|case| case.format != SOURCE)
        .collect()
}

/// A signal with a quiet start, whose length is no multiple of a block.
fn make_source(name: &str, rate_hz: u32, channels: usize) -> Case {
    let planes: Vec<String> = (0..channels)
        .map(|channel| {
            let hz = 220 + 110 * channel;
            format!("if(lt(t,0.4),0.004,0.6)*sin(2*PI*{hz}*t)+if(lt(t,0.4),0,0.2)*sin(2*PI*(300+700*t)*t)")
        })
        .collect();
    let command = format!(
        "$F -f lavfi -i \"aevalsrc='{}':s={rate_hz}:d=1.337\" -c:a pcm_s16le {name}",
        planes.join("|")
    );
    Case {
        name: name.to_owned(),
        format: SOURCE,
        variant: "",
        command,
        is_lossless: true,
        is_piped: false,
        expect: Expect::Whole,
        reference: Reference::Ffmpeg,
        second: None,
    }
}

/// Another decoder of a format.
fn second_reference(format: &Format) -> Option<Reference> {
    match format.extension {
        "ogg" => Some(Reference::Oggdec),
        "flac" => Some(Reference::Flac),
        "mp2" | "mp3" => Some(Reference::Mpg123),
        _ => None,
    }
}

fn add_variants(cases: &mut Vec<Case>, base: &Case, format: &Format, quick: bool) {
    let from = &base.name;
    let extension = format.extension;
    let mut add = |variant: &'static str, command: &dyn Fn(&str) -> String, expect| {
        let name = format!("{}-{variant}.{extension}", format.name);
        let second = base.second.filter(|_| expect == Expect::Whole);
        cases.push(Case { command: command(&name), name, variant, expect, second, ..base.clone() });
    };
    let cut = if format.has_end { Expect::Truncated } else { Expect::Any };
    add("minus-1", &|out| format!("head -c -1 {from} > {out}"), Expect::Any);
    add("minus-100", &|out| format!("head -c -100 {from} > {out}"), Expect::Any);
    add("half", &|out| format!("head -c $(($(stat -c %s {from}) / 2)) {from} > {out}"), cut);
    for (name, trailer) in TRAILERS {
        add(name, &|out| format!("cp {from} {out}; {trailer} >> {out}"), Expect::Whole);
    }
    if !quick {
        add("joined", &|out| format!("cat {from} {from} > {out}"), Expect::Any);
        for (name, part) in [("flip-20", 20), ("flip-50", 50), ("flip-80", 80)] {
            let command = |out: &str| {
                format!(
                    "cp {from} {out}; printf '\\252' | dd of={out} bs=1 conv=notrunc status=none \
                     seek=$(($(stat -c %s {from}) * {part} / 100))"
                )
            };
            add(name, &command, Expect::Damaged);
        }
    }
    let name = format!("{}-stdin.{extension}", format.name);
    let command = format!("cp {from} {name}");
    cases.push(Case { name, command, variant: "stdin", is_piped: true, second: None, ..base.clone() });
}

/// Files that no encoder writes by itself.
fn add_special(cases: &mut Vec<Case>) {
    let mut add = |name: &'static str, command: &str, is_lossless, expect, reference| {
        let command = command.replace("IN", "source-44100-2.wav").replace("OUT", name);
        cases.push(Case {
            name: name.to_owned(),
            format: name,
            variant: "",
            command,
            is_lossless,
            is_piped: false,
            expect,
            reference,
            second: None,
        });
    };
    use Expect::{Refused, Whole};
    use Reference::{Ffmpeg, Opusdec, Sox};
    add("rifx.wav", "sox -R IN -B OUT", true, Whole, Sox);
    add("sox-ima.wav", "sox -R IN -e ima-adpcm OUT", true, Whole, Ffmpeg);
    add("sox-ms.wav", "sox -R IN -e ms-adpcm OUT", true, Whole, Ffmpeg);
    add("sox-pipe.aiff", "sox -R IN -t aiff - > OUT", true, Whole, Ffmpeg);
    add("sox.w64", "sox -R IN OUT", true, Whole, Ffmpeg);
    add("sox.caf", "sox -R IN OUT", true, Whole, Ffmpeg);
    add("chained.opus", "cat opus-24-44100-2.opus opus-256-44100-2.opus > OUT", false, Whole, Opusdec);
    add(
        "id3-twice.mp3",
        r"(printf 'ID3\004\000\000\000\000\000\005hello'; printf 'ID3\003\000\000\000\000\000\003abc'; \
          cat mp3-cbr-44100-2.mp3) > OUT",
        false,
        Whole,
        Ffmpeg,
    );
    add(
        "id3.flac",
        r"(printf 'ID3\004\000\000\000\000\000\005hello'; cat flac-44100-2.flac) > OUT",
        true,
        Whole,
        Ffmpeg,
    );
    add("ac3.mkv", "$F -i IN -c:a ac3 OUT", false, Refused, Ffmpeg);
    add("surround.m4a", "$F -i IN -ac 6 -c:a aac OUT", false, Refused, Ffmpeg);
    add("wma.asf", "$F -i IN -c:a wmav2 OUT", false, Refused, Ffmpeg);
    add("wavpack.wv", "$F -i IN -c:a wavpack OUT", false, Refused, Ffmpeg);
}
