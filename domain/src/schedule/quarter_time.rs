//! A wall-clock time at a quarter hour.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use super::{ScheduleError, TIME_REMEDY};

/// A wall-clock time at a quarter hour, "00:00" to "23:45"; text of exactly this form in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):(00|15|30|45)$", example = "08:00")]
pub struct QuarterTime(u8);

impl QuarterTime {
    /// Quarter hours in a day of 24 hours.
    const A_DAY: u8 = 96;

    /// The time of that hour (0 to 23) and minute (0, 15, 30 or 45).
    ///
    /// # Errors
    /// There is no such quarter hour.
    pub fn new(hour: u8, minute: u8) -> Result<Self, ScheduleError> {
        match (hour, minute) {
            (0..=23, 0 | 15 | 30 | 45) => Ok(Self(hour * 4 + minute / 15)),
            _ => Err(ScheduleError::invalid("time", format!("{hour:02}:{minute:02}"), TIME_REMEDY)),
        }
    }

    /// The hour, 0 to 23.
    pub fn hour(self) -> u8 {
        self.0 / 4
    }

    /// The minute: 0, 15, 30 or 45.
    pub fn minute(self) -> u8 {
        self.0 % 4 * 15
    }

    /// All 96, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::A_DAY).map(Self)
    }
}

impl fmt::Display for QuarterTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

impl FromStr for QuarterTime {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
        let parsed = match *text.as_bytes() {
            [h1, h2, b':', m1, m2] => (|| {
                let (hour, minute) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
                Self::new(hour, minute).ok()
            })(),
            _ => None,
        };
        parsed.ok_or_else(|| ScheduleError::invalid("time", text, TIME_REMEDY))
    }
}

impl TryFrom<String> for QuarterTime {
    type Error = ScheduleError;

    fn try_from(text: String) -> Result<Self, ScheduleError> {
        text.parse()
    }
}

impl From<QuarterTime> for String {
    fn from(time: QuarterTime) -> Self {
        time.to_string()
    }
}

impl From<QuarterTime> for Time {
    fn from(time: QuarterTime) -> Self {
        Self::midnight() + std::time::Duration::from_secs(u64::from(time.0) * 15 * 60)
    }
}
