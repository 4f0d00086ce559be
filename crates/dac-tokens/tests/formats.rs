//! Names, detection and capacities of the formats.

use dac_tokens::{Format, Save};

#[test]
fn names_parse_with_dot_and_in_upper_case() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
        assert_eq!(format!(".{format}").to_uppercase().parse(), Ok(format));
    }
    let unknown = "wav".parse::<Format>().unwrap_err().to_string();
    assert!(unknown.ends_with("known formats are safetensors, npy, pt, dac, dacp"), "{unknown}");
}

#[test]
fn content_of_other_types_is_not_detected() {
    assert_eq!(Format::sniff(b""), None);
    assert_eq!(Format::sniff(b"RIFF....WAVEfmt "), None);
}

#[test]
fn capacities_differ() {
    let arrays = |codes, z, latents| Save { codes, z, latents };
    for (format, codes_and_z, z, latents) in [
        (Format::Safetensors, true, true, true),
        (Format::Pt, true, true, true),
        (Format::Npy, false, true, false),
        (Format::Dac, false, false, false),
        (Format::Dacp, false, false, false),
    ] {
        assert!(format.can_hold(Save::default()) && !format.can_hold(arrays(false, false, false)));
        assert_eq!(format.can_hold(arrays(true, true, false)), codes_and_z, "{format}");
        assert_eq!(format.can_hold(arrays(false, true, false)), z, "{format}");
        assert_eq!(format.can_hold(arrays(false, false, true)), latents, "{format}");
    }
}
