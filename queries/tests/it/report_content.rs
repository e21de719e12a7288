//! What a report says: a function of the log up to its cut.

use std::collections::BTreeMap;

use domain::findings::FindingCode;
use domain::id::DocumentId;
use domain::period::Period;
use domain::report::{Report, Scheduled};
use futures::future::join_all;
use ports::Person;
use queries::{Prepared, Printed};
use report::mail::MailContent;
use serde_json::json;

use crate::world::{Stored, World, at, document, edition, picture_of, trial};

const FROM: &str = "2026-11-15T23:00:00Z";
const TO: &str = "2026-11-22T23:00:00Z";

fn wanted(from: &str, to: &str, so_far: bool) -> Scheduled {
    let period = Period::new(at(from), at(to)).unwrap();
    Scheduled { trial: trial("ACME-1"), period, edition: edition(), so_far }
}

/// A trial whose first closing is the period's start.
async fn world() -> World {
    let world = World::new().await;
    world.clock.set(at("2026-11-15T22:00:00Z"));
    world.open_trial("ACME-1", "Hearts", "ada").await;
    world.close(FROM).await;
    world
}

fn stored<'a>(id: u16, name: &'a str, site: &'a str, bytes: &'a str, order: u64) -> Stored<'a> {
    Stored { id: document(id), trial: Some("ACME-1"), name, site, bytes, order }
}

async fn report_of(world: &World, wanted: &Scheduled) -> Prepared {
    world.fold().await;
    let id = Report::id(wanted);
    let prepared = world.queries.report_content(id.as_str(), wanted, None).await.unwrap().unwrap();
    let (mail, _) = world.queries.mail_content(id.as_str(), wanted).await.unwrap().unwrap();
    assert_eq!(mail, MailContent::of(&prepared.content).unwrap(), "the mail says what the report says");
    report::pdf::render(&prepared.content, &prepared.thumbnails).unwrap();
    prepared
}

async fn report(world: &World) -> Prepared {
    report_of(world, &wanted(FROM, TO, false)).await
}

#[tokio::test]
async fn nothing_that_comes_after_the_cut_changes_a_report() {
    let world = world().await;
    for number in 100..125 {
        world.observe(stored(number, "same.jpg", "S-1", "same", 1), false).await;
    }
    world.analyse("same", &[FindingCode::Blurred]).await;
    for number in 125..130 {
        let bytes = format!("own {number}");
        world.observe(stored(number, "own.jpg", "S-2", &bytes, 1), false).await;
        world.analyse(&bytes, &[FindingCode::TooDark]).await;
    }
    world.close(TO).await;
    let before = report(&world).await;
    let group = &before.content.duplicates[0];
    assert_eq!((group.files.len(), before.content.duplicates_omitted), (20, 5));

    // Whoever sorts by the end of validity, or takes the first rows that end later, now finds others.
    for number in 1..60 {
        world.observe(stored(number, "later.jpg", "S-3", "same", 1), false).await;
    }
    for number in 200..260 {
        let bytes = format!("pair {}", number / 2);
        world.observe(stored(number, "pair.jpg", "S-3", &bytes, 1), false).await;
        world.analyse(&bytes, &[FindingCode::Truncated]).await;
    }
    for number in (100..130).step_by(2) {
        world.remove(document(number), 9).await;
    }
    world.close("2026-11-23T08:00:00Z").await;
    let after = report(&world).await;
    assert_eq!(serde_json::to_value(&before.content).unwrap(), serde_json::to_value(&after.content).unwrap());
}

#[tokio::test]
async fn documents_of_one_name_keep_their_own_pictures() {
    let world = world().await;
    for (number, site, bytes) in [(1, "S-1", "one"), (2, "S-2", "other")] {
        world.observe(stored(number, "IMG_0001.jpg", site, bytes, 1), false).await;
        world.analyse(bytes, &[FindingCode::Blurred]).await;
    }
    world.close(TO).await;
    let content = report(&world).await.content;
    let picture = |site: &str| {
        let finding = content.findings.iter().find(|finding| finding.site.as_deref() == Some(site)).unwrap();
        content.thumbnails[finding.thumbnail.unwrap()].sha256.clone()
    };
    assert_eq!([picture("S-1"), picture("S-2")], ["one", "other"].map(|bytes| picture_of(bytes).to_string()));
}

#[tokio::test]
async fn all_documents_that_need_attention_are_counted_in_report_mail_and_trial_page() {
    let world = world().await;
    for number in 0..305 {
        world.observe(stored(number, "empty.txt", "S-1", "", 1), false).await;
    }
    world.analyse("", &[FindingCode::EmptyFile]).await;
    world.close(TO).await;
    let content = report(&world).await.content;
    assert_eq!((content.attention.len(), content.needing_attention()), (300, 305));
    assert_eq!((content.findings.len(), content.findings_omitted), (300, 5));
    assert_eq!((content.thumbnails.len(), content.thumbnails_omitted), (60, 250));
    assert!(MailContent::of(&content).unwrap().headline.ends_with("305 need attention"));
    let summary = world.get("ada", "/api/trials/ACME-1/summary").await.ok();
    assert_eq!(summary["figures"]["contents"]["flagged"], 305);
}

#[tokio::test]
async fn every_change_is_counted_by_who_made_it_however_many_there_are() {
    let world = world().await;
    let namesake = Person { user: "ada2".to_owned(), name: "Ada Lovelace".to_owned(), address: None, active: true };
    world.directory.save(&namesake).await.unwrap();
    // At once, so that they share commits.
    join_all((0..2_010).map(|number| {
        let by = ["ada", "ada2", "ben"][usize::from(number % 3)];
        world.observe_by(by, stored(number, "x.txt", "S-1", "x", 1), 1, false)
    }))
    .await;
    world.remove(document(0), 2).await;
    world.close(TO).await;
    let content = report(&world).await.content;
    let people: Vec<_> =
        content.by_whom.iter().map(|person| (person.name.as_str(), person.added, person.removed)).collect();
    assert_eq!(people, [("Ben Bitdiddle", 670, 1), ("Ada Lovelace (ada)", 670, 0), ("Ada Lovelace (ada2)", 670, 0)]);
    assert!(content.by_whom.iter().all(|person| person.reasons == ["because"]));
    assert_eq!((content.changes.len(), content.changes_omitted), (2_000, 11));
    let by = |name: &str| content.changes.iter().any(|change| change.by == name);
    assert!(by("Ada Lovelace (ada)") && by("Ada Lovelace (ada2)") && !by("Ada Lovelace"));
}

#[tokio::test]
async fn a_cut_that_a_later_closing_overtook_ends_with_that_closing() {
    let world = world().await;
    world.observe(stored(1, "a.txt", "S-1", "a", 1), false).await;
    // Asked for first and closed last: nothing is closed at 10:00:00 any more.
    world.close("2026-11-18T10:00:07Z").await;
    world.observe(stored(2, "b.txt", "S-1", "b", 1), false).await;
    world.close("2026-11-18T10:15:00Z").await;
    let first = report_of(&world, &wanted(FROM, "2026-11-18T10:00:00Z", true)).await.content;
    let second = report_of(&world, &wanted(FROM, "2026-11-18T10:00:07Z", true)).await.content;
    assert_eq!((first.cut.at, &first.cut), (at("2026-11-18T10:00:07Z"), &second.cut));
    assert_eq!((first.balance.present_at_end, &first.changes), (1, &second.changes));
}

#[tokio::test]
async fn a_report_is_incomplete_where_history_was_lost_anywhere_in_its_period() {
    let world = world().await;
    world.close_as("2026-11-18T10:00:00Z", false).await;
    world.close(TO).await;
    world.close("2026-11-29T23:00:00Z").await;
    assert!(!report(&world).await.content.cut.complete);
    assert!(report_of(&world, &wanted(TO, "2026-11-29T23:00:00Z", false)).await.content.cut.complete);
}

#[tokio::test]
async fn a_record_that_claims_an_absurd_size_stops_no_report() {
    let world = world().await;
    for number in 1..3 {
        world.observe_by("ben", stored(number, "huge.bin", "S-1", "x", 1), u64::MAX, false).await;
    }
    world.close(TO).await;
    let content = report(&world).await.content;
    let both = 2 * domain::figures::MOST_BYTES_OF_A_DOCUMENT;
    assert_eq!((content.balance.present_at_end, content.balance.bytes_at_end), (2, both));
    assert_eq!((content.by_site[0].count, content.by_site[0].bytes), (2, both));
}

#[tokio::test]
async fn a_truncated_image_counts_as_an_image_that_was_not_measured() {
    let world = world().await;
    for (number, bytes, readable) in [(1, "whole", true), (2, "half", false)] {
        world.observe(stored(number, "photo.jpg", "S-1", bytes, 1), false).await;
        world.analyse_image(bytes, readable).await;
    }
    world.close(TO).await;
    let quality = report(&world).await.content.image_quality.unwrap();
    assert_eq!((quality.images_analysed, quality.images), (1, 2));
    assert_eq!(quality.luminance_mean_milli, 100_000, "a mean over those that were measured");
}

#[tokio::test]
async fn a_report_so_far_at_midnight_names_the_day_that_is_over() {
    let world = world().await;
    world.close("2026-11-17T23:00:00Z").await;
    let content = report_of(&world, &wanted(FROM, "2026-11-17T23:00:00Z", true)).await.content;
    assert_eq!(MailContent::of(&content).unwrap().period_short, "16–17 Nov 2026");
}

#[tokio::test]
async fn a_report_rendered_again_has_the_links_it_had_and_tells_whose_text_is_gone() {
    let world = world().await;
    let gone: DocumentId = document(1);
    world.observe(stored(1, "gone.txt", "S-1", "gone", 1), false).await;
    world.remove(gone.clone(), 2).await;
    world.close("2026-11-16T10:00:00Z").await;
    world.observe(stored(2, "blurred.jpg", "S-1", "blurred", 1), false).await;
    world.analyse("blurred", &[FindingCode::Blurred]).await;
    world.close(TO).await;
    let wanted = wanted("2026-11-16T10:00:00Z", TO, false);
    let first = report_of(&world, &wanted).await;
    assert_eq!(first.base_url, "http://127.0.0.1");

    let printed = || Some(Printed { names: BTreeMap::new(), base_url: Some("https://before.example".to_owned()) });
    let id = Report::id(&wanted);
    world.key_ring.destroy(&format!("document/{gone}")).await.unwrap();
    let again = world.queries.report_content(id.as_str(), &wanted, printed()).await.unwrap().unwrap();
    assert!(again.erased.is_empty(), "it never printed that document: {:?}", again.erased);
    let link = format!("https://before.example/#/documents/{}", document(2));
    assert_eq!(json!(again.content.attention[0].link), json!(link));

    world.key_ring.destroy(&format!("document/{}", document(2))).await.unwrap();
    let again = world.queries.report_content(id.as_str(), &wanted, printed()).await.unwrap().unwrap();
    assert_eq!(again.erased.into_iter().collect::<Vec<_>>(), [format!("document/{}", document(2))]);
}
