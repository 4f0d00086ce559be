//! Search for weights in cache directories laid out by this project, the Python package and Hugging Face.

use std::fs;
use std::path::{Path, PathBuf};

use dac::Preset;
use dac::cache::{CachedWeights, Environment, Origin, find, find_all, place};
use dac::weights::registry::Source;

fn home() -> (tempfile::TempDir, Environment) {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_owned();
    let environment =
        Environment { platform_cache: Some(home.join("caches")), home: Some(home), ..Environment::default() };
    (folder, environment)
}

fn put(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, b"weights").unwrap();
    path.to_owned()
}

fn paths(found: &[CachedWeights]) -> Vec<&Path> {
    found.iter().map(|weights| weights.path.as_path()).collect()
}

#[test]
fn empty_caches_contain_no_weights() {
    let (_folder, environment) = home();
    for preset in Preset::ALL {
        assert_eq!(find(preset, &environment), None, "{preset}");
        assert_eq!(find(preset, &Environment::default()), None, "{preset}");
    }
}

#[test]
fn our_own_cache_comes_first_and_partial_downloads_are_ignored() {
    let (_folder, environment) = home();
    let own = place(Preset::Khz44, Some(Source::Descript), "pth", &environment).unwrap();
    let home = environment.home.clone().unwrap();
    assert_eq!(own, home.join("caches/dac/weights/44khz-descript.pth"));

    put(format!("{}.part", own.display()));
    let python = put(home.join(".cache/descript/dac/weights_44khz_8kbps_0.0.1.pth"));
    assert_eq!(paths(&find_all(Preset::Khz44, &environment)), [python.as_path()]);

    put(&own);
    let hance = put(place(Preset::Khz44, Some(Source::Hance), "", &environment).unwrap());
    let custom = put(place(Preset::Khz44, None, "safetensors", &environment).unwrap());
    let all = find_all(Preset::Khz44, &environment);
    assert_eq!(paths(&all), [custom.as_path(), &own, &hance, &python]);
    let origins: Vec<_> = all.iter().map(|weights| (weights.origin, weights.source)).collect();
    assert_eq!(origins[0], (Origin::Own, None));
    assert_eq!(origins[1], (Origin::Own, Some(Source::Descript)));
    assert_eq!(origins[3], (Origin::PythonPackage, Some(Source::Descript)));
    assert_eq!(find(Preset::Khz44Kbps16, &environment), None, "the names share a prefix, the presets do not");

    fs::write(&custom, b"").unwrap();
    assert_eq!(find(Preset::Khz44, &environment).unwrap().path, own, "an empty file is ignored");
}

#[test]
fn dac_home_replaces_the_cache_folder() {
    let (_folder, mut environment) = home();
    put(place(Preset::Khz16, Some(Source::Descript), "pth", &environment).unwrap());
    let elsewhere = environment.home.clone().unwrap().join("elsewhere");
    environment.dac_home = Some(elsewhere.clone());
    assert_eq!(find(Preset::Khz16, &environment), None);
    let path = put(place(Preset::Khz16, Some(Source::Descript), "pth", &environment).unwrap());
    assert_eq!(path, elsewhere.join("weights/16khz-descript.pth"));
    assert_eq!(find(Preset::Khz16, &environment).unwrap().path, path);
}

#[test]
fn a_custom_file_keeps_only_a_known_extension() {
    let (_folder, environment) = home();
    let name = |extension| {
        let path = place(Preset::Khz24, None, extension, &environment).unwrap();
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(name("SafeTensors"), "24khz-custom.safetensors");
    assert_eq!(name("pt"), "24khz-custom.pt");
    assert_eq!(name("../../x"), "24khz-custom.pth");
    assert_eq!(place(Preset::Khz44Kbps16, Some(Source::Hance), "", &environment), None);
}

#[test]
fn weights_of_the_python_package_are_found_by_name_and_tag() {
    let (_folder, environment) = home();
    let folder = environment.home.clone().unwrap().join(".cache/descript/dac");
    let names = [
        (Preset::Khz44, "weights_44khz_8kbps_0.0.1.pth"),
        (Preset::Khz44Kbps16, "weights_44khz_16kbps_1.0.0.pth"),
        (Preset::Khz24, "weights_24khz_8kbps_0.0.4.pth"),
        (Preset::Khz16, "weights_16khz_8kbps_0.0.5.pth"),
    ];
    for (preset, name) in names {
        let published = put(folder.join(name));
        let (prefix, _) = name.rsplit_once('_').unwrap();
        let latest = put(folder.join(format!("{prefix}_latest.pth")));
        let early = put(folder.join(format!("{prefix}_0.0.0.pth")));
        put(folder.join(format!("{prefix}_0.0.9.pth.part")));
        put(folder.join(format!("{prefix}_0.0.9.txt")));
        assert_eq!(paths(&find_all(preset, &environment)), [published.as_path(), &latest, &early]);
    }
}

#[test]
fn the_hugging_face_cache_is_found_by_each_of_its_settings() {
    let (_folder, base) = home();
    let home = base.home.clone().unwrap();
    let hubs = [
        (Environment { hf_hub_cache: Some(home.join("a")), hf_home: Some(home), ..base.clone() }, "a"),
        (Environment { hf_home: Some(base.home.clone().unwrap().join("b")), ..base.clone() }, "b/hub"),
        (
            Environment { xdg_cache_home: Some(base.home.clone().unwrap().join("c")), ..base.clone() },
            "c/huggingface/hub",
        ),
        (base.clone(), ".cache/huggingface/hub"),
    ];
    for (environment, hub) in hubs {
        let hub = base.home.clone().unwrap().join(hub);
        for (preset, khz) in [(Preset::Khz44, 44), (Preset::Khz24, 24), (Preset::Khz16, 16)] {
            let transformers =
                hub.join(format!("models--descript--dac_{khz}khz/snapshots/1/model.safetensors"));
            put(&transformers);
            let found = find(preset, &environment).unwrap();
            assert_eq!((found.path, found.source), (transformers.clone(), Some(Source::Transformers)));

            let repository = hub.join(format!("models--hance-ai--descript-audio-codec-{khz}khz"));
            let old = put(repository.join("snapshots/aaa/model.safetensors"));
            let main = put(repository.join("snapshots/bbb/model.safetensors"));
            put(repository.join("blobs/ccc.incomplete"));
            fs::create_dir_all(repository.join("snapshots/ccc")).unwrap();
            fs::create_dir_all(repository.join("refs")).unwrap();
            fs::write(repository.join("refs/main"), "bbb\n").unwrap();
            let all = find_all(preset, &environment);
            assert_eq!(paths(&all), [main.as_path(), &old, &transformers]);
            assert_eq!((all[0].origin, all[0].source), (Origin::HuggingFace, Some(Source::Hance)));
        }
        assert_eq!(find(Preset::Khz44Kbps16, &environment), None);
    }
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_dangling_ones_are_not_weights() {
    let (_folder, environment) = home();
    let repository =
        environment.home.clone().unwrap().join(".cache/huggingface/hub/models--descript--dac_16khz");
    let blob = repository.join("blobs/abc");
    let link = repository.join("snapshots/1/model.safetensors");
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("../../blobs/abc", &link).unwrap();
    assert_eq!(find(Preset::Khz16, &environment), None);
    put(blob);
    assert_eq!(find(Preset::Khz16, &environment).unwrap().path, link);
}
