//! The page of `dac report` in Chromium.

mod devtools;

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::external_tools::{is_available, on_path};
use crate::support::Lab;
use devtools::Browser;

const SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/audio/librivox_austen.wav");
/// A file name with markup, which the page must escape.
const NAME: &str = "<img src=x onerror=document.title=1>&amp;.wav";

/// Reports on speech under a file name and opens the page; returns `None` without a browser.
fn open_report(lab: &Lab, name: &str, arguments: &str) -> Option<Browser> {
    if !is_available("chromium", on_path("chromium")) {
        return None;
    }
    fs::copy(SPEECH, lab.path(name)).unwrap();
    let mut command = lab.command(&format!("report --output report.html --model tiny {arguments}"));
    let output = command.arg(name).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut browser = Browser::start();
    browser.open(&lab.path("report.html"));
    Some(browser)
}

#[test]
fn the_page_loads_its_players_and_pictures_and_nothing_else() {
    let lab = Lab::new();
    let Some(mut browser) = open_report(&lab, NAME, "--quantizers 1,3,9") else { return };
    browser.wait_for("[...document.querySelectorAll('audio')].every((player) => player.readyState >= 1)");
    let players =
        browser.evaluate("[...document.querySelectorAll('audio')].map((player) => player.duration)");
    let wave = crate::support::Wave::read(SPEECH.as_ref());
    let seconds = wave.samples() as f64 / f64::from(wave.rate_hz);
    let durations: Vec<f64> =
        players.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(durations.len(), 4);
    assert!(
        durations.iter().all(|duration| (duration - seconds).abs() < 1e-3),
        "{durations:?}, not {seconds}"
    );

    let pictures = browser.evaluate(
        "[...document.images].map((image) => [image.complete, image.naturalWidth, image.naturalHeight])",
    );
    let pictures = pictures.as_array().unwrap();
    assert_eq!(pictures.len(), 5);
    for picture in pictures {
        assert!(
            picture[0] == true && picture[1].as_u64() > Some(300) && picture[2].as_u64() > Some(8),
            "{picture}"
        );
    }
    assert_eq!(browser.evaluate("document.querySelector('h1').textContent"), NAME);
    assert_eq!(browser.evaluate("document.title"), format!("{NAME} – dac report"));
    assert_eq!(browser.problems(), [&Value::Null; 0]);
    let page = format!("file://{}", lab.path("report.html").display());
    let requests = browser.requests();
    assert!(
        requests.contains(&page) && requests.iter().all(|url| *url == page || url == "data:"),
        "{requests:?}"
    );

    // The policy blocks other scripts, which the browser reports.
    browser.evaluate(
        "(() => {
           const script = document.createElement('script');
           script.textContent = 'document.title = 1';
           document.body.append(script);
         })()",
    );
    assert_eq!(browser.evaluate("document.title"), format!("{NAME} – dac report"));
    browser.evaluate("new Promise((done) => setTimeout(done, 100))");
    assert!(!browser.problems().is_empty());
}

#[test]
fn one_variant_plays_at_a_time_at_a_common_position() {
    let lab = Lab::new();
    let Some(mut browser) = open_report(&lab, "a.wav", "--quantizers 1,3,9") else { return };
    browser.evaluate(
        "globalThis.players = [...document.querySelectorAll('audio')];
         globalThis.playing = () => players.flatMap((player, index) => (player.paused ? [] : index)).join();
         globalThis.choice = (version) => document.querySelector(`#switch [data-version='${version}']`);
         true",
    );
    browser.wait_for("players.every((player) => player.readyState >= 1)");
    // Slow playback, so that it does not end between two steps on a busy machine.
    browser.evaluate("players.forEach((player) => (player.playbackRate = 0.1))");
    assert_eq!(browser.evaluate("document.getElementById('switch').hidden"), false);
    assert_eq!(browser.evaluate("document.getElementById('play').click(), playing()"), "0");
    browser.wait_for("players[0].currentTime > 0.1");

    // Switch with the bar during playback.
    let at_s =
        browser.evaluate("(() => { const at = players[0].currentTime; choice(3).click(); return at; })()");
    browser.wait_for("playing() === '2'");
    let position_s = browser.evaluate("players[2].currentTime").as_f64().unwrap();
    assert!(position_s >= at_s.as_f64().unwrap() - 0.05, "from {at_s} to {position_s}");
    assert_eq!(browser.evaluate("choice(3).getAttribute('aria-pressed')"), "true");
    assert_eq!(browser.evaluate("choice('original').getAttribute('aria-pressed')"), "false");

    // Switch with a player, which continues at the position of the previous one.
    browser.evaluate("players[2].pause(), players[2].currentTime = 1.5, players[3].play().then(() => true)");
    browser.wait_for("playing() === '3' && players[3].currentTime > 1.5");
    assert!(browser.evaluate("players[3].currentTime").as_f64().unwrap() < 5.0);

    // A position chosen by the listener is kept.
    browser.evaluate("players[3].pause(), players[1].currentTime = 0.25");
    browser.wait_for("choice(1).getAttribute('aria-pressed') === 'true'");
    browser.evaluate("document.getElementById('play').click()");
    browser.wait_for("playing() === '1' && players[1].currentTime > 0.25");
    assert!(browser.evaluate("players[1].currentTime").as_f64().unwrap() < 1.4);
    browser.evaluate("document.getElementById('play').click()");
    browser.wait_for("playing() === ''");

    // A click in the middle of a picture plays its variant from there.
    browser.evaluate(
        "(() => {
           const plot = document.querySelector('#version-9 .plot'), box = plot.getBoundingClientRect();
           const clientX = box.left + box.width / 2;
           plot.dispatchEvent(new MouseEvent('click', { bubbles: true, clientX }));
         })()",
    );
    browser.wait_for("playing() === '3' && players[3].currentTime >= players[3].duration / 2");

    // After the end, the next variant starts from the beginning.
    browser.evaluate("players[3].currentTime = players[3].duration - 0.03");
    browser.wait_for("players[3].ended");
    browser.evaluate("players[0].play().then(() => true)");
    browser.wait_for("playing() === '0' && players[0].currentTime > 0 && players[0].currentTime < 4");

    assert_eq!(
        browser.evaluate("document.getElementById('repeat').click(), players.every((player) => player.loop)"),
        true
    );
    assert_eq!(browser.problems(), [&Value::Null; 0]);
}

/// Script for the contrast of two `rgb(…)` colours by WCAG 2.
const CONTRAST: &str = "
    globalThis.luminance = (colour) => {
      const linear = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    globalThis.contrast = (one, other) => {
      const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05);
    };
    globalThis.style = (selector) => getComputedStyle(document.querySelector(selector));
    true";

/// Saves a screenshot of each combination in the directory `DAC_SCREENSHOTS`, if that is set.
#[test]
fn light_and_dark_schemes_have_contrast_on_wide_and_narrow_screens() {
    let lab = Lab::new();
    let Some(mut browser) = open_report(&lab, "librivox_austen.wav", "") else { return };
    browser.evaluate(CONTRAST);
    let screenshots = std::env::var_os("DAC_SCREENSHOTS").map(PathBuf::from);
    for (scheme, is_dark) in [("light", false), ("dark", true)] {
        for width in [1100, 360] {
            browser.emulate(width, scheme);
            let of = |browser: &mut Browser, expression: &str| browser.evaluate(expression).as_f64().unwrap();
            let ground = of(&mut browser, "luminance(style('body').backgroundColor)");
            assert_eq!(ground < 0.2, is_dark, "{scheme}: {ground}");
            for (text, behind, least) in [
                ("body", "body", 7.0),
                ("section > p", "body", 4.5),
                ("thead th", ".scroll", 4.5),
                (".summary p", ".version", 4.5),
                (".choices [aria-pressed=true]", ".choices [aria-pressed=true]", 4.5),
            ] {
                let contrast = of(
                    &mut browser,
                    &format!("contrast(style('{text}').color, style('{behind}').backgroundColor)"),
                );
                assert!(contrast >= least, "{scheme}: {text} has a contrast of {contrast}");
            }
            let beyond = of(&mut browser, "document.documentElement.scrollWidth - innerWidth");
            assert!(beyond <= 0.0, "{scheme}, {width}: {beyond} pixels too wide");
            let narrowest =
                of(&mut browser, "Math.min(...[...document.images].map((image) => image.clientWidth))");
            assert!(
                narrowest > f64::from(width.min(900)) * 0.75,
                "{scheme}, {width}: a picture of {narrowest} pixels"
            );
            if let Some(folder) = &screenshots {
                let shot = browser.call("Page.captureScreenshot", json!({"captureBeyondViewport": true}));
                let shot = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
                fs::write(folder.join(format!("{scheme}-{width}.png")), shot).unwrap();
            }
        }
    }
    assert_eq!(browser.problems(), [&Value::Null; 0]);
}

#[test]
fn all_controls_and_pictures_have_accessible_names() {
    let lab = Lab::new();
    let Some(mut browser) = open_report(&lab, "a.wav", "--quantizers 1,2") else { return };
    let tree = browser.call("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let names = |role: &str| -> Vec<&str> {
        let of_role = nodes.iter().filter(|node| node["ignored"] != true && node["role"]["value"] == role);
        of_role.map(|node| node["name"]["value"].as_str().unwrap_or_default()).collect()
    };
    for role in
        ["button", "slider", "checkbox", "image", "Audio", "region", "article", "columnheader", "rowheader"]
    {
        let names = names(role);
        assert!(!names.is_empty() && names.iter().all(|name| !name.trim().is_empty()), "{role}: {names:?}");
    }
    let pictures = names("image");
    assert_eq!(pictures.len(), 4);
    let axes = "0:05.30, 0 Hz to 22.05 kHz";
    for name in [format!("Spectrogram: 1 codebook, {axes}"), "Codes of 2 codebooks in 457 frames".to_owned()]
    {
        assert!(pictures.contains(&name.as_str()), "{name} in {pictures:?}");
    }
    assert_eq!(names("Audio"), ["Player: Original", "Player: 1 codebook", "Player: 2 codebooks"]);
}
