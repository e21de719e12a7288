//! Where in the changes one stands, as text that is ordered as the changes are.

use mongodb::bson::{self, Timestamp};
use mongodb::change_stream::event::ResumeToken;
use ports::{ChangeToken, Error, Place, Result};
use serde::{Deserialize, Serialize};

/// A change, or the beginning of an epoch: `<epoch>.<order>.<floor>.<resume token>`, the first two in 16 hex digits, so that
/// texts are ordered as the changes are, also for the server.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) token: ChangeToken,
    /// The time of the last heartbeat before, in microseconds: no later change gets an earlier one.
    pub(super) floor: i64,
    /// From where the server goes on.
    pub(super) resume: ResumeToken,
}

/// A resume token is whatever the server says, and BSON only inside a document.
#[derive(Serialize, Deserialize)]
struct Kept {
    token: ResumeToken,
}

impl Standing {
    pub(super) fn place(&self) -> Result<Place> {
        let ChangeToken { epoch, order } = self.token;
        Ok(Place(format!("{epoch:016x}.{order:016x}.{}.{}", self.floor, resume_text(&self.resume)?)))
    }

    pub(super) fn parse(place: &Place) -> Result<Self> {
        let parse = || {
            let mut parts = place.0.split('.');
            let mut number = || u64::from_str_radix(parts.next().filter(|hex| hex.len() == 16)?, 16).ok();
            let token = ChangeToken { epoch: number()?, order: number()? };
            let floor = parts.next()?.parse().ok()?;
            let resume = resume_token(parts.next()?)?;
            parts.next().is_none().then_some(Self { token, floor, resume })
        };
        parse().ok_or_else(|| Error::Rejected(format!("{:?} is no place in the changes of this collection", place.0)))
    }
}

pub(super) fn resume_text(token: &ResumeToken) -> Result<String> {
    let bytes = bson::serialize_to_vec(&Kept { token: token.clone() });
    Ok(hex::encode(bytes.map_err(|error| Error::Corrupt(format!("resume token: {error}")))?))
}

pub(super) fn resume_token(text: &str) -> Option<ResumeToken> {
    Some(bson::deserialize_from_slice::<Kept>(&hex::decode(text).ok()?).ok()?.token)
}

/// The order of the next change: its time in the cluster. Changes of one transaction share it and count on from there; as a
/// place holds the order of its change, they get the same numbers wherever reading begins.
pub(super) fn order_after(before: u64, time: Timestamp) -> u64 {
    order_at(time).max(before.saturating_add(1))
}

/// The order of a time in the cluster.
pub(super) fn order_at(time: Timestamp) -> u64 {
    u64::from(time.time) << 32 | u64::from(time.increment)
}
