//! How each figure is computed, in words a reader can check.

/// Figure and explanation, in the order of the report.
pub const METHODS: [(&str, &str); 14] = [
    (
        "Period",
        "Half-open: it holds the instant it begins with and not the instant it ends with. Both are local midnights in \
         the zone named on page 1, unless the report says \u{201c}so far\u{201d}. Consecutive reports leave no gap and \
         no overlap.",
    ),
    (
        "Cut",
        "Every figure is a function of the log of changes up to the closing at the period\u{2019}s end, and of nothing \
         later. All recipients of this report see the same figures, whenever it reached them.",
    ),
    (
        "Present",
        "Present at the end = present at the start + found + added + moved in − moved out − removed. Found are \
         documents that existed before observation began; they never count as added.",
    ),
    (
        "Moved",
        "Documents that came from another trial or went to one. By person, by week and in the breakdowns, moved in \
         counts with added and moved out with removed.",
    ),
    (
        "Changes",
        "Changes to documents in the period; a document that changed twice counts twice. A change alters no count of \
         present documents.",
    ),
    (
        "Needs attention",
        "Present documents with an open finding that wants a person, worst first, then oldest. A document with several \
         findings counts once. Days are whole days between the finding and the cut.",
    ),
    ("By whom and why", "Who made the change and the reason given with it. Several changes by one person add up."),
    (
        "Overdue",
        "An expected document that is not present and whose due date lies before the cut\u{2019}s day in the zone. \
         Without a list of expected documents nothing is overdue.",
    ),
    (
        "Analysed",
        "Present documents whose content was read and measured, of all present documents. Unreadable ones are \
         findings; waiting ones were not yet read at the cut and enter the next report.",
    ),
    (
        "Luminance, contrast",
        "Mean and standard deviation of an image\u{2019}s luminance (0.299 R + 0.587 G + 0.114 B, 0 to 255); the figure \
         shown is the mean over all analysed images, each counting once.",
    ),
    (
        "Sharpness",
        "Variance of the Laplacian of luminance, the long side brought to 1,024 pixels or less; the figure shown is \
         the mean over all analysed images. Higher is sharper.",
    ),
    (
        "Clipped shadows, highlights",
        "Share of an image\u{2019}s pixels with a luminance of at most 2, or of at least 253; the figure shown is the \
         mean over all analysed images.",
    ),
    ("Duplicates", "Present documents whose files have the same SHA-256, byte for byte."),
    (
        "Names",
        "File names are printed as stored. A character without a glyph, an invisible one, or one that would change \
         the direction of writing is printed as its code point, as in [U+202E]. Longer names than 400 characters are \
         shortened in the middle (…).",
    ),
];
