//! Dates and instants in words: always with the zone or the offset, never ambiguous.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::content::Period;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn month(date: Date) -> &'static str {
    MONTHS[usize::from(date.month().unsigned_abs()) - 1]
}

fn weekday(date: Date) -> &'static str {
    match date.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

/// `16 Nov`.
pub fn day(date: Date) -> String {
    format!("{} {}", date.day(), &month(date)[..3])
}

/// `16 Nov 2026`.
pub fn day_year(date: Date) -> String {
    format!("{} {}", day(date), date.year())
}

/// `16 Nov 2026, 08:15`, in the zone.
pub fn local(at: Timestamp, zone: &TimeZone) -> String {
    let at = zone.to_datetime(at);
    format!("{}, {:02}:{:02}", day_year(at.date()), at.hour(), at.minute())
}

/// `16 Nov, 08:15`, in the zone; for tables that name year and zone elsewhere.
pub fn local_short(at: Timestamp, zone: &TimeZone) -> String {
    let at = zone.to_datetime(at);
    format!("{}, {:02}:{:02}", day(at.date()), at.hour(), at.minute())
}

/// `22 Nov 2026, 23:00 UTC`.
pub fn utc(at: Timestamp) -> String {
    format!("{} UTC", local(at, &TimeZone::UTC))
}

/// The last day that belongs to the period.
pub fn last_day(period: &Period) -> Date {
    if period.so_far { period.to } else { period.to.yesterday().unwrap_or(period.to) }
}

/// `Monday 16 to Sunday 22 November 2026`; the month and year of the first day only where they differ.
pub fn period_days(period: &Period) -> String {
    let (first, last) = (period.from, last_day(period));
    let end = format!("{} {} {} {}", weekday(last), last.day(), month(last), last.year());
    if first == last {
        return end;
    }
    let start = format!("{} {}", weekday(first), first.day());
    if first.year() != last.year() {
        format!("{start} {} {} to {end}", month(first), first.year())
    } else if first.month() != last.month() {
        format!("{start} {} to {end}", month(first))
    } else {
        format!("{start} to {end}")
    }
}

/// `16–22 Nov 2026`: for running heads and subjects.
pub fn period_short(period: &Period) -> String {
    let (first, last) = (period.from, last_day(period));
    if first == last {
        day_year(last)
    } else if first.year() != last.year() {
        format!("{} – {}", day_year(first), day_year(last))
    } else if first.month() != last.month() {
        format!("{} – {}", day(first), day_year(last))
    } else {
        format!("{}–{}", first.day(), day_year(last))
    }
}

/// The half-open period, in the zone and in UTC.
pub fn period_exact(period: &Period, zone_name: &str, zone: &TimeZone) -> String {
    format!(
        "From {} up to, not including, {}, {zone_name} (UTC: {} to {}).",
        local(period.from_utc, zone),
        local(period.to_utc, zone),
        local_short(period.from_utc, &TimeZone::UTC),
        local_short(period.to_utc, &TimeZone::UTC),
    )
}
