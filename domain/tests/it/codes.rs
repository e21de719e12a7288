//! Codes inside events are spelled as ever: what is stored under one must be found under it for ever.

use domain::access::Role;
use domain::delivery::{Skipped, Withheld};
use domain::edition::{Audience, Language, Paper};
use domain::findings::FindingCode;
use domain::measures::{Delimiter, Encoding, ImageFormat};
use domain::schedule::{Cadence, Weekday};
use domain::subscription::EndedBy;
use domain::trial::Enclosure;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::catalogue::source::items_of;

/// Each enum of codes: its module, its name, how it is stored again, and its spellings. Add to the spellings; change none.
#[expect(clippy::type_complexity, reason = "one table, read as one")]
const CODES: &[(&str, &str, fn(&str) -> String, &str)] = &[
    ("access", "Role", again::<Role>, "reader contributor coordinator"),
    ("delivery", "Skipped", again::<Skipped>, "report-abandoned unreadable"),
    ("delivery", "Withheld", again::<Withheld>, "no-access subscription-not-active no-address trial-closed"),
    ("edition", "Audience", again::<Audience>, "members"),
    ("edition", "Language", again::<Language>, "en"),
    ("edition", "Paper", again::<Paper>, "a4 letter"),
    ("findings", "FindingCode", again::<FindingCode>, FINDINGS),
    ("measures", "Delimiter", again::<Delimiter>, "comma semicolon tab pipe"),
    ("measures", "Encoding", again::<Encoding>, "utf8 utf8_bom utf16_le utf16_be latin1"),
    ("measures", "ImageFormat", again::<ImageFormat>, "jpeg png"),
    ("schedule", "Cadence", again::<Cadence>, "weekly daily monthly"),
    ("schedule", "Weekday", again::<Weekday>, "monday tuesday wednesday thursday friday saturday sunday"),
    ("subscription", "EndedBy", again::<EndedBy>, "subscriber unsubscribe-link coordinator"),
    ("trial", "Enclosure", again::<Enclosure>, "attachment link"),
];

const FINDINGS: &str = "file_missing foreign_bucket empty_file truncated undecodable unsupported_encoding decoder_panicked \
                        too_many_pixels too_large too_slow out_of_memory line_too_long sha256_mismatch md5_mismatch \
                        size_mismatch type_mismatch blurred too_dark too_bright low_contrast low_resolution ragged_table \
                        not_utf8 clipped_shadows clipped_highlights unsupported_type";

/// Reads a code and writes it again.
fn again<T: Serialize + DeserializeOwned>(code: &str) -> String {
    let value: T = serde_json::from_value(code.into()).unwrap();
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn codes_are_read_and_written_as_ever() {
    for (_, name, again, spellings) in CODES {
        for spelling in spellings.split_ascii_whitespace() {
            assert_eq!(again(spelling), spelling, "{name}");
        }
    }
}

#[test]
fn no_code_is_left_out_of_the_spellings_and_the_catalogue_spells_them_so() {
    for (module, name, _, spellings) in CODES {
        let item = items_of(module).into_iter().find(|item| item.name == *name).unwrap();
        let mut described: Vec<_> = item.members.iter().map(|member| item.renamed(&member.name)).collect();
        let mut spelled: Vec<_> = spellings.split_ascii_whitespace().map(str::to_owned).collect();
        described.sort();
        spelled.sort();
        assert_eq!(described, spelled, "{name}");
    }
}
