//! Ranges in braces, as WebDataset names its shards: `shard-{000000..000127}.tar`.

use std::path::{Path, PathBuf};

/// Most paths that one input may stand for.
const MAX_PATHS: usize = 1_000_000;

/// Expands `{000..127}` and `{a,b}` in an input. A path that exists, or without such braces, stays as it is.
pub(crate) fn expand_braces(input: &Path) -> Vec<PathBuf> {
    match input.to_str().filter(|text| text.contains('{') && !input.exists()) {
        Some(text) => {
            expand(text).unwrap_or_else(|| vec![text.to_owned()]).into_iter().map(PathBuf::from).collect()
        }
        None => vec![input.to_owned()],
    }
}

/// Expands all braces. Returns `None` for a text without braces, or with too many paths.
fn expand(text: &str) -> Option<Vec<String>> {
    let (head, rest) = text.split_once('{')?;
    let (inside, tail) = rest.split_once('}')?;
    let items = match inside.split_once("..") {
        Some((from, to)) => range(from, to)?,
        None if inside.contains(',') => inside.split(',').map(str::to_owned).collect(),
        None => return None,
    };
    let tails = expand(tail).unwrap_or_else(|| vec![tail.to_owned()]);
    if items.len().checked_mul(tails.len())? > MAX_PATHS {
        return None;
    }
    let join =
        |item: &String| tails.iter().map(move |tail| format!("{head}{item}{tail}")).collect::<Vec<_>>();
    Some(items.iter().flat_map(join).collect())
}

/// Numbers from one to another, both included, with as many digits as the first.
fn range(from: &str, to: &str) -> Option<Vec<String>> {
    let parse =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<usize>().ok())?;
    let (first, last) = (parse(from)?, parse(to)?);
    if last < first || last - first >= MAX_PATHS {
        return None;
    }
    Some((first..=last).map(|number| format!("{number:0width$}", width = from.len())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists_expand_and_other_braces_stay() {
        assert_eq!(expand("s-{008..010}.tar").unwrap(), ["s-008.tar", "s-009.tar", "s-010.tar"]);
        assert_eq!(expand("{a,b}/{1..2}").unwrap(), ["a/1", "a/2", "b/1", "b/2"]);
        for other in ["plain", "{x}", "{3..1}", "{a..b}", "open{1..2", "{0..1000000}"] {
            assert_eq!(expand(other), None, "{other}");
        }
        assert_eq!(expand_braces(Path::new("a{x}.wav")), [PathBuf::from("a{x}.wav")]);
    }
}
