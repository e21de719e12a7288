//! Names of time zones stay readable: stored events hold them for ever.

use std::collections::BTreeSet;
use std::fs;

use domain::schedule::Zone;
use jiff::tz::TimeZoneDatabase;

use crate::golden::{bless, path};

/// Newer zone data may lack a name that was a mere link, and then no event that holds it could be read.
#[test]
fn every_zone_name_that_a_command_may_ever_have_brought_is_still_read() {
    let file = path("tests/zone_names.txt");
    let listed = fs::read_to_string(&file).unwrap_or_default();
    let bundled = TimeZoneDatabase::bundled();
    let known = bundled.available().map(|name| name.as_str().to_owned());
    let mut names: BTreeSet<String> = known.filter(|name| name.parse::<Zone>().is_ok()).collect();
    let is_complete = names.iter().all(|name| listed.lines().any(|line| line == name));
    names.extend(listed.lines().map(ToOwned::to_owned));
    if bless() {
        fs::write(&file, names.iter().map(|name| format!("{name}\n")).collect::<String>()).unwrap();
    } else {
        assert!(is_complete, "there are new names: list them with TRIALBRIEF_BLESS=1");
    }
    for name in names {
        let read = name.parse::<Zone>();
        assert!(read.is_ok(), "{name}: let Zone::from_str give it the rules of the zone that it was a link to");
    }
}
