//! Cadences and due times: when a subscription's reports are due.
//!
//! A schedule is wall-clock time in an IANA zone. On each of its *days* (every day, one weekday, one day of the month)
//! it is due at the first quarter hour of UTC at which the local clock shows the scheduled time *or a later one*. This
//! one rule says that a time that does not exist moves to the end of the gap, that a time that occurs twice means the
//! first, and that a later reading is never due before an earlier one; so every week, day or month has exactly one due,
//! in every zone and year. A calendar day that a zone skips altogether (Pacific/Apia, 30 December 2011) has no daily
//! due; a weekly or monthly due on it moves to the end of the gap.
//!
//! Every due is a quarter hour of UTC, because the log closes those. Nothing is rounded by it today: from 2020 to 2030
//! all offsets of the bundled zone data are whole quarter hours (a test proves it). Only the gaps of Antarctica/Casey
//! end at one minute past, so that what falls into them is due a quarter of an hour after the gap at most; and before
//! 1972 some offsets had odd minutes.

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod quarter_time;
#[cfg(test)]
pub(crate) mod tests;
mod zone;

pub use quarter_time::QuarterTime;
pub use zone::Zone;

/// How often a report is due.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Cadence {
    /// Once a week.
    Weekly,
    /// Once a day.
    Daily,
    /// Once a month.
    Monthly,
}

impl Cadence {
    /// The lower-case name that the JSON has, also a part of the subscription's id.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A day of the week; the JSON has its lower-case name. The first is Monday.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    strum::Display,
    strum::VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// Days from the weekday of `date` forward to this one, 0 to 6.
    fn days_after(self, date: Date) -> i8 {
        (self as i8 - date.weekday().to_monday_zero_offset()).rem_euclid(7)
    }

    /// Days from the weekday of `date` back to this one, 0 to 6.
    fn days_before(self, date: Date) -> i8 {
        (date.weekday().to_monday_zero_offset() - self as i8).rem_euclid(7)
    }
}

/// A day of the month, 1 to 31; a month that lacks it uses its last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schema(value_type = u8, minimum = 1, maximum = 31, example = 1)]
pub struct MonthDay(u8);

impl MonthDay {
    /// The day of that number.
    ///
    /// # Errors
    /// The number is not within 1 to 31.
    pub fn new(day: u8) -> Result<Self, ScheduleError> {
        match day {
            1..=31 => Ok(Self(day)),
            _ => Err(ScheduleError::invalid("day", day, DAY_REMEDY)),
        }
    }

    /// The number, 1 to 31.
    pub fn get(self) -> u8 {
        self.0
    }

    /// This day in the month of `date`, or that month's last.
    fn in_month_of(self, date: Date) -> Option<Date> {
        let day = i8::try_from(self.0).ok()?.min(date.days_in_month());
        date.with().day(day).build().ok()
    }

    /// "1st", "22nd", "31st".
    fn ordinal(self) -> String {
        let suffix = match self.0 {
            1 | 21 | 31 => "st",
            2 | 22 => "nd",
            3 | 23 => "rd",
            _ => "th",
        };
        format!("{}{suffix}", self.0)
    }
}

impl TryFrom<u8> for MonthDay {
    type Error = ScheduleError;

    fn try_from(day: u8) -> Result<Self, ScheduleError> {
        Self::new(day)
    }
}

impl From<MonthDay> for u8 {
    fn from(day: MonthDay) -> Self {
        day.0
    }
}

/// When reports are due: a wall-clock time on certain days in a zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "cadence", rename_all = "lowercase", try_from = "Written")]
pub enum Schedule {
    /// Once a week.
    Weekly {
        /// The day of the week.
        weekday: Weekday,
        /// The wall-clock time.
        time: QuarterTime,
        /// The zone whose clocks and calendar count.
        zone: Zone,
    },
    /// Once a day.
    Daily {
        /// The wall-clock time.
        time: QuarterTime,
        /// The zone whose clocks and calendar count.
        zone: Zone,
    },
    /// Once a month.
    Monthly {
        /// The day of the month; a month that lacks it uses its last day.
        day: MonthDay,
        /// The wall-clock time.
        time: QuarterTime,
        /// The zone whose clocks and calendar count.
        zone: Zone,
    },
}

impl Schedule {
    /// How often it is due.
    pub fn cadence(&self) -> Cadence {
        match self {
            Self::Weekly { .. } => Cadence::Weekly,
            Self::Daily { .. } => Cadence::Daily,
            Self::Monthly { .. } => Cadence::Monthly,
        }
    }

    /// The wall-clock time at which it is due.
    pub fn time(&self) -> QuarterTime {
        match self {
            Self::Weekly { time, .. } | Self::Daily { time, .. } | Self::Monthly { time, .. } => *time,
        }
    }

    /// The zone whose clocks and calendar count.
    pub fn zone(&self) -> &Zone {
        match self {
            Self::Weekly { zone, .. } | Self::Daily { zone, .. } | Self::Monthly { zone, .. } => zone,
        }
    }

    /// The schedule in one phrase: "Every Monday at 08:00 Europe/Berlin".
    pub fn describe(&self) -> String {
        let (time, zone) = (self.time(), self.zone());
        match self {
            Self::Weekly { weekday, .. } => format!("Every {weekday} at {time} {zone}"),
            Self::Daily { .. } => format!("Every day at {time} {zone}"),
            Self::Monthly { day, .. } if day.get() > 28 => {
                format!("On the {} of every month, or its last day, at {time} {zone}", day.ordinal())
            }
            Self::Monthly { day, .. } => format!("On the {} of every month at {time} {zone}", day.ordinal()),
        }
    }

    /// The first due strictly after `instant`; `Timestamp::MAX` if it would lie beyond the calendar (year 9999).
    pub fn next_after(&self, instant: Timestamp) -> Timestamp {
        // The due of a day before yesterday has passed: the local clock had shown its time a quarter of an hour ago.
        let mut day = self.first_day_from(self.zone().date_at(instant).saturating_sub(1.day()));
        while let Some(date) = day {
            let due = self.due_on(date);
            if due > instant {
                return due;
            }
            day = self.day_after(date);
        }
        Timestamp::MAX
    }

    /// The last due at or before `instant`; `Timestamp::MIN` if it would lie beyond the calendar (year -9999).
    pub fn previous_at_or_before(&self, instant: Timestamp) -> Timestamp {
        self.last_due_day(instant).map_or(Timestamp::MIN, |date| self.due_on(date))
    }

    /// Every due after `from` and at or before `to`, in order. What was missed while nobody watched, for example.
    pub fn due_between(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Timestamp> {
        let mut last = from;
        std::iter::from_fn(move || {
            last = self.next_after(last);
            (last <= to && last < Timestamp::MAX).then_some(last)
        })
    }

    /// The calendar day that a due belongs to: the scheduled one, also if the due moved into the next day because its
    /// time did not exist. An instant that is no due of this schedule (it may come from older zone data) belongs to the
    /// local day that had begun.
    pub fn day_of(&self, due: Timestamp) -> Date {
        match self.last_due_day(due) {
            Some(date) if self.due_on(date) == due => date,
            Some(_) | None => self.zone().day_begun_by(due),
        }
    }

    /// The scheduled day before `date`; none at the calendar's beginning.
    pub(crate) fn day_before(&self, date: Date) -> Option<Date> {
        self.last_day_until(date.yesterday().ok()?)
    }

    /// The scheduled day after `date`; none at the calendar's end.
    fn day_after(&self, date: Date) -> Option<Date> {
        self.first_day_from(date.tomorrow().ok()?)
    }

    /// The due of a scheduled day.
    fn due_on(&self, date: Date) -> Timestamp {
        self.zone().first_quarter_hour(date.to_datetime(self.time().into()))
    }

    /// The scheduled day of the last due at or before `instant`.
    fn last_due_day(&self, instant: Timestamp) -> Option<Date> {
        // Two days ahead, because clocks that were set back (at most a day, ever) had already shown a later date.
        let ahead = self.zone().date_at(instant).saturating_add(2.days());
        let mut day = self.last_day_until(ahead);
        while let Some(date) = day {
            if self.due_on(date) <= instant {
                break;
            }
            day = self.day_before(date);
        }
        day
    }

    /// The earliest scheduled day not before `date`.
    fn first_day_from(&self, date: Date) -> Option<Date> {
        match self {
            Self::Weekly { weekday, .. } => date.checked_add(weekday.days_after(date).days()).ok(),
            Self::Daily { zone, .. } => {
                let mut days = std::iter::successors(Some(date), |day| day.tomorrow().ok());
                days.find(|day| zone.has_day(*day))
            }
            Self::Monthly { day, .. } => match day.in_month_of(date)? {
                this_month if this_month >= date => Some(this_month),
                _passed => day.in_month_of(date.last_of_month().tomorrow().ok()?),
            },
        }
    }

    /// The latest scheduled day not after `date`.
    fn last_day_until(&self, date: Date) -> Option<Date> {
        match self {
            Self::Weekly { weekday, .. } => date.checked_sub(weekday.days_before(date).days()).ok(),
            Self::Daily { zone, .. } => {
                let mut days = std::iter::successors(Some(date), |day| day.yesterday().ok());
                days.find(|day| zone.has_day(*day))
            }
            Self::Monthly { day, .. } => match day.in_month_of(date)? {
                this_month if this_month <= date => Some(this_month),
                _to_come => day.in_month_of(date.first_of_month().yesterday().ok()?),
            },
        }
    }
}

const CADENCE_REMEDY: &str = "write \"weekly\", \"daily\" or \"monthly\"";
const WEEKDAY_REMEDY: &str = "write a weekday in English and lower case, such as \"monday\"";
const DAY_REMEDY: &str = "give a day of the month from 1 to 31 (a month that lacks it uses its last day)";
const TIME_REMEDY: &str =
    "write hours and minutes as \"HH:MM\", from \"00:00\" to \"23:45\", at a quarter hour (:00, :15, :30, :45)";
const ZONE_REMEDY: &str = "give a name of the IANA time zone database, such as \"Europe/Berlin\"";

/// Why something is not a schedule: a sentence that names the field and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// A field that this cadence needs is not there.
    #[error("`{field}` is missing; {remedy}")]
    Missing {
        /// The field's name in the JSON.
        field: &'static str,
        /// What to write.
        remedy: &'static str,
    },
    /// A field has a value that it cannot have.
    #[error("`{field}` cannot be {given}; {remedy}")]
    Invalid {
        /// The field's name in the JSON.
        field: &'static str,
        /// What was given, shortened, as JSON.
        given: String,
        /// What to write instead.
        remedy: String,
    },
    /// A field that belongs to another cadence.
    #[error("`{field}` has no meaning with the cadence \"{cadence}\"; leave it out")]
    Superfluous {
        /// The field's name in the JSON.
        field: &'static str,
        /// The cadence given.
        cadence: &'static str,
    },
}

impl ScheduleError {
    /// The name of the offending field in the JSON.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Missing { field, .. } | Self::Invalid { field, .. } | Self::Superfluous { field, .. } => field,
        }
    }

    fn invalid(field: &'static str, given: impl Into<Value>, remedy: impl Into<String>) -> Self {
        const LONGEST: usize = 60;
        let mut given = given.into().to_string();
        if let Some((end, _)) = given.char_indices().nth(LONGEST) {
            given.truncate(end);
            given.push('…');
        }
        Self::Invalid { field, given, remedy: remedy.into() }
    }
}

/// A schedule as written, of which each field is still to be judged, so that an error can name it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(
    expecting = "a schedule, such as {\"cadence\":\"weekly\",\"weekday\":\"monday\",\"time\":\"08:00\",\"zone\":\"Europe/Berlin\"}"
)]
struct Written {
    cadence: Option<Value>,
    weekday: Option<Value>,
    day: Option<Value>,
    time: Option<Value>,
    zone: Option<Value>,
}

impl TryFrom<Written> for Schedule {
    type Error = ScheduleError;

    fn try_from(written: Written) -> Result<Self, ScheduleError> {
        let cadence: Cadence = named("cadence", written.cadence, CADENCE_REMEDY)?;
        let absent = |field: &'static str, value: &Option<Value>| match value {
            None => Ok(()),
            Some(_) => Err(ScheduleError::Superfluous { field, cadence: cadence.as_str() }),
        };
        if cadence != Cadence::Weekly {
            absent("weekday", &written.weekday)?;
        }
        if cadence != Cadence::Monthly {
            absent("day", &written.day)?;
        }
        let time = || text("time", written.time, TIME_REMEDY)?.parse();
        let zone = || text("zone", written.zone, ZONE_REMEDY)?.parse();
        Ok(match cadence {
            Cadence::Weekly => {
                let weekday = named("weekday", written.weekday, WEEKDAY_REMEDY)?;
                Self::Weekly { weekday, time: time()?, zone: zone()? }
            }
            Cadence::Daily => Self::Daily { time: time()?, zone: zone()? },
            Cadence::Monthly => {
                let day = named("day", written.day, DAY_REMEDY)?;
                Self::Monthly { day, time: time()?, zone: zone()? }
            }
        })
    }
}

/// A field whose type knows its values.
fn named<T: serde::de::DeserializeOwned>(
    field: &'static str,
    value: Option<Value>,
    remedy: &'static str,
) -> Result<T, ScheduleError> {
    let value = value.ok_or(ScheduleError::Missing { field, remedy })?;
    T::deserialize(&value).map_err(|_| ScheduleError::invalid(field, value, remedy))
}

/// A field of text.
fn text(field: &'static str, value: Option<Value>, remedy: &'static str) -> Result<String, ScheduleError> {
    match value {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(ScheduleError::invalid(field, other, remedy)),
        None => Err(ScheduleError::Missing { field, remedy }),
    }
}
