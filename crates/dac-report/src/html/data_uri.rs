//! Files embedded in the page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::Render;

/// A file as the value of an attribute.
pub(super) struct DataUri<'a> {
    pub(super) media_type: &'static str,
    pub(super) bytes: &'a [u8],
}

impl Render for DataUri<'_> {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str("data:");
        buffer.push_str(self.media_type);
        buffer.push_str(";base64,");
        STANDARD.encode_string(self.bytes, buffer);
    }
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    #[test]
    fn bytes_become_base64() {
        let uri = DataUri { media_type: "text/plain", bytes: b"\xff\xfe\xfd" };
        assert_eq!(html! { a href=(uri) {} }.into_string(), "<a href=\"data:text/plain;base64,//79\"></a>");
    }
}
