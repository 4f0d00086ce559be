//! Rules on import cycles.

use std::path::PathBuf;

use xtask::tidy::cycles::faults;

#[test]
fn modules_that_import_each_other_are_found() {
    let files = |b: &str| {
        let root = "pub use b::{Thing, Other};\nmod a;\nmod b;\nmod error;\n";
        let a = "use crate::{\n    Thing,\n    error::Error,\n};\n";
        let error = "use crate::Thing;\n";
        let texts = [("lib", root), ("a/mod", a), ("b", b), ("error", error)];
        texts.map(|(name, text)| (PathBuf::from(format!("crates/x/src/{name}.rs")), text.to_owned()))
    };
    assert_eq!(faults(&files("use crate::error::Error;\n// crate::a\n")), [""; 0]);
    assert_eq!(faults(&files("#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n")), [""; 0]);
    assert_eq!(faults(&files("fn f() { crate::a::g() }\n")), ["crates/x: a, b import each other"]);
}
