//! The rules of a report.

use super::*;
use crate::edition::Paper;
use crate::given::{content, edition, given, period, sealed, trial, user};

fn a_week() -> Period {
    period("2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z")
}

fn schedule() -> Command {
    let edition = edition(Paper::A4);
    Command::Schedule(Scheduled { trial: trial(), period: a_week(), edition, so_far: false })
}

fn scheduled() -> Event {
    let edition = edition(Paper::A4);
    Event::ReportScheduled { trial: trial(), period: a_week(), edition, so_far: false }
}

fn manifest() -> Manifest {
    Manifest {
        cut: a_week().to(),
        log_sha256: "00".repeat(32),
        projection: 1,
        template: "1".to_owned(),
        renderer: "0.1.0".to_owned(),
        fonts: "1".to_owned(),
        tz_data: "2026a".to_owned(),
        analysis: 1,
        base_url: "http://127.0.0.1".to_owned(),
        thumbnails: vec![content("thumbnail")],
        names: vec![(user("u1"), sealed("A Person"))],
    }
}

fn complete(bytes: &str) -> Command {
    Command::CompleteRendering { sha256: content(bytes), size_bytes: 9, pages: 4, manifest: manifest() }
}

fn rendered() -> Event {
    Event::ReportRendered { sha256: content("pdf"), size_bytes: 9, pages: 4, manifest: manifest() }
}

fn abandon() -> Command {
    Command::Abandon { reason: "font missing".to_owned() }
}

fn abandoned() -> Event {
    Event::ReportAbandoned { reason: "font missing".to_owned() }
}

#[test]
fn a_report_is_scheduled_once_however_many_slots_share_it() {
    given::<Report>([]).when(schedule()).then([scheduled()]).when(schedule()).then_nothing();
    given::<Report>([scheduled(), rendered()]).when(schedule()).then_nothing();
    given::<Report>([scheduled(), abandoned()]).when(schedule()).then_nothing();
}

#[test]
fn a_scheduled_report_is_rendered_once() {
    given::<Report>([scheduled()]).when(complete("pdf")).then([rendered()]).when(complete("pdf")).then_nothing();
}

#[test]
fn a_rendered_report_never_gets_other_bytes() {
    given::<Report>([scheduled(), rendered()]).when(complete("other pdf")).refused(Refusal::RenderedOtherwise);
}

#[test]
fn what_nobody_asked_for_is_neither_rendered_nor_abandoned() {
    given::<Report>([]).when(complete("pdf")).refused(Refusal::NotScheduled);
    given::<Report>([]).when(abandon()).refused(Refusal::NotScheduled);
}

#[test]
fn a_report_is_abandoned_once_and_then_not_rendered() {
    given::<Report>([scheduled()]).when(abandon()).then([abandoned()]).when(abandon()).then_nothing();
    given::<Report>([scheduled(), abandoned()]).when(complete("pdf")).refused(Refusal::Abandoned);
}

#[test]
fn a_rendered_report_is_not_abandoned() {
    given::<Report>([scheduled(), rendered()]).when(abandon()).refused(Refusal::Rendered);
}

#[test]
fn a_report_is_named_by_trial_period_and_edition() {
    let wanted = Scheduled { trial: trial(), period: a_week(), edition: edition(Paper::A4), so_far: false };
    let other_trial = Scheduled { trial: TrialId::parse("trial", "LUNG-1").unwrap(), ..wanted.clone() };
    let other_paper = Scheduled { edition: edition(Paper::Letter), ..wanted.clone() };
    let longer = Scheduled { period: period("2026-11-15T23:00:00Z", "2026-11-29T23:00:00Z"), ..wanted.clone() };
    let so_far = Scheduled { so_far: true, ..wanted.clone() };
    for other in [other_trial, other_paper, longer, so_far] {
        assert_ne!(Report::id(&wanted), Report::id(&other), "{other:?}");
    }
}
