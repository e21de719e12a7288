//! Colours and sizes. Every text colour has at least 4.5 : 1 against white (a test computes it).

/// An sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour(pub u8, pub u8, pub u8);

/// Text.
pub(crate) const INK: Colour = Colour(0x1B, 0x20, 0x26);
/// Secondary text.
pub(crate) const GREY: Colour = Colour(0x5B, 0x64, 0x6D);
/// Accent: links, marks, the first series.
pub(crate) const ACCENT: Colour = Colour(0x0D, 0x4F, 0x63);
/// Warning: what needs attention.
pub(crate) const WARNING: Colour = Colour(0xA8, 0x32, 0x1C);
/// Hairlines, never text.
pub(crate) const HAIRLINE: Colour = Colour(0xC8, 0xCE, 0xD3);
/// Tint of the accent: the second series, bars' tracks.
pub(crate) const TINT: Colour = Colour(0xB9, 0xD3, 0xD9);
/// Ground of pictures and tracks.
pub(crate) const PALE: Colour = Colour(0xEE, 0xF1, 0xF3);
/// Paper.
pub(crate) const PAPER: Colour = Colour(0xFF, 0xFF, 0xFF);

/// Every colour that text is set in.
#[cfg(test)]
pub(crate) const TEXT_COLOURS: [(&str, Colour); 4] =
    [("ink", INK), ("grey", GREY), ("accent", ACCENT), ("warning", WARNING)];

/// Contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance).
#[cfg(test)]
pub(crate) fn contrast(a: Colour, b: Colour) -> f64 {
    fn luminance(Colour(r, g, b): Colour) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}
