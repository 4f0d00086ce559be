//! `dac download` from a local server and from files. See `download_resume` for interrupted downloads.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;

use dac::Preset;
use tiny_http::{Response, Server};

use crate::support::Lab;

/// Serves one file under every name, except that `missing` is 404.
fn serve(path: &Path) -> String {
    let server = Server::http("127.0.0.1:0").unwrap();
    let address = format!("http://{}", server.server_addr().to_ip().unwrap());
    let path = path.to_owned();
    thread::spawn(move || {
        for request in server.incoming_requests() {
            // The client may close the connection early.
            let _ = if request.url().contains("missing") {
                request.respond(Response::empty(404))
            } else {
                let file = Response::from_file(File::open(&path).unwrap());
                request.respond(file.with_chunked_threshold(usize::MAX))
            };
        }
    });
    address
}

/// Writes a half-precision checkpoint of zeros in a preset's shape, as a sparse file.
fn write_zeros(lab: &Lab, name: &str, preset: Preset) {
    let (mut header, mut at) = (serde_json::Map::new(), 0_usize);
    for (key, shape) in preset.shape().parameters() {
        let end = at + 2 * shape.iter().product::<usize>();
        header.insert(key, serde_json::json!({ "dtype": "F16", "shape": shape, "data_offsets": [at, end] }));
        at = end;
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = File::create(lab.path(name)).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&header).unwrap();
    file.set_len((8 + header.len() + at) as u64).unwrap();
}

#[test]
fn downloaded_weights_are_verified_and_found() {
    let lab = Lab::new();
    write_zeros(&lab, "model.safetensors", Preset::Khz44Kbps16);
    let server = serve(&lab.path("model.safetensors"));
    let url = format!("{server}/models/model.safetensors?download=true");
    let run = lab.dac(&format!("download 44khz-16kbps --url {url} --json")).expect(0);
    run.says("10 %").says("90 %");
    let record = run.records().remove(0);
    let target = lab.path("home/dac/weights/44khz-16kbps-custom.safetensors");
    assert_eq!((&record["status"], &record["from"]), (&"ok".into(), &url.as_str().into()));
    assert_eq!(record["path"].as_str(), target.to_str());
    let bytes = fs::metadata(lab.path("model.safetensors")).unwrap().len();
    assert_eq!((record["bytes"].as_u64(), fs::metadata(&target).unwrap().len()), (Some(bytes), bytes));
    let names = ["44khz-16kbps-custom.safetensors"];
    assert_eq!(lab.names("home/dac/weights"), names);
    let models = lab.dac("models --json").expect(0).records();
    assert_eq!((&models[1]["cached"], models[1]["path"].as_str()), (&true.into(), target.to_str()));

    let hash = record["sha256"].as_str().unwrap();
    let again = lab.dac(&format!("download 44khz-16kbps --url {url} --sha256 {hash} --json")).expect(0);
    assert_eq!(
        (&again.records()[0]["status"], &again.records()[0]["sha256"]),
        (&"skipped".into(), &hash.into())
    );

    // With a wrong hash, the new file is removed and the existing one stays.
    let wrong = "0".repeat(64);
    let run =
        lab.dac(&format!("download 44khz-16kbps --url {url} --sha256 {wrong} --overwrite --json")).expect(1);
    run.says("SHA-256").says(hash).says(&wrong).says("removed");
    assert_eq!(run.records()[0]["status"], "error");
    assert_eq!(
        (lab.names("home/dac/weights"), fs::metadata(&target).unwrap().len()),
        (names.map(String::from).to_vec(), bytes)
    );

    // So are damaged weights: the last value of the file is NaN.
    let mut file = File::options().write(true).open(lab.path("model.safetensors")).unwrap();
    file.seek(SeekFrom::End(-2)).unwrap();
    file.write_all(&0x7e00_u16.to_le_bytes()).unwrap();
    let run = lab.dac("download 44khz-16kbps --from model.safetensors --overwrite").expect(1);
    run.says("not weights of 44khz-16kbps").says("contains NaN at [").says("removed");

    // Weights of another model are rejected.
    let run = lab.dac("download 44khz --from model.safetensors").expect(1);
    run.says("not weights of 44khz").says("removed");
    assert_eq!(lab.names("home/dac/weights"), names);
}

#[test]
fn files_other_than_checkpoints_are_rejected() {
    let lab = Lab::new();
    let page = lab.put("page.html", b"<html>log in first</html>");
    let server = serve(&page);
    for arguments in ["--url SERVER/weights.pth", "--from page.html"] {
        let arguments = arguments.replace("SERVER", &server);
        let run = lab.dac(&format!("download 16khz {arguments}")).expect(1);
        run.says("not weights of 16khz").says("removed").says("a web page");
        assert_eq!(lab.names("home/dac/weights"), [""; 0]);
    }
    // With a known size, that is checked first.
    let run = lab.dac(&format!("download 16khz --source descript --url {server}/weights.pth")).expect(1);
    run.says("has 25 bytes, the published file has 296820733");
    let hash = "0".repeat(64);
    let run = lab.dac(&format!("download 16khz --url {server}/weights.pth --sha256 {hash}")).expect(1);
    run.says("expected 000").says("a web page; the download failed");
    assert_eq!(lab.names("home/dac/weights"), [""; 0]);
}

#[test]
fn failed_downloads_are_reported_with_address_or_path() {
    let lab = Lab::new();
    let server = serve(&lab.put("x", b"x"));
    let run = lab.dac(&format!("download 24khz --url {server}/missing.pth --json")).expect(1);
    run.says("404").says(&format!("{server}/missing.pth"));
    assert_eq!(run.records()[0]["status"], "error");
    assert!(run.records()[0]["error"].as_str().unwrap().contains("404"));
    assert_eq!(lab.names("home/dac/weights"), [""; 0]);
    lab.dac("download 24khz --from nowhere.pth").expect(1).says("nowhere.pth");
    let run = lab.dac("download 24khz --url http://127.0.0.1:9/weights.pth").expect(1);
    run.says("http://127.0.0.1:9/weights.pth").says("--from FILE");
    assert_eq!(lab.names("home/dac/weights"), [""; 0]);
}

#[test]
fn weights_in_other_programs_caches_need_no_download() {
    let lab = Lab::new();
    let python = lab.put("home/.cache/descript/dac/weights_44khz_8kbps_latest.pth", b"weights");
    let hub = "home/.cache/huggingface/hub/models--descript--dac_16khz/snapshots/abc/model.safetensors";
    let hub = lab.put(hub, b"weights");
    for (preset, path) in [("44khz", python), ("16khz", hub)] {
        let run = lab.dac(&format!("download {preset} --json")).expect(0);
        run.says("already exists");
        let record = run.records().remove(0);
        assert_eq!((&record["status"], record["path"].as_str()), (&"skipped".into(), path.to_str()));
    }
}

#[test]
fn the_hub_has_the_address_and_token_of_its_own_client() {
    let lab = Lab::new();
    let server = Server::http("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/hub/", server.server_addr().to_ip().unwrap());
    let (sender, requests) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for request in server.incoming_requests() {
            let is_token = |header: &&tiny_http::Header| header.field.equiv("Authorization");
            let token = request.headers().iter().find(is_token).map(|header| header.value.to_string());
            sender.send((request.url().to_owned(), token)).unwrap();
            let _ = request.respond(Response::empty(404));
        }
    });
    let variables = [("HF_ENDPOINT", endpoint.as_str()), ("HF_TOKEN", "hf_secret")];
    let run = lab.dac_with("download 44khz --source transformers", &variables).expect(1);
    let (url, token) = requests.recv().unwrap();
    assert!(url.starts_with("/hub/descript/dac_44khz/"), "{url}");
    assert_eq!(token.as_deref(), Some("Bearer hf_secret"));
    assert!(!run.stderr.contains("hf_secret"), "{}", run.stderr);
    let offline = [variables[0], ("HF_HUB_OFFLINE", "1")];
    lab.dac_with("download 44khz --source transformers", &offline).expect(2).says("HF_HUB_OFFLINE");
    assert!(requests.try_recv().is_err());
}
