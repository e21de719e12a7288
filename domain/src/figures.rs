//! Figures that add up: the state of a trial, or of one of its sites, kinds or statuses, as an abelian group.
//!
//! Everything here is a sum of whole numbers, so a contribution is added when a document comes and subtracted when it goes, in
//! any order, and the difference of two states is what happened between them. Figures that are no sums (the largest, the
//! overdue, the table of changes) are kept as rows with validity; `docs/figures.md` says which is which.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Neg, SubAssign};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::findings::FindingCode;
use crate::measures::Measures;

#[cfg(test)]
mod tests;

/// As many bytes of a document count (8 TiB) as no store of files takes in one object, whatever its record claims: a million
/// documents that claim more still add up to what an `i64` holds, so that nobody can make a trial's sum negative.
pub const MOST_BYTES_OF_A_DOCUMENT: u64 = 1 << 43;

/// Declares a struct of `i64` sums with its group operations, so that no field can be forgotten in one of them. They wrap:
/// what is taken away again restores the sum, whatever it was.
macro_rules! sums {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(default)]
        pub struct $name { $($(#[$field_doc])* #[serde(skip_serializing_if = "is_zero")] pub $field: i64,)* }

        impl AddAssign<&$name> for $name {
            fn add_assign(&mut self, other: &$name) { $(self.$field = self.$field.wrapping_add(other.$field);)* }
        }

        impl $name {
            /// The same, so many times.
            #[must_use]
            pub fn times(&self, count: i64) -> Self { Self { $($field: self.$field.wrapping_mul(count),)* } }
        }
    };
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

sums!(
    /// What documents add up to at a moment, and what has ever happened to them.
    DocumentSums {
        /// Documents that exist.
        present,
        /// Their sizes as the records say, in bytes; of each document at most [`MOST_BYTES_OF_A_DOCUMENT`].
        bytes,
        /// Ever found at the first look.
        found,
        /// Ever added.
        added,
        /// Ever moved in from another trial, or from another value of this dimension.
        moved_in,
        /// Ever moved out.
        moved_out,
        /// Ever removed.
        removed,
        /// Ever changed without a move.
        changed,
    }
);

sums!(
    /// What the contents of the documents that exist add up to; a content counts once for each document.
    ContentSums {
        /// Documents whose content has a result, readable or not.
        analysed,
        /// Documents whose content could not be read.
        unreadable,
        /// Documents with a finding that asks for attention.
        flagged,
        /// Documents that are images with measures.
        images,
        /// Documents that are images by their first bytes and could not be read.
        images_unreadable,
        /// Documents that are tables.
        tables,
        /// Documents that are plain text.
        texts,
        /// Documents of other types: counted, not opened.
        others,
        /// Pixels of the images.
        pixels,
        /// Sum of the images' luminance means, in thousandths of 0…255.
        luminance_milli,
        /// Sum of their contrasts, in thousandths.
        contrast_milli,
        /// Sum of their sharpnesses, in thousandths.
        sharpness_milli,
        /// Sum of their shares of clipped shadows, per million.
        clipped_shadows_ppm,
        /// Sum of their shares of clipped highlights, per million.
        clipped_highlights_ppm,
        /// Data rows of the tables.
        rows,
        /// Words of the texts.
        words,
    }
);

/// The figures of a trial or of one value of a dimension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// Sums over documents.
    pub documents: DocumentSums,
    /// Sums over their contents.
    pub contents: ContentSums,
    /// Documents by finding; a document with two findings counts in both. None is kept at zero.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub findings: BTreeMap<FindingCode, i64>,
}

impl AddAssign<&Self> for Figures {
    fn add_assign(&mut self, other: &Self) {
        self.documents += &other.documents;
        self.contents += &other.contents;
        for (finding, count) in &other.findings {
            let sum = self.findings.entry(*finding).or_default();
            *sum = sum.wrapping_add(*count);
            if *sum == 0 {
                self.findings.remove(finding);
            }
        }
    }
}

impl Figures {
    /// The same, so many times; a negative count takes away.
    #[must_use]
    pub fn times(&self, count: i64) -> Self {
        let counts = self.findings.iter().map(|(finding, n)| (*finding, n.wrapping_mul(count)));
        let findings = counts.filter(|(_, n)| *n != 0).collect();
        Self { documents: self.documents.times(count), contents: self.contents.times(count), findings }
    }

    /// What one document that exists adds, its content apart.
    #[must_use]
    pub fn of_document(size_bytes: u64) -> Self {
        let bytes = size_bytes.min(MOST_BYTES_OF_A_DOCUMENT).cast_signed();
        Self { documents: DocumentSums { present: 1, bytes, ..DocumentSums::default() }, ..Self::default() }
    }

    /// What findings about one document or content add.
    #[must_use]
    pub fn of_findings(findings: &[FindingCode]) -> Self {
        let mut figures = Self::default();
        for finding in findings {
            figures.findings.insert(*finding, 1);
        }
        figures.contents.flagged = i64::from(needs_attention(findings));
        figures
    }

    /// What one document adds whose content could not be read; `media_type` is what its first bytes tell.
    #[must_use]
    pub fn of_unreadable(media_type: Option<&str>, findings: &[FindingCode]) -> Self {
        let mut figures = Self::of_content(None, findings);
        figures.contents.images_unreadable = i64::from(media_type.is_some_and(|kind| kind.starts_with("image/")));
        figures
    }

    /// What one document with this content adds: measured, or not readable.
    #[must_use]
    pub fn of_content(measures: Option<&Measures>, findings: &[FindingCode]) -> Self {
        let mut figures = Self::of_findings(findings);
        let sums = &mut figures.contents;
        sums.analysed = 1;
        match measures {
            None => sums.unreadable = 1,
            Some(Measures::Image(image)) => {
                sums.images = 1;
                sums.pixels = i64::try_from(image.pixels()).unwrap_or(i64::MAX);
                sums.luminance_milli = i64::from(image.luminance_mean_milli);
                sums.contrast_milli = i64::from(image.contrast_milli);
                sums.sharpness_milli = i64::from(image.sharpness_milli);
                sums.clipped_shadows_ppm = i64::from(image.clipped_shadows_ppm);
                sums.clipped_highlights_ppm = i64::from(image.clipped_highlights_ppm);
            }
            Some(Measures::Table(table)) => {
                sums.tables = 1;
                sums.rows = i64::try_from(table.rows).unwrap_or(i64::MAX);
            }
            Some(Measures::Text(text)) => {
                sums.texts = 1;
                sums.words = i64::try_from(text.words).unwrap_or(i64::MAX);
            }
            Some(Measures::Other(_)) => sums.others = 1,
        }
        figures
    }
}

impl SubAssign<&Self> for Figures {
    fn sub_assign(&mut self, other: &Self) {
        *self += &-other;
    }
}

impl Neg for &Figures {
    type Output = Figures;

    fn neg(self) -> Figures {
        self.times(-1)
    }
}

/// Whether one of the findings asks somebody to act.
#[must_use]
pub fn needs_attention(findings: &[FindingCode]) -> bool {
    findings.iter().any(|finding| finding.needs_attention())
}
