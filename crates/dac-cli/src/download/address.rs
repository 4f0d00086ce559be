//! Addresses without their secrets, for messages and files.

/// Parts of names of query parameters whose values give access to a file.
const SECRETS: [&str; 7] = ["token", "sig", "key", "secret", "pass", "auth", "credential"];

/// Replacement for a secret.
const MASK: &str = "***";

/// Returns the address with its password, and the values of query parameters that give access, replaced by
/// `***`.
pub(super) fn masked(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let path_at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:{MASK}@{host}"),
            // A name without a password is often an access token.
            None => format!("{MASK}@{host}"),
        },
        None => authority.to_owned(),
    };
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let query = query.map(|query| {
        let parameters: Vec<String> = query.split('&').map(masked_parameter).collect();
        format!("?{}", parameters.join("&"))
    });
    let separator = if url.contains("://") { "://" } else { "" };
    format!("{scheme}{separator}{authority}{path}{}", query.unwrap_or_default())
}

fn masked_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if SECRETS.iter().any(|secret| name.to_ascii_lowercase().contains(secret)) => {
            format!("{name}={MASK}")
        }
        _ => parameter.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_signatures_are_masked_and_everything_else_is_kept() {
        for (url, expected) in [
            ("https://host/a.pth?download=true#x", "https://host/a.pth?download=true#x"),
            ("https://ann:pa:ss@host:8080/a@b.pth", "https://ann:***@host:8080/a@b.pth"),
            ("https://hf_abc@host/a", "https://***@host/a"),
            (
                "http://host?access_token=1&a=b&X-Amz-Signature=2",
                "http://host?access_token=***&a=b&X-Amz-Signature=***",
            ),
            ("host/path", "host/path"),
        ] {
            assert_eq!(masked(url), expected);
        }
    }
}
