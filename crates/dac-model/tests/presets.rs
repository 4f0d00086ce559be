//! The table of presets and their published files.

use std::collections::HashSet;

use dac_model::Preset;
use dac_model::checkpoint::sha256_of_bytes;
use dac_model::registry::{Source, of_sha256, published, sources};

#[test]
fn presets_are_found_by_name_and_shape() {
    let bitrates_kbps = [7.75, 15.5, 24.0, 6.0, 1.5, 3.0, 7.75];
    let parameters = [223, 268, 338, 238, 188, 198, 223];
    for (i, preset) in Preset::ALL.into_iter().enumerate() {
        assert_eq!(preset as usize, i, "the table is in the order of the enum");
        assert_eq!(preset.name().parse(), Ok(preset));
        let shape = preset.shape();
        shape.check().unwrap();
        assert_eq!(Preset::of_shape(&shape), Some(preset));
        let bitrate_kbps = shape.bitrate_kbps(shape.codebooks);
        assert!((bitrate_kbps - bitrates_kbps[i]).abs() < 0.01, "{preset}");
        assert_eq!(shape.parameters().len(), parameters[i], "{preset}");
    }
}

#[test]
fn models_are_guessed_from_their_number_of_codebooks() {
    let guesses = [9, 18, 32, 12, 10].map(|count| Preset::of_codebooks(count).map(Preset::name));
    assert_eq!(guesses, [Some("44khz"), Some("44khz-16kbps"), Some("24khz"), Some("16khz"), None]);
    // These are other models with fewer codebooks, not those of IBM.
    assert_eq!([2, 4].map(Preset::of_codebooks), [None; 2]);
}

#[test]
fn an_unknown_name_is_answered_with_all_names() {
    let error = "48khz".parse::<Preset>().unwrap_err().to_string();
    assert_eq!(
        error,
        "unknown model '48khz', expected 44khz, 44khz-16kbps, 24khz, 16khz, 24khz-speech-1.5kbps, \
         24khz-speech-3kbps or tiny"
    );
}

#[test]
fn source_names_parse_to_the_source_they_print() {
    for source in Source::ALL {
        assert_eq!(source.name().parse(), Ok(source));
    }
    assert!("huggingface".parse::<Source>().is_err());
}

#[test]
fn every_model_that_is_not_embedded_is_published_by_descript_or_ibm() {
    for preset in Preset::ALL {
        let expected = match preset {
            Preset::Tiny => None,
            Preset::Khz24Speech2 | Preset::Khz24Speech4 => Some(Source::Ibm),
            _ => Some(Source::Descript),
        };
        assert_eq!(sources(preset).first().copied(), expected, "{preset}");
    }
    assert_eq!(sources(Preset::Khz44Kbps16), [Source::Descript]);
    assert_eq!(sources(Preset::Khz16), [Source::Descript, Source::Hance, Source::Transformers]);
}

#[test]
fn addresses_names_and_hashes_are_well_formed_and_unique() {
    let (mut names, mut urls, mut files) = (HashSet::new(), HashSet::new(), 0);
    for preset in Preset::ALL {
        for file in preset.published() {
            let stem = format!("{preset}-{}.", file.source);
            assert!(file.file_name.starts_with(&stem), "{} for {stem}", file.file_name);
            let is_release = file.source == Source::Descript;
            let is_torch = is_release || file.source == Source::Ibm;
            let extension = if is_torch { ".pth" } else { ".safetensors" };
            assert!(file.url.ends_with(extension) && file.file_name.ends_with(extension), "{}", file.url);
            assert_eq!((file.repository.is_none(), file.tag.is_some()), (is_release, is_release));
            assert_eq!(published(preset, file.source).as_ref(), Some(file));
            if let Some(sha256) = file.sha256 {
                let is_hex = sha256.bytes().all(|b| b"0123456789abcdef".contains(&b));
                assert!(sha256.len() == 64 && is_hex, "{sha256}");
                assert_eq!(of_sha256(sha256), Some((preset, file.source)));
            }
            names.insert(file.file_name);
            urls.insert(file.url);
            files += 1;
        }
    }
    assert_eq!((names.len(), urls.len(), files), (12, 12, 12));
    assert_eq!(of_sha256(""), None);
}

#[test]
fn addresses_equal_the_published_ones() {
    let url = |preset, source| published(preset, source).unwrap().url;
    assert_eq!(
        url(Preset::Khz44, Source::Descript),
        "https://github.com/descriptinc/descript-audio-codec/releases/download/0.0.1/weights.pth"
    );
    assert_eq!(
        url(Preset::Khz24, Source::Transformers),
        "https://huggingface.co/descript/dac_24khz/resolve/main/model.safetensors"
    );
}

#[test]
fn hashes_are_lower_case_hexadecimal() {
    assert_eq!(sha256_of_bytes(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
