//! Growing, jittered delays between attempts.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// Seconds before the second, third, … attempt: 1 minute to 8 hours, 19 to 24 hours in all.
const DELAYS: [i64; 8] = [60, 300, 900, 3_600, 7_200, 14_400, 14_400, 28_800];

/// When to try again after so many attempts; none when it has been tried often enough.
///
/// Up to a quarter is added, derived from the id, so that what failed together does not come back together and a replay waits
/// as long as the original.
pub(crate) fn next_attempt(id: &str, attempt: u32, now: Timestamp) -> Option<Timestamp> {
    let delay = DELAYS.get(usize::try_from(attempt).ok()?.checked_sub(1)?)?;
    let digest = Sha256::new().chain_update(id).chain_update(attempt.to_be_bytes()).finalize();
    let jitter = delay * i64::from(digest[0]) / 1_024;
    now.checked_add(SignedDuration::from_secs(delay + jitter)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_end() {
        let now = Timestamp::UNIX_EPOCH;
        let waits: Vec<i64> =
            (1..).map_while(|attempt| next_attempt("a", attempt, now)).map(Timestamp::as_second).collect();
        assert_eq!(waits.len(), DELAYS.len());
        assert!(waits.iter().zip(DELAYS).all(|(wait, delay)| (delay..=delay * 5 / 4).contains(wait)), "{waits:?}");
        assert_ne!(next_attempt("a", 1, now), next_attempt("b", 1, now));
        assert_eq!(next_attempt("a", 0, now), None);
    }
}
