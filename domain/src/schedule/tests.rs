//! The rule is checked against a clock that is watched step by step, around every transition of every zone.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::{DateTime, date};
use jiff::tz::{Offset, TimeZoneDatabase};
use jiff::{SignedDuration, Span};
use proptest::prelude::*;
use serde_json::json;
use strum::VariantArray;

use super::*;

const QUARTER_HOUR: i64 = 15 * 60;

pub(crate) fn schedule(value: Value) -> Schedule {
    serde_json::from_value(value).unwrap()
}

pub(crate) fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

pub(crate) fn at(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

pub(crate) fn weekly(weekday: Weekday, time: &str, zone_name: &str) -> Schedule {
    Schedule::Weekly { weekday, time: time.parse().unwrap(), zone: zone(zone_name) }
}

fn refusal(value: Value) -> String {
    serde_json::from_value::<Schedule>(value).unwrap_err().to_string()
}

fn dues(schedule: &Schedule, from: &str, to: &str) -> Vec<Timestamp> {
    schedule.due_between(at(from), at(to)).collect()
}

/// One zone of each group whose clocks never differed from 2019 to 2031, of all in the bundled data.
pub(crate) fn distinct_zones() -> Vec<Zone> {
    let (start, end) = (at("2019-12-01T00:00Z"), at("2031-02-01T00:00Z"));
    let mut distinct: BTreeMap<Vec<(Timestamp, Offset)>, Zone> = BTreeMap::new();
    for name in TimeZoneDatabase::bundled().available() {
        let Ok(zone) = name.as_str().parse::<Zone>() else { continue };
        let mut offsets = vec![(start, zone.rules().to_offset(start))];
        offsets.extend(zone.rules().following(start).map(|t| (t.timestamp(), t.offset())).take_while(|t| t.0 < end));
        offsets.dedup_by_key(|(_, offset)| *offset);
        distinct.entry(offsets).or_insert(zone);
    }
    distinct.into_values().collect()
}

/// The instants from 2020 to 2030 at which a zone's offset changes, with the offsets before and after.
pub(crate) fn transitions(zone: &Zone) -> Vec<(Timestamp, Offset, Offset)> {
    let (start, end) = (at("2020-01-01T00:00Z"), at("2031-01-01T00:00Z"));
    let mut before = zone.rules().to_offset(start);
    let mut found = Vec::new();
    for transition in zone.rules().following(start).take_while(|transition| transition.timestamp() < end) {
        if transition.offset() != before {
            found.push((transition.timestamp(), before, transition.offset()));
        }
        before = transition.offset();
    }
    found
}

/// A local clock, read at every quarter hour of some days around an instant.
#[derive(Clone, PartialEq, Eq, Hash)]
struct WatchedClock {
    start: Timestamp,
    /// The latest reading shown until then, which never goes back.
    shown: Vec<DateTime>,
}

impl WatchedClock {
    fn around(zone: &Zone, middle: Timestamp, days: i64) -> Self {
        let quarter_hour = middle.as_second().div_euclid(QUARTER_HOUR) * QUARTER_HOUR;
        let start = Timestamp::from_second(quarter_hour - days * 86_400).unwrap();
        let mut latest = DateTime::MIN;
        let quarter = |step: i64| start + SignedDuration::from_secs(step * QUARTER_HOUR);
        let shown = (0..days * 2 * 96).map(|step| {
            latest = latest.max(zone.rules().to_datetime(quarter(step)));
            latest
        });
        Self { start, shown: shown.collect() }
    }

    /// When it first showed `reading` or later, if it was watched then.
    fn first_showed(&self, reading: DateTime) -> Option<Timestamp> {
        let step = self.shown.partition_point(|shown| *shown < reading);
        let watched = step > 0 && step < self.shown.len();
        watched.then(|| self.start + SignedDuration::from_secs(i64::try_from(step).unwrap() * QUARTER_HOUR))
    }

    /// The first showings of `time` on the `days`, within `(from, to]`.
    fn dues(&self, days: &[Date], time: QuarterTime, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let showings = days.iter().filter_map(|day| self.first_showed(day.to_datetime(time.into())));
        showings.filter(|due| from < *due && *due <= to).collect()
    }
}

#[test]
fn json_round_trips_in_the_documented_shape() {
    for value in [
        json!({"cadence":"weekly","weekday":"monday","time":"08:00","zone":"Europe/Berlin"}),
        json!({"cadence":"daily","time":"23:45","zone":"UTC"}),
        json!({"cadence":"monthly","day":31,"time":"00:15","zone":"Asia/Kolkata"}),
    ] {
        assert_eq!(serde_json::to_value(schedule(value.clone())).unwrap(), value);
    }
}

#[test]
fn every_refusal_names_the_field_and_the_remedy() {
    let time_remedy = "write hours and minutes as \"HH:MM\", from \"00:00\" to \"23:45\", at a quarter hour";
    for time in ["25:00", "24:00", "08:07", "8:00", "08:00 ", "08-00", "0８:00", "+8:00", ""] {
        let sentence = refusal(json!({"cadence":"daily","time":time,"zone":"UTC"}));
        assert!(sentence.starts_with(&format!("`time` cannot be \"{time}\"; {time_remedy}")), "{sentence}");
    }
    for (value, expected) in [
        (
            json!({"cadence":"daily","time":"08:00","zone":"Europe/Bärlin"}),
            "`zone` cannot be \"Europe/Bärlin\"; give a name of the IANA",
        ),
        (
            json!({"cadence":"daily","time":"08:00","zone":"europe/berlin"}),
            "`zone` cannot be \"europe/berlin\"; write \"Europe/Berlin\"",
        ),
        (json!({"cadence":"daily","time":"08:00","zone":"+02:00"}), "`zone` cannot be \"+02:00\"; give a name"),
        (json!({"cadence":"daily","time":"08:00","zone":"EST5EDT4,M3.2.0"}), "`zone` cannot be"),
        (
            json!({"cadence":"daily","time":"08:00","zone":"Etc/Unknown"}),
            "`zone` cannot be \"Etc/Unknown\"; give a name",
        ),
        (json!({"cadence":"daily","time":"08:00"}), "`zone` is missing; give a name"),
        (json!({"cadence":"daily","time":800,"zone":"UTC"}), "`time` cannot be 800; write hours"),
        (json!({"cadence":"daily","zone":"UTC"}), "`time` is missing; write hours"),
        (
            json!({"cadence":"weekly","weekday":"Monday","time":"08:00","zone":"UTC"}),
            "`weekday` cannot be \"Monday\"; write a weekday",
        ),
        (json!({"cadence":"weekly","time":"08:00","zone":"UTC"}), "`weekday` is missing; write a weekday"),
        (
            json!({"cadence":"weekly","weekday":"monday","day":1,"time":"08:00","zone":"UTC"}),
            "`day` has no meaning with the cadence \"weekly\"; leave it out",
        ),
        (
            json!({"cadence":"daily","weekday":"monday","time":"08:00","zone":"UTC"}),
            "`weekday` has no meaning with the cadence \"daily\"; leave it out",
        ),
        (
            json!({"cadence":"monthly","day":32,"time":"08:00","zone":"UTC"}),
            "`day` cannot be 32; give a day of the month from 1 to 31",
        ),
        (json!({"cadence":"monthly","day":0,"time":"08:00","zone":"UTC"}), "`day` cannot be 0; give"),
        (json!({"cadence":"monthly","day":"1","time":"08:00","zone":"UTC"}), "`day` cannot be \"1\"; give"),
        (json!({"cadence":"hourly"}), "`cadence` cannot be \"hourly\"; write \"weekly\", \"daily\" or \"monthly\""),
        (json!({}), "`cadence` is missing; write"),
        (json!({"cadence":"daily","hour":8,"time":"08:00","zone":"UTC"}), "unknown field `hour`, expected one of"),
        (json!("daily"), "invalid type: string \"daily\", expected a schedule, such as {\"cadence\""),
    ] {
        let sentence = refusal(value);
        assert!(sentence.starts_with(expected), "{sentence}");
    }
    let long = refusal(json!({"cadence":"daily","time":"08:00","zone":"é".repeat(5_000)}));
    assert!(long.len() < 300 && long.contains("…; give a name"), "{long}");
}

#[test]
fn a_schedule_is_described_in_a_phrase() {
    let monthly = |day: u8| schedule(json!({"cadence":"monthly","day":day,"time":"08:00","zone":"UTC"})).describe();
    assert_eq!(weekly(Weekday::Monday, "08:00", "Europe/Berlin").describe(), "Every Monday at 08:00 Europe/Berlin");
    assert_eq!(schedule(json!({"cadence":"daily","time":"17:45","zone":"UTC"})).describe(), "Every day at 17:45 UTC");
    assert_eq!(monthly(1), "On the 1st of every month at 08:00 UTC");
    assert_eq!(monthly(11), "On the 11th of every month at 08:00 UTC");
    assert_eq!(monthly(22), "On the 22nd of every month at 08:00 UTC");
    assert_eq!(monthly(31), "On the 31st of every month, or its last day, at 08:00 UTC");
}

#[test]
fn a_due_keeps_its_wall_clock_time_across_summer_time() {
    let monday = weekly(Weekday::Monday, "08:00", "Europe/Berlin");
    let expected = [at("2026-10-19T06:00Z"), at("2026-10-26T07:00Z")];
    assert_eq!(dues(&monday, "2026-10-18T00:00Z", "2026-11-01T00:00Z"), expected);
}

#[test]
fn a_missing_time_moves_to_the_end_of_the_gap_and_a_double_one_is_due_the_first_time() {
    let berlin = weekly(Weekday::Sunday, "02:30", "Europe/Berlin");
    assert_eq!(berlin.next_after(at("2026-03-28T12:00Z")), at("2026-03-29T01:00Z"), "03:00 summer time, not 03:30");
    assert_eq!(berlin.next_after(at("2026-10-24T12:00Z")), at("2026-10-25T00:30Z"));
    assert_eq!(berlin.next_after(at("2026-10-25T00:30Z")), at("2026-11-01T01:30Z"), "not the second 02:30");
    // Nuuk's gap, 23:00 to 24:00 on a Saturday, ends on Sunday; the due still belongs to Saturday.
    let nuuk = weekly(Weekday::Saturday, "23:30", "America/Nuuk");
    let moved = nuuk.next_after(at("2026-03-26T12:00Z"));
    assert_eq!((moved, nuuk.day_of(moved)), (at("2026-03-29T01:00Z"), date(2026, 3, 28)));
}

#[test]
fn a_midnight_that_is_shown_twice_begins_the_day_once() {
    // St. John's, 7 November 2010: 00:01 summer time (02:31 UTC) became 23:01 of the day before.
    let daily = schedule(json!({"cadence":"daily","time":"00:00","zone":"America/St_Johns"}));
    let expected = [at("2010-11-07T02:30Z"), at("2010-11-08T03:30Z")];
    assert_eq!(dues(&daily, "2010-11-06T12:00Z", "2010-11-08T12:00Z"), expected);
    let set_back = at("2010-11-07T02:45Z"); // 23:15 on the 6th, again
    assert_eq!((daily.previous_at_or_before(set_back), daily.next_after(set_back)), (expected[0], expected[1]));
    assert_eq!(daily.zone().day_begun_by(set_back), date(2010, 11, 7));
}

#[test]
fn a_skipped_day_has_no_daily_due_but_a_weekly_and_a_monthly_one_after_it() {
    let after_gap = at("2011-12-30T10:00Z"); // Saturday the 31st, 00:00 in Apia; there was no Friday the 30th
    let friday = weekly(Weekday::Friday, "08:00", "Pacific/Apia");
    let expected = [at("2011-12-23T18:00Z"), after_gap, at("2012-01-05T18:00Z")];
    assert_eq!(dues(&friday, "2011-12-20T00:00Z", "2012-01-08T00:00Z"), expected);
    let monthly = schedule(json!({"cadence":"monthly","day":30,"time":"08:00","zone":"Pacific/Apia"}));
    assert_eq!(dues(&monthly, "2011-12-02T00:00Z", "2012-01-10T00:00Z"), [after_gap]);
    for time in ["00:00", "08:00"] {
        let daily = schedule(json!({"cadence":"daily","time":time,"zone":"Pacific/Apia"}));
        let days: Vec<Date> =
            daily.due_between(at("2011-12-28T22:00Z"), at("2012-01-01T11:00Z")).map(|due| daily.day_of(due)).collect();
        assert_eq!(
            days,
            [date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1), date(2012, 1, 2)][..days.len()],
            "{time}"
        );
        assert!(days.len() >= 3);
    }
}

#[test]
fn a_month_that_lacks_the_day_uses_its_last() {
    let monthly = schedule(json!({"cadence":"monthly","day":31,"time":"08:00","zone":"UTC"}));
    let days: Vec<String> =
        dues(&monthly, "2028-01-01T00:00Z", "2028-05-01T00:00Z").iter().map(|due| due.to_string()).collect();
    assert_eq!(days, ["2028-01-31T08:00:00Z", "2028-02-29T08:00:00Z", "2028-03-31T08:00:00Z", "2028-04-30T08:00:00Z"]);
}

#[test]
fn the_ends_of_the_calendar_are_answered_with_the_ends_of_time() {
    for zone in ["UTC", "Pacific/Apia", "America/Nuuk"] {
        for value in [
            json!({"cadence":"weekly","weekday":"friday","time":"08:00","zone":zone}),
            json!({"cadence":"daily","time":"08:00","zone":zone}),
            json!({"cadence":"monthly","day":31,"time":"08:00","zone":zone}),
        ] {
            let schedule = schedule(value);
            assert_eq!(schedule.next_after(Timestamp::MAX), Timestamp::MAX);
            assert_eq!(schedule.due_between(Timestamp::MAX, Timestamp::MAX).count(), 0);
            assert!(schedule.previous_at_or_before(Timestamp::MIN) <= at("-009999-02-01T00:00Z"));
        }
    }
}

#[test]
fn from_2020_to_2030_offsets_are_whole_quarter_hours_and_only_casey_changes_at_odd_minutes() {
    let zones = distinct_zones();
    assert!(zones.len() > 50, "{}", zones.len());
    let mut odd = Vec::new();
    for zone in zones {
        let offset = zone.rules().to_offset(at("2020-01-01T00:00Z"));
        assert_eq!(i64::from(offset.seconds()) % QUARTER_HOUR, 0, "{zone}");
        for (instant, _, after) in transitions(&zone) {
            assert_eq!(i64::from(after.seconds()) % QUARTER_HOUR, 0, "{zone} {instant}");
            if instant.as_second() % QUARTER_HOUR != 0 {
                odd.push(format!("{zone} {instant}"));
            }
        }
    }
    let casey = ["2020-10-03T16:01:00Z", "2021-10-02T16:01:00Z", "2022-10-01T16:01:00Z"];
    assert_eq!(odd, casey.map(|instant| format!("Antarctica/Casey {instant}")));
}

#[test]
fn around_every_transition_every_schedule_is_due_once_a_week_and_once_a_day_at_the_first_showing() {
    // Zones of one neighbourhood share most of their transitions: clocks that look the same need to be watched once.
    let mut watched = HashSet::new();
    let mut seen = 0;
    for zone in distinct_zones() {
        for (instant, ..) in transitions(&zone) {
            seen += 1;
            let clock = WatchedClock::around(&zone, instant, 10);
            if !watched.insert(clock.clone()) {
                continue;
            }
            let today = zone.date_at(instant);
            let days: Vec<Date> = (-10..=10).map(|n| today.saturating_add(Span::new().days(n))).collect();
            let around = |days: i64| {
                (instant - SignedDuration::from_hours(days * 24), instant + SignedDuration::from_hours(days * 24))
            };
            for time in QuarterTime::all() {
                let (from, to) = around(8);
                for weekday in Weekday::VARIANTS {
                    let scheduled: Vec<Date> =
                        days.iter().copied().filter(|day| weekday.days_after(*day) == 0).collect();
                    let schedule = Schedule::Weekly { weekday: *weekday, time, zone: zone.clone() };
                    let found: Vec<Timestamp> = schedule.due_between(from, to).collect();
                    assert_eq!(found, clock.dues(&scheduled, time, from, to), "{schedule:?} around {instant}");
                }
                let (from, to) = around(2);
                let daily = Schedule::Daily { time, zone: zone.clone() };
                let found: Vec<Timestamp> = daily.due_between(from, to).collect();
                assert_eq!(found, clock.dues(&days, time, from, to), "{daily:?} around {instant}");
            }
        }
    }
    assert!(seen > 700 && watched.len() > 600, "{seen} transitions, {} clocks", watched.len());
}

#[test]
fn in_every_zone_a_month_with_a_transition_has_one_monthly_due_at_the_first_showing() {
    for zone in distinct_zones() {
        for (instant, before, after) in transitions(&zone) {
            let clock = WatchedClock::around(&zone, instant, 3);
            let (from, to) = (instant - SignedDuration::from_hours(48), instant + SignedDuration::from_hours(48));
            let day = zone.date_at(instant);
            for reading in [before.to_datetime(instant), after.to_datetime(instant)] {
                let days = [day.yesterday(), Ok(day), day.tomorrow()].map(|date| date.unwrap().day().cast_unsigned());
                for number in days.into_iter().chain([31]) {
                    let time =
                        QuarterTime::new(reading.hour().cast_unsigned(), reading.minute().cast_unsigned() / 15 * 15)
                            .unwrap();
                    let schedule = Schedule::Monthly { day: MonthDay::new(number).unwrap(), time, zone: zone.clone() };
                    let scheduled: Vec<Date> = (-3..=3)
                        .map(|n| day.saturating_add(Span::new().days(n)))
                        .filter(|day| day.day() == i8::try_from(number).unwrap().min(day.days_in_month()))
                        .collect();
                    let found: Vec<Timestamp> = schedule.due_between(from, to).collect();
                    assert_eq!(found, clock.dues(&scheduled, time, from, to), "{schedule:?} around {instant}");
                }
            }
        }
    }
}

#[test]
fn every_zone_has_574_mondays_and_132_months_from_2020_to_2030() {
    for zone in distinct_zones() {
        let (from, to) = (zone.start_of_day(date(2020, 1, 1)), zone.start_of_day(date(2031, 1, 1)));
        let time = QuarterTime::new(2, 30).unwrap();
        for (schedule, expected) in [
            (Schedule::Weekly { weekday: Weekday::Monday, time, zone: zone.clone() }, 574),
            (Schedule::Monthly { day: MonthDay::new(31).unwrap(), time, zone: zone.clone() }, 132),
        ] {
            assert_eq!(schedule.due_between(from, to).count(), expected, "{schedule:?}");
        }
    }
}

/// Any schedule in a zone of many kinds: summer time at midnight, by half an hour, in Ramadan, across the date line.
pub(crate) fn any_schedule() -> impl Strategy<Value = Schedule> {
    let zones = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Nuuk",
        "Asia/Beirut",
        "Africa/Casablanca",
        "Africa/Cairo",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
        "Pacific/Apia",
        "Pacific/Kiritimati",
        "Asia/Kathmandu",
        "Antarctica/Troll",
        "Antarctica/Casey",
        "America/St_Johns",
        "Africa/Monrovia",
    ];
    let parts = (0..3u8, 0..7usize, 1..=31u8, 0..96usize, proptest::sample::select(zones.to_vec()));
    parts.prop_map(|(cadence, weekday, day, time, name)| {
        let (time, zone) = (QuarterTime::all().nth(time).unwrap(), zone(name));
        match cadence {
            0 => Schedule::Weekly { weekday: Weekday::VARIANTS[weekday], time, zone },
            1 => Schedule::Daily { time, zone },
            _ => Schedule::Monthly { day: MonthDay::new(day).unwrap(), time, zone },
        }
    })
}

/// Any second from 1900 to 2099, so also among the offsets and gaps of history.
pub(crate) fn any_instant() -> impl Strategy<Value = Timestamp> {
    (-2_208_988_800..4_102_444_800_i64).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #[test]
    fn next_and_previous_are_inverse_and_dues_strictly_increase(schedule in any_schedule(), instant in any_instant()) {
        let previous = schedule.previous_at_or_before(instant);
        let next = schedule.next_after(instant);
        prop_assert!(previous <= instant && instant < next);
        prop_assert_eq!(next.as_second() % QUARTER_HOUR, 0);
        prop_assert_eq!(schedule.next_after(previous), next);
        prop_assert_eq!(schedule.previous_at_or_before(next), next);
        prop_assert_eq!(schedule.previous_at_or_before(next - SignedDuration::from_nanos(1)), previous);
        prop_assert_eq!(schedule.day_before(schedule.day_of(next)), Some(schedule.day_of(previous)));
    }

    #[test]
    fn whatever_is_read_back_is_what_was_written(schedule in any_schedule()) {
        let text = serde_json::to_string(&schedule).unwrap();
        prop_assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule);
    }
}
