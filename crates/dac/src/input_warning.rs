//! The warning about an input that tokens record.

/// Loss of power in a mix of channels that causes a warning. Unrelated channels lose 10 · log10(channels),
/// 18 dB for 64 channels.
const MIX_LOSS_DB: f64 = 20.0;

/// Joins the warning of the reader and one about channels that cancel each other in their mean.
pub(crate) fn input_warning(of_reader: Option<&str>, mix_loss_db: Option<f64>) -> Option<String> {
    let of_mix = mix_loss_db.filter(|loss_db| *loss_db > MIX_LOSS_DB).map(|loss_db| {
        let mean = if loss_db.is_finite() {
            format!("{loss_db:.0} dB quieter than the channels")
        } else {
            "silent".to_owned()
        };
        format!(
            "the channels cancel each other: their mean, which is encoded, is {mean}; encode each channel by \
             itself instead (--channels keep)"
        )
    });
    let texts: Vec<_> = of_reader.map(str::to_owned).into_iter().chain(of_mix).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}
