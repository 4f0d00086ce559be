//! Constants of the `.dac` layout.

pub(super) const NAME: &str = "dac";

/// Version of the layout that is read and written.
pub(super) const VERSION: &str = "1.0.0";
