//! Enums whose values have names: the error for other texts, and their `Display` and `FromStr`.

/// A text that is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} '{found}', expected {expected}")]
pub struct UnknownName {
    /// Kind of the value.
    pub what: &'static str,
    /// The text given.
    pub found: String,
    /// Valid names.
    pub expected: String,
}

/// Lists names for messages: "a, b or c".
pub fn name_list(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// Implements `Display` and `FromStr` for an enum with an array `ALL` and a method `name`; `$what` is the
/// kind of the value in error messages.
#[macro_export]
macro_rules! impl_names {
    ($type:ty, $what:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
        impl std::str::FromStr for $type {
            type Err = $crate::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let expected = $crate::name_list(&Self::ALL.map(Self::name));
                let unknown = $crate::UnknownName { what: $what, found: text.to_owned(), expected };
                Self::ALL.into_iter().find(|value| value.name() == text).ok_or(unknown)
            }
        }
    };
}
