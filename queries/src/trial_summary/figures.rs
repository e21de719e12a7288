//! Figures as callers see them: the sums of `domain::figures` in camel case. A sum that is zero is left out.

use std::collections::BTreeMap;

use domain::figures::{ContentSums, DocumentSums, Figures};
use serde::Serialize;
use utoipa::ToSchema;

/// Declares a struct of sums that is copied field by field, so that no field can be forgotten.
macro_rules! shown {
    ($(#[$doc:meta])* $name:ident of $sums:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $name {
            $($(#[$field_doc])* #[serde(skip_serializing_if = "is_zero")] #[schema(required = false, default = 0)] $field: i64,)*
        }

        impl From<$sums> for $name {
            fn from(sums: $sums) -> Self {
                let $sums { $($field,)* } = sums;
                Self { $($field,)* }
            }
        }
    };
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

shown!(
    /// Sums over documents: present = found + added + movedIn - movedOut - removed. Zeros are left out.
    DocumentFigures of DocumentSums {
        /// Documents that exist.
        present,
        /// Their sizes as the records say, in bytes.
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

shown!(
    /// Sums over the contents of the documents that exist. Zeros are left out.
    ContentFigures of ContentSums {
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
        /// Sum of the images' luminance means, in thousandths of 0 to 255.
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

/// Figures of a trial, or of one value of a dimension.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TrialFigures {
    /// Over documents.
    documents: DocumentFigures,
    /// Over their contents.
    contents: ContentFigures,
    /// Documents by the code of a finding; one with two findings counts in both.
    findings: BTreeMap<&'static str, i64>,
}

impl From<Figures> for TrialFigures {
    fn from(figures: Figures) -> Self {
        Self {
            documents: figures.documents.into(),
            contents: figures.contents.into(),
            findings: figures.findings.into_iter().map(|(code, count)| (code.as_str(), count)).collect(),
        }
    }
}
