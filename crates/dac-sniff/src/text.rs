//! Kinds of text.

use crate::{Guess, Kind};

/// First line of every Git LFS pointer.
const GIT_LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Starts of web pages, in lower case.
const HTML: [&str; 6] = ["<!doctype html", "<html", "<head", "<body", "<title", "<script"];

/// Characters shown of a text of no known kind.
const SHOWN_CHARACTERS: usize = 16;

pub(crate) fn guess(head: &[u8]) -> Option<Guess> {
    let utf16 = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    if utf16 && head.len() > 2 {
        return Some(Guess::new(Kind::Text, "text in UTF-16"));
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if !is_text(head) {
        return None;
    }
    if head.starts_with(GIT_LFS) {
        return Some(git_lfs(head));
    }
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start();
    let lower = text.to_lowercase();
    // Pages may begin with comments or processing instructions.
    let is_html = HTML.iter().any(|start| lower.starts_with(start))
        || lower.starts_with('<') && (lower.contains("<html") || lower.contains("<!doctype html"));
    if is_html {
        let remedy = "the download failed or needs a login; open its address in a browser to see why, and \
                      download the file itself";
        return Some(Guess::new(Kind::WebPage, "a web page").with_remedy(remedy));
    }
    if lower.starts_with("<?xml") || lower.starts_with("<error>") {
        let remedy = "if it was downloaded, read it: a server reports its errors in this form";
        return Some(Guess::new(Kind::Xml, "an XML document").with_remedy(remedy));
    }
    if is_json(text) {
        return Some(json(text));
    }
    let start: String = text.chars().take(SHOWN_CHARACTERS).collect();
    Some(Guess::new(Kind::Text, format!("text that begins with {start:?}")))
}

fn git_lfs(head: &[u8]) -> Guess {
    let text = String::from_utf8_lossy(head);
    let size = text.lines().find_map(|line| line.strip_prefix("size ")?.trim().parse::<u64>().ok());
    let what = match size {
        Some(bytes) => format!("a Git LFS pointer to a file of {bytes} bytes, not the file itself"),
        None => "a Git LFS pointer, not the file itself".to_owned(),
    };
    Guess::new(Kind::GitLfsPointer, what).with_remedy("run `git lfs pull` in its repository, or download it")
}

/// Returns true for text that begins like a JSON object or array. The text may be cut off.
fn is_json(text: &str) -> bool {
    let mut tokens = text.chars().filter(|c| !c.is_whitespace());
    match (tokens.next(), tokens.next()) {
        (Some('{'), Some('"' | '}')) => true,
        (Some('['), Some(c)) => matches!(c, '{' | '[' | ']' | '"' | '-' | '0'..='9' | 't' | 'f' | 'n'),
        _ => false,
    }
}

fn json(text: &str) -> Guess {
    if text.contains("\"weight_map\"") {
        let what = "the index of a checkpoint in several parts, not the checkpoint itself";
        return Guess::new(Kind::CheckpointIndex, what).with_remedy(crate::JOIN_PARTS);
    }
    let mut what = "JSON".to_owned();
    let mut remedy = None;
    if text.contains("\"architectures\"") || text.contains("\"model_type\"") {
        what += ", the settings of a model (config.json) without its weights";
    } else if let Some(message) = json_text(text, "error").or_else(|| json_text(text, "message")) {
        what += &format!(" with the error {message:?}");
        remedy = Some("the server sent it instead of the file; remove its cause and download the file again");
    }
    Guess { remedy, ..Guess::new(Kind::Json, what) }
}

/// Value of the first occurrence of `"key": "value"`, at most 80 characters of it.
fn json_text(text: &str, key: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("\"{key}\""))?;
    let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let (value, _) = value.split_once('"')?;
    (!value.is_empty()).then(|| value.chars().take(80).collect())
}

/// Returns true for text in UTF-8 or a code page: without control characters, and with few invalid bytes.
fn is_text(head: &[u8]) -> bool {
    let no_control =
        head.iter().all(|&byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x20..=0x7e | 0x80..));
    let invalid = String::from_utf8_lossy(head).chars().filter(|&c| c == char::REPLACEMENT_CHARACTER).count();
    no_control && invalid <= 1 + head.len() / 32
}
