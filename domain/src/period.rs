//! Reporting periods: half-open spans between local midnights.
//!
//! A due closes the period that ends at the beginning of its scheduled day, so all dues of a day, at 08:00 or 17:00,
//! have the same figures. Successive dues of one schedule have periods without gap or overlap; after a reschedule the
//! first period starts where the last listed one ended ([`Period::since`]), whatever the cadences and zones.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::schedule::{Schedule, Zone};

#[cfg(test)]
mod tests;

/// A half-open span of time `[from, to)`, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "Written")]
pub struct Period {
    /// Its first instant.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// The first instant after it.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
}

impl Period {
    /// `[from, to)`; none if that is empty or reversed.
    pub fn new(from: Timestamp, to: Timestamp) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// Where the period of a due ends: the beginning of the due's scheduled day in the schedule's zone, never after
    /// the due. Of an instant that is no due of the schedule, the last local midnight at or before it.
    pub fn end(schedule: &Schedule, due: Timestamp) -> Timestamp {
        schedule.zone().start_of_day(schedule.day_of(due))
    }

    /// One whole period of the schedule (a week, a day, a month), the first after a start or resume: from the end of
    /// the period before to the end of this due's. None only beyond the calendar (years -9999 and 9999).
    pub fn regular(schedule: &Schedule, due: Timestamp) -> Option<Self> {
        let day = schedule.day_of(due);
        let to = schedule.zone().start_of_day(day);
        let mut before = schedule.day_before(day);
        // Usually the day before it is; only a day that the zone skipped begins where the next one does.
        while let Some(date) = before {
            let from = schedule.zone().start_of_day(date);
            if from < to {
                return Self::new(from, to);
            }
            before = schedule.day_before(date);
        }
        None
    }

    /// From where the last listed period ended (perhaps under another schedule) to the end of this due's period; none
    /// if nothing is left to report, so that the due is not listed.
    pub fn since(from: Timestamp, schedule: &Schedule, due: Timestamp) -> Option<Self> {
        Self::new(from, Self::end(schedule, due))
    }

    /// The period so far, of a report on request: from the end of the last regular period, `now` excluded.
    pub fn so_far(from: Timestamp, now: Timestamp) -> Option<Self> {
        Self::new(from, now)
    }

    /// Its first instant.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// The first instant after it; the cut of a report.
    pub fn to(&self) -> Timestamp {
        self.to
    }

    /// The local day of its first instant.
    pub fn first_day(&self, zone: &Zone) -> Date {
        zone.day_begun_by(self.from)
    }

    /// The local day of its last instant, inclusive.
    pub fn last_day(&self, zone: &Zone) -> Date {
        zone.day_begun_by(self.to - SignedDuration::from_nanos(1))
    }
}

#[derive(Deserialize)]
struct Written {
    from: Timestamp,
    to: Timestamp,
}

impl TryFrom<Written> for Period {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Self::new(written.from, written.to).ok_or("`to` must be later than `from`; a period is never empty")
    }
}
