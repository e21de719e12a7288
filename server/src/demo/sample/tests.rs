use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZoneDatabase;

use super::*;

const START: Date = date(2026, 9, 7);
const PEOPLE: [&str; 6] = ["u-1", "u-2", "u-3", "u-4", "u-5", "u-6"];

fn plan(seed: u64) -> Vec<SampleChange> {
    weeks(seed, START, &TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap(), 12, &PEOPLE)
}

fn end() -> Timestamp {
    date(2026, 11, 30).in_tz("Europe/Berlin").unwrap().timestamp()
}

fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    for number in [0, 1, 2, 4, 9, 29, 7, 11, 14] {
        let first = document(5, number, START);
        assert_eq!(first, document(5, number, START));
        assert_ne!(first.bytes, document(6, number, START).bytes, "document {number}");
    }
    assert_eq!(plan(5), plan(5));
    assert_ne!(plan(5), plan(6));
}

#[test]
fn copies_have_the_bytes_of_the_photograph_and_another_name() {
    for (copy, first) in [(88, 43), (246, 43), (188, 140)] {
        assert!(matches!(recipe(3, first), Recipe::Photograph(..)));
        let (copy, first) = (document(3, copy, START), document(3, first, date(2026, 5, 2)));
        assert_eq!(copy.bytes, first.bytes);
        assert_ne!(copy.filename, first.filename);
    }
}

#[test]
fn a_replaced_file_differs_and_keeps_its_kind() {
    let (first, second) = (document(3, 0, START), revision(3, 0, 1, START));
    assert_ne!(first.bytes, second.bytes);
    assert_eq!((first.kind, first.site), (second.kind, second.site));
}

#[test]
fn kinds_sites_and_statuses_are_codes_and_the_sample_has_all_of_them() {
    let kinds: BTreeSet<_> = (0..DOCUMENTS).map(|number| recipe(1, number).kind()).collect();
    let sites: BTreeSet<_> = (0..DOCUMENTS).map(|number| SITES[place(1, number)].code).collect();
    let statuses: BTreeSet<_> = (0..DOCUMENTS).map(|number| status(1, number)).collect();
    assert!(kinds.iter().chain(&sites).all(|code| is_code(code)));
    assert_eq!((kinds.len(), sites.len(), statuses.len()), (13, 12, 3));
}

#[test]
fn names_include_the_unpleasant_ones_and_no_other_is_one() {
    let name = |number| {
        let site = &SITES[place(1, number)];
        names::filename(recipe(1, number), number, site, START, &mut Dice::new(1, number, 5))
    };
    assert!(name(23).starts_with("../"));
    assert!(name(35).contains('"') && name(47).contains("<script>") && name(58).contains('\u{200f}'));
    assert_eq!(name(76).chars().count(), 300);
    let unpleasant = |name: &String| name.contains(['/', '"', '<', '\u{202e}']) || name.chars().count() > 120;
    assert_eq!((0..DOCUMENTS).map(name).filter(unpleasant).count(), 5);
}

#[test]
fn a_turned_photograph_says_so_and_stores_turned_pixels() {
    let taken = |held| photo::photograph(Scene::Ward, Fault::Tiny, held, &mut Dice::new(1, 1, 1));
    let size = |file: &[u8]| {
        let frame = file.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        (u16::from_be_bytes([file[frame + 7], file[frame + 8]]), u16::from_be_bytes([file[frame + 5], file[frame + 6]]))
    };
    let orientation = |file: &[u8]| {
        let tag = file.windows(4).position(|bytes| bytes == [1, 0x12, 0, 3]).unwrap();
        u16::from_be_bytes([file[tag + 8], file[tag + 9]])
    };
    assert_eq!(size(&taken(Held::Level)), (96, 72));
    assert_eq!((size(&taken(Held::Left)), orientation(&taken(Held::Left))), ((72, 96), 6));
    assert_eq!((size(&taken(Held::Right)), orientation(&taken(Held::Right))), ((72, 96), 8));
}

#[test]
fn broken_files_are_broken_in_the_way_their_name_says() {
    let bytes = |number| document(1, number, START).bytes;
    assert!(bytes(41).is_empty());
    assert!(bytes(17).starts_with(&[0xff, 0xd8]) && !bytes(17).ends_with(&[0xff, 0xd9]));
    assert!(bytes(63).starts_with(b"MONITORING") && document(1, 63, START).filename.ends_with("jpg"));
    let line = bytes(151);
    assert!(line.len() >= LONG_LINE && !line.contains(&b'\n'));
    assert!(std::str::from_utf8(&bytes(55)).is_err());
    let claim = bytes(131);
    let mut decoder = png::Decoder::new(std::io::Cursor::new(&claim));
    let header = decoder.read_header_info().map(|header| (header.width, header.height));
    let limited = matches!(header, Err(png::DecodingError::LimitsExceeded));
    assert!(limited || header.is_ok_and(|size| size == (60_000, 60_000)) && claim.len() < 100);
}

#[test]
fn the_plan_touches_only_documents_that_are_there() {
    for seed in 0..8 {
        let mut present: BTreeSet<usize> = (0..PRESENT).collect();
        let (mut added, mut moved, mut before) = (0, 0, Timestamp::MIN);
        for change in plan(seed) {
            assert!(change.at > before);
            before = change.at;
            let known = present.contains(&change.document);
            match change.action {
                Action::Add { .. } => {
                    assert!(!known && present.insert(change.document));
                    added += 1;
                }
                Action::Edit { patch, .. } => {
                    assert!(known);
                    if patch.iter().any(|(property, _)| *property == "TrialId") {
                        present.remove(&change.document);
                        moved += 1;
                    }
                }
                Action::Replace { .. } => assert!(known),
                Action::Remove { .. } => assert!(known && present.remove(&change.document)),
            }
        }
        assert_eq!((added, moved), (DOCUMENTS - PRESENT, 1));
    }
}

#[test]
fn each_week_differs_and_the_last_change_is_shortly_before_the_end() {
    for seed in 0..8 {
        let changes = plan(seed);
        let mut sizes = BTreeMap::new();
        for change in &changes {
            assert!(change.at.as_microsecond() % (15 * 60 * 1_000_000) != 0);
            let days = (change.at.in_tz("Europe/Berlin").unwrap().date() - START).get_days();
            *sizes.entry(days / 7).or_insert(0) += 1;
        }
        assert_eq!(sizes.keys().copied().collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
        assert_eq!(sizes.values().collect::<BTreeSet<_>>().len(), 12);
        let left = end().as_second() - changes[changes.len() - 1].at.as_second();
        assert!((1..3 * 3600).contains(&left), "{left} seconds before the end");
    }
}

#[test]
fn people_work_when_it_is_day_where_they_are() {
    for change in plan(1) {
        let site = &SITES[place(1, change.document)];
        let hour = change.at.in_tz(site.zone).unwrap().hour();
        assert!((7..19).contains(&hour), "{} at {hour}", site.code);
    }
}
