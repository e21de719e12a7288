//! Periods leave no gap and no overlap, in all zones and across every change of schedule.

use jiff::SignedDuration;
use jiff::civil::date;
use proptest::prelude::*;
use serde_json::json;
use strum::VariantArray;

use super::*;
use crate::schedule::tests::{any_instant, any_schedule, at, distinct_zones, schedule, transitions, weekly, zone};
use crate::schedule::{QuarterTime, Weekday};

fn period(from: &str, to: &str) -> Period {
    Period::new(at(from), at(to)).unwrap()
}

/// How many local days it has; a date that the zone skipped does not count.
fn days(period: &Period, zone: &Zone) -> usize {
    let (first, last) = (period.first_day(zone), period.last_day(zone));
    let dates = std::iter::successors(Some(first), |date| date.tomorrow().ok()).take_while(|date| *date <= last);
    dates.filter(|date| zone.has_day(*date)).count()
}

/// Whether it begins and ends with local days.
fn is_whole_days(period: &Period, zone: &Zone) -> bool {
    let next = period.last_day(zone).tomorrow().unwrap();
    zone.start_of_day(period.first_day(zone)) == period.from() && zone.start_of_day(next) == period.to()
}

#[test]
fn a_weekly_period_is_seven_local_days_up_to_the_midnight_of_the_due_day() {
    let week = period("2026-10-18T22:00Z", "2026-10-25T23:00Z"); // 169 hours: summer time ends within
    for (time, due) in [("00:00", "2026-10-25T23:00Z"), ("08:00", "2026-10-26T07:00Z"), ("17:00", "2026-10-26T16:00Z")]
    {
        let monday = weekly(Weekday::Monday, time, "Europe/Berlin");
        assert_eq!(monday.next_after(at("2026-10-24T00:00Z")), at(due));
        assert_eq!(Period::regular(&monday, at(due)), Some(week), "{time}");
    }
    let berlin = zone("Europe/Berlin");
    assert_eq!((week.first_day(&berlin), week.last_day(&berlin)), (date(2026, 10, 19), date(2026, 10, 25)));
    assert_eq!((days(&week, &berlin), is_whole_days(&week, &berlin)), (7, true));
    assert!(!is_whole_days(&week, &zone("America/New_York")), "those dates would not say what it covers");
}

#[test]
fn a_monthly_and_a_daily_period_end_with_the_day_before_the_due() {
    let monthly = schedule(json!({"cadence":"monthly","day":31,"time":"08:00","zone":"UTC"}));
    let february = Period::regular(&monthly, at("2027-02-28T08:00Z"));
    assert_eq!(february, Some(period("2027-01-31T00:00Z", "2027-02-28T00:00Z")));
    let daily = schedule(json!({"cadence":"daily","time":"08:00","zone":"Asia/Beirut"}));
    // Beirut has no midnight on 28 March 2027: the day begins at 01:00.
    let day = Period::regular(&daily, at("2027-03-29T05:00Z")).unwrap();
    assert_eq!(day, period("2027-03-27T22:00Z", "2027-03-28T21:00Z"));
    assert_eq!((days(&day, daily.zone()), is_whole_days(&day, daily.zone())), (1, true));
}

#[test]
fn a_due_that_moved_past_midnight_still_closes_its_own_day() {
    let nuuk = weekly(Weekday::Saturday, "23:30", "America/Nuuk");
    let moved = nuuk.next_after(at("2026-03-26T12:00Z"));
    let week = Period::regular(&nuuk, moved).unwrap();
    assert_eq!((week.last_day(nuuk.zone()), days(&week, nuuk.zone())), (date(2026, 3, 27), 7));
}

#[test]
fn a_skipped_day_is_not_counted_and_leaves_no_empty_period() {
    let apia = zone("Pacific/Apia");
    let friday = weekly(Weekday::Friday, "08:00", "Pacific/Apia");
    let around = friday.due_between(at("2011-12-24T00:00Z"), at("2012-01-08T00:00Z"));
    let each: Vec<usize> = around.map(|due| days(&Period::regular(&friday, due).unwrap(), &apia)).collect();
    assert_eq!(each, [7, 6], "the week after the missing Friday has six days");
    let daily = schedule(json!({"cadence":"daily","time":"00:00","zone":"Pacific/Apia"}));
    let mut around = daily.due_between(at("2011-12-28T00:00Z"), at("2012-01-04T00:00Z"));
    assert!(around.all(|due| days(&Period::regular(&daily, due).unwrap(), &apia) == 1));
}

#[test]
fn a_due_from_older_zone_data_has_the_period_of_its_day() {
    let monday = weekly(Weekday::Monday, "08:00", "Europe/Berlin");
    let week = Period::regular(&monday, at("2026-11-30T07:00Z"));
    for stale in ["2026-11-30T06:00Z", "2026-11-30T08:00Z"] {
        assert_eq!(Period::regular(&monday, at(stale)), week, "{stale}");
    }
}

#[test]
fn an_empty_or_reversed_period_is_none_and_cannot_be_read() {
    let monday = weekly(Weekday::Monday, "08:00", "UTC");
    let due = at("2026-11-30T08:00Z");
    assert_eq!(Period::since(at("2026-11-30T00:00Z"), &monday, due), None);
    assert_eq!(Period::since(at("2026-11-30T07:00Z"), &monday, due), None);
    assert_eq!(Period::so_far(due, due), None);
    let so_far = Period::so_far(at("2026-11-30T00:00Z"), at("2026-12-02T10:07:03.25Z")).unwrap();
    let written = serde_json::to_value(so_far).unwrap();
    assert_eq!(written, json!({"from":"2026-11-30T00:00:00Z","to":"2026-12-02T10:07:03.25Z"}));
    assert_eq!(serde_json::from_value::<Period>(written).unwrap(), so_far);
    let reversed = json!({"from":"2026-12-02T00:00:00Z","to":"2026-12-02T00:00:00Z"});
    let sentence = serde_json::from_value::<Period>(reversed).unwrap_err().to_string();
    assert!(sentence.starts_with("`to` must be later than `from`"), "{sentence}");
}

#[test]
fn around_every_transition_weekly_periods_are_seven_days_long_and_meet() {
    for zone in distinct_zones() {
        for (instant, ..) in transitions(&zone) {
            for weekday in Weekday::VARIANTS {
                let time = QuarterTime::new(if *weekday < Weekday::Friday { 0 } else { 23 }, 30).unwrap();
                let schedule = Schedule::Weekly { weekday: *weekday, time, zone: zone.clone() };
                let due = schedule.next_after(instant - SignedDuration::from_hours(24));
                let next = Period::regular(&schedule, schedule.next_after(due)).unwrap();
                let this = Period::regular(&schedule, due).unwrap();
                assert_eq!(this.to(), next.from(), "{schedule:?} {due}");
                assert!(this.to() <= due && is_whole_days(&this, &zone), "{schedule:?} {due}");
                assert_eq!(days(&this, &zone), 7, "{schedule:?} {due}");
            }
        }
    }
}

proptest! {
    #[test]
    fn regular_periods_of_successive_dues_meet(schedule in any_schedule(), instant in any_instant()) {
        let due = schedule.next_after(instant);
        let this = Period::regular(&schedule, due).unwrap();
        let next = Period::regular(&schedule, schedule.next_after(due)).unwrap();
        prop_assert_eq!(this.to(), next.from());
        prop_assert_eq!(Some(this), Period::since(this.from(), &schedule, due));
        prop_assert!(this.to() <= due && this.to().as_second() % 900 == 0, "a closing, already made when due");
        prop_assert!(is_whole_days(&this, schedule.zone()));
    }

    /// Any schedules in any zones, each kept for some time: what is listed covers the whole time once, and a due is
    /// left out only if its day had ended before what is already covered.
    #[test]
    fn listed_periods_meet_across_reschedules(
        start in any_instant(),
        schedules in proptest::collection::vec((any_schedule(), 0..60 * 96_i64), 2..6),
    ) {
        let first = Period::regular(&schedules[0].0, schedules[0].0.next_after(start)).unwrap();
        let mut listed = vec![first];
        let mut now = schedules[0].0.next_after(start);
        for (schedule, quarters) in &schedules {
            let until = now + SignedDuration::from_mins(quarters * 15);
            for due in schedule.due_between(now, until) {
                let covered = listed.last().unwrap().to();
                match Period::since(covered, schedule, due) {
                    Some(period) => {
                        prop_assert_eq!(period.from(), covered);
                        prop_assert_eq!(period.to(), schedule.zone().start_of_day(schedule.day_of(due)));
                        prop_assert!(period.to() <= due);
                        listed.push(period);
                    }
                    None => prop_assert!(Period::end(schedule, due) <= covered),
                }
            }
            now = until;
        }
        let total: i64 = listed.iter().map(|period| period.to().as_second() - period.from().as_second()).sum();
        prop_assert_eq!(total, listed.last().unwrap().to().as_second() - first.from().as_second());
    }
}
