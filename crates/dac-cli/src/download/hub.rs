//! Settings of Hugging Face's own client, from the environment.

use crate::exit::Usage;

/// Address of the hub without `HF_ENDPOINT`.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Address of the hub, and access to it.
#[derive(Debug, Default)]
pub(super) struct Hub {
    endpoint: Option<String>,
    token: Option<String>,
    is_offline: bool,
}

impl Hub {
    /// Reads `HF_ENDPOINT`, `HF_TOKEN` (or its older name `HUGGING_FACE_HUB_TOKEN`) and `HF_HUB_OFFLINE`.
    pub(super) fn from_process() -> Self {
        let text = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let endpoint = text("HF_ENDPOINT").map(|endpoint| endpoint.trim().trim_end_matches('/').to_owned());
        let token = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN"));
        let is_on = |value: String| ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str());
        Self {
            endpoint,
            // Tokens are often pasted with a line end.
            token: token.map(|token| token.trim().to_owned()),
            is_offline: text("HF_HUB_OFFLINE").is_some_and(is_on),
        }
    }

    /// Address of a published file at the endpoint.
    ///
    /// # Errors
    /// Fails for a file on the hub if that must not be used.
    pub(super) fn address(&self, url: &str) -> Result<String, Usage> {
        let Some(path) = url.strip_prefix(DEFAULT_ENDPOINT) else { return Ok(url.to_owned()) };
        if self.is_offline {
            return Err(Usage(format!(
                "HF_HUB_OFFLINE is set, so {url} is not downloaded; use --from FILE for a file that was \
                 downloaded elsewhere"
            )));
        }
        Ok(format!("{}{path}", self.endpoint()))
    }

    /// Access token for an address, if it is on the hub. Redirections to other servers do not get it.
    pub(super) fn token_for(&self, url: &str) -> Option<&str> {
        let is_on_hub = url.strip_prefix(self.endpoint()).is_some_and(|path| path.starts_with('/'));
        self.token.as_deref().filter(|_| is_on_hub)
    }

    fn endpoint(&self) -> &str {
        self.endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hub_gets_the_token() {
        let mut hub = Hub { token: Some("secret".to_owned()), ..Hub::default() };
        assert_eq!(hub.token_for("https://huggingface.co/a/b"), Some("secret"));
        assert_eq!(hub.token_for("https://huggingface.co.evil.net/a"), None);
        assert_eq!(hub.token_for("https://github.com/a"), None);
        hub.endpoint = Some("https://mirror".to_owned());
        assert_eq!(hub.token_for("https://huggingface.co/a"), None);
        assert_eq!(hub.address("https://huggingface.co/a").ok().as_deref(), Some("https://mirror/a"));
        assert_eq!(hub.address("https://github.com/a").ok().as_deref(), Some("https://github.com/a"));
        hub.is_offline = true;
        assert!(
            hub.address("https://huggingface.co/a").is_err() && hub.address("https://github.com/a").is_ok()
        );
    }
}
