//! `Range` and `If-Range` (RFC 9110, section 14): one range of bytes.

use std::ops::Range;

use axum::http::HeaderMap;
use axum::http::header::{IF_RANGE, RANGE};
use http::ETag;

/// What of a file is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it: also where the header is malformed, asks for several ranges, or means another version.
    Whole,
    /// These bytes, half-open, at least one.
    Range(Range<u64>),
    /// Bytes behind its end.
    Outside,
}

/// What the headers ask of a file of so many bytes.
pub(super) fn asked(headers: &HeaderMap, size: u64, etag: Option<&ETag>) -> Asked {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
    // A date is no version that we know.
    let same_version = text(IF_RANGE).is_none_or(|wanted| etag.is_some_and(|etag| etag.to_string() == wanted));
    match text(RANGE) {
        Some(range) if same_version => parse(range, size).unwrap_or(Asked::Whole),
        Some(_) | None => Asked::Whole,
    }
}

fn parse(range: &str, size: u64) -> Option<Asked> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let range = match (number(first)?, number(last)?) {
        (Some(first), Some(last)) if last < first => return None,
        (Some(first), last) => first..last.map_or(size, |last| last.saturating_add(1).min(size)),
        (None, Some(suffix)) => size.saturating_sub(suffix)..size,
        (None, None) => return None,
    };
    Some(if range.is_empty() { Asked::Outside } else { Asked::Range(range) })
}

/// A number of digits only, `Some(None)` where there is none, `None` where it is something else. Too large is very large.
fn number(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => Some(Some(digits.parse().unwrap_or(u64::MAX))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::etag;

    use super::*;

    #[test]
    fn one_range_is_taken_and_anything_odd_gives_the_whole_file() {
        let cases = [
            ("bytes=0-0", Asked::Range(0..1)),
            ("bytes=2-5", Asked::Range(2..6)),
            ("bytes=2-", Asked::Range(2..10)),
            ("bytes=-3", Asked::Range(7..10)),
            ("bytes=-30", Asked::Range(0..10)),
            ("bytes=9-99999999999999999999999", Asked::Range(9..10)),
            ("Bytes = 0-1", Asked::Range(0..2)),
            ("bytes=10-", Asked::Outside),
            ("bytes=10-12", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=99999999999999999999999-", Asked::Outside),
            ("bytes=5-2", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("nonsense", Asked::Whole),
            ("", Asked::Whole),
        ];
        for (header, wanted) in cases {
            let headers = HeaderMap::from_iter([(RANGE, header.parse().unwrap())]);
            assert_eq!(asked(&headers, 10, None), wanted, "{header}");
        }
        assert_eq!(asked(&HeaderMap::new(), 10, None), Asked::Whole);
        let empty = HeaderMap::from_iter([(RANGE, "bytes=0-".parse().unwrap())]);
        assert_eq!(asked(&empty, 0, None), Asked::Outside);
    }

    #[test]
    fn a_range_of_another_version_is_not_mixed_with_this_one() {
        let (now, other) = (etag(b"now"), etag(b"other"));
        let asked_if = |wanted: &str| {
            let headers =
                HeaderMap::from_iter([(RANGE, "bytes=0-1".parse().unwrap()), (IF_RANGE, wanted.parse().unwrap())]);
            asked(&headers, 10, Some(&now))
        };
        assert_eq!(asked_if(&now.to_string()), Asked::Range(0..2));
        assert_eq!(asked_if(&other.to_string()), Asked::Whole);
        assert_eq!(asked_if(&format!("W/{now}")), Asked::Whole);
        assert_eq!(asked_if("Wed, 21 Oct 2015 07:28:00 GMT"), Asked::Whole);
    }
}
