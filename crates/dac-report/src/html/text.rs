//! Numbers, counts and times as text.

/// Formats a count: `1 frame`, `2 frames`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("{count} {noun}") } else { format!("{count} {noun}s") }
}

/// Formats seconds as in a player, with hundredths: `1:02.50`.
pub(super) fn clock(seconds: f64) -> String {
    let hundredths = (seconds * 100.0).round() as u64;
    let (minutes, rest) = (hundredths / 6000, hundredths % 6000);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let (seconds, hundredths) = (rest / 100, rest % 100);
    match hours {
        0 => format!("{minutes}:{seconds:02}.{hundredths:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}.{hundredths:02}"),
    }
}

/// Formats a number with typographic signs; NaN becomes a dash.
pub(super) fn decimal(value: f64, digits: usize) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "∞".to_owned() } else { "−∞".to_owned() }
    } else {
        format!("{value:.digits$}").replace('-', "−")
    }
}

/// Formats ascending numbers of codebooks: `1 codebook`, `1 to 9 codebooks`, `1, 3 and 9 codebooks`.
pub(super) fn counts_text(counts: &[usize]) -> String {
    let list = |counts: &[usize]| counts.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    match counts {
        [] => String::new(),
        [count] => codebooks_text(*count),
        [first, .., last] if last - first + 1 == counts.len() && counts.len() > 2 => {
            format!("{first} to {last} codebooks")
        }
        [before @ .., last] => format!("{} and {last} codebooks", list(before)),
    }
}

/// Name of a variant: `1 codebook`, `2 codebooks`.
pub(super) fn codebooks_text(codebooks: usize) -> String {
    plural(codebooks, "codebook")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_counts_and_times_are_formatted_for_readers() {
        assert_eq!(decimal(-3.456, 2), "−3.46");
        assert_eq!(decimal(f64::INFINITY, 2), "∞");
        assert_eq!(decimal(f64::NEG_INFINITY, 2), "−∞");
        assert_eq!(decimal(f64::NAN, 2), "–");
        assert_eq!(counts_text(&[1]), "1 codebook");
        assert_eq!(counts_text(&[1, 2]), "1 and 2 codebooks");
        assert_eq!(counts_text(&[2, 3, 4]), "2 to 4 codebooks");
        assert_eq!(counts_text(&[1, 3, 9]), "1, 3 and 9 codebooks");
        assert_eq!(clock(0.0), "0:00.00");
        assert_eq!(clock(59.999), "1:00.00");
        assert_eq!(clock(7325.5), "2:02:05.50");
    }
}
