//! A time zone by its IANA name, and its calendar days.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use super::{ScheduleError, ZONE_REMEDY};

const QUARTER_HOUR_SECONDS: i64 = 15 * 60;

/// A time zone, by its name in the IANA database, exactly as that spells it ("Europe/Berlin"); text in JSON.
///
/// Its rules come from the data bundled with the program, never from the machine's, so that a report can be rebuilt
/// elsewhere. Two names of the same zone (Asia/Kolkata, Asia/Calcutta) are different values. Stored events hold names for
/// ever: a test keeps those that were ever taken readable when the bundled data are renewed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// Universal time.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    /// Its name in the IANA database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules, to convert instants for printing.
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// The date that the local clock shows at `instant`.
    pub fn date_at(&self, instant: Timestamp) -> Date {
        self.rules.to_datetime(instant).date()
    }

    /// The first quarter hour of UTC at which the local clock shows `reading` or a later one: of two, the first; in a
    /// gap, the first after it. Beyond the range of `Timestamp`, its nearest end.
    pub fn first_quarter_hour(&self, reading: DateTime) -> Timestamp {
        let second = self.first_instant(reading).as_second();
        let to_next = (-second).rem_euclid(QUARTER_HOUR_SECONDS);
        Timestamp::from_second(second + to_next).unwrap_or(Timestamp::MAX)
    }

    /// The first instant, always a whole second, at which the local clock shows `reading` or a later one.
    fn first_instant(&self, reading: DateTime) -> Timestamp {
        match self.rules.to_ambiguous_timestamp(reading).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                instant(reading, offset)
            }
            AmbiguousOffset::Gap { before, after } => {
                // Read with the offset that comes after it, a missing reading lies before the gap.
                let before_gap = instant(reading, after);
                let gap = self.rules.following(before_gap).find(|transition| transition.offset() == after);
                gap.map_or_else(|| instant(reading, before), |transition| transition.timestamp())
            }
        }
    }

    /// The beginning of a local day: its midnight, or where that does not exist the first quarter hour after the gap.
    pub fn start_of_day(&self, date: Date) -> Timestamp {
        self.first_quarter_hour(date.to_datetime(Time::midnight()))
    }

    /// Whether the local calendar has this date; a zone that changed sides of the date line lacks one.
    pub fn has_day(&self, date: Date) -> bool {
        date.tomorrow().is_ok_and(|next| self.start_of_day(date) < self.start_of_day(next))
    }

    /// The latest local day that has begun at `instant` ([`Zone::start_of_day`]), also where the clock was then set back
    /// into the day before.
    pub fn day_begun_by(&self, instant: Timestamp) -> Date {
        let date = self.date_at(instant);
        match (date.tomorrow(), date.yesterday()) {
            (Ok(next), _) if self.start_of_day(next) <= instant => next,
            // Historic offsets were no quarter hours: such a day began a few minutes after its midnight.
            (_, Ok(previous)) if self.start_of_day(date) > instant => previous,
            _same => date,
        }
    }
}

fn instant(reading: DateTime, offset: Offset) -> Timestamp {
    let nearest_end = if reading.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    offset.to_timestamp(reading).unwrap_or(nearest_end)
}

impl FromStr for Zone {
    type Err = ScheduleError;

    fn from_str(name: &str) -> Result<Self, ScheduleError> {
        let unknown = |remedy: String| ScheduleError::invalid("zone", name, remedy);
        let rules = TimeZoneDatabase::bundled().get(name).map_err(|_| unknown(ZONE_REMEDY.to_owned()))?;
        match rules.iana_name() {
            Some(spelling) if spelling == name => Ok(Self { name: name.to_owned(), rules }),
            // Look-up ignores case; two spellings of one zone would make two editions of one report.
            Some(spelling) => Err(unknown(format!("write \"{spelling}\", as the IANA time zone database does"))),
            None => Err(unknown(ZONE_REMEDY.to_owned())),
        }
    }
}

impl TryFrom<String> for Zone {
    type Error = ScheduleError;

    fn try_from(name: String) -> Result<Self, ScheduleError> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl PartialOrd for Zone {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Zone {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl utoipa::PartialSchema for Zone {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .description(Some("A time zone by its name in the IANA database, spelled as there."))
            .examples(["Europe/Berlin"])
            .into()
    }
}

impl utoipa::ToSchema for Zone {}
