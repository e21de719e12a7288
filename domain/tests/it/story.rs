//! One Monday, told in events: at least one of every type, with every optional field filled somewhere.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::Role;
use domain::aggregate::{Event, encode};
use domain::content::Thumbnail;
use domain::delivery::{Occasion, Skipped, Withheld};
use domain::document::{Content, Snapshot, Token};
use domain::edition::{Audience, Edition, Language, Paper, Slot};
use domain::findings::FindingCode;
use domain::id::{Code, ContentHash, DocumentId, Id, TrialId, UserId, derive};
use domain::measures::{ImageFormat, ImageMeasures, Measures, PerceptualHash};
use domain::period::Period;
use domain::promised::PromisedType;
use domain::report::{Manifest, Scheduled};
use domain::schedule::{Cadence, Schedule, Weekday};
use domain::sealed::Sealed;
use domain::subscription::EndedBy;
use domain::trial::Enclosure;
use domain::{clock, content, delivery, document, membership, occurrence, report, subscription, trial};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::golden::{Golden, Metadata};

/// Seals every text of the story.
pub const KEY: [u8; 32] = [7; 32];

/// The first event of each type, in the order of the story.
pub fn first_of_each_type() -> Vec<Golden> {
    let mut seen = BTreeSet::new();
    tell().into_iter().filter(|event| seen.insert(event.kind.clone())).collect()
}

/// Writes the log.
#[derive(Default)]
struct Log {
    events: Vec<Golden>,
    heads: BTreeMap<String, (u64, String)>,
}

impl Log {
    /// The next event of a stream, a second and a bit after the one before.
    fn append<E: Event>(&mut self, stream: &str, actor: &str, event: &E) {
        let seconds = i64::try_from(self.events.len()).unwrap();
        let recorded_at = at("2026-11-30T07:00:00.000001Z") + SignedDuration::from_secs(seconds);
        let (revision, previous) = match self.heads.get(stream) {
            Some((revision, hash)) => (revision + 1, hash.clone()),
            None => (0, "00".repeat(32)),
        };
        let command = derive("command", &[stream, &revision.to_string()]);
        let id = derive("event", &[&command.to_string(), stream, "0"]);
        let (kind, version) = (event.kind().to_owned(), event.version());
        let causation = self.events.last().map(|last| last.id);
        let metadata = Metadata {
            id,
            kind: kind.clone(),
            version,
            recorded_at,
            actor: actor.to_owned(),
            command,
            correlation: command,
            causation,
            previous,
        };
        let bytes = encode(event);
        let data = serde_json::from_slice(&bytes).unwrap();
        let mut stored =
            Golden { stream: stream.to_owned(), revision, id, kind, version, data, metadata, hash: String::new() };
        stored.hash = stored.hash_with(&bytes);
        self.heads.insert(stream.to_owned(), (revision, stored.hash.clone()));
        self.events.push(stored);
    }
}

fn at(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

fn sealed(owner: &str, text: &str) -> Sealed {
    Sealed::seal(owner, &KEY, text.as_bytes())
}

fn trial_id() -> TrialId {
    TrialId::parse("trial", "CARDIO-7").unwrap()
}

fn user() -> UserId {
    UserId::parse("user", "u-1001").unwrap()
}

fn schedule(time: &str) -> Schedule {
    Schedule::Weekly { weekday: Weekday::Monday, time: time.parse().unwrap(), zone: "Europe/Berlin".parse().unwrap() }
}

fn edition() -> Edition {
    let zone = "Europe/Berlin".parse().unwrap();
    Edition { zone, language: Language::En, paper: Paper::A4, audience: Audience::Members }
}

fn slot() -> Slot {
    Slot { trial: trial_id(), schedule: schedule("08:00"), edition: edition() }
}

fn due() -> Timestamp {
    at("2026-11-30T07:00:00Z")
}

fn a_week() -> Period {
    Period::new(at("2026-11-22T23:00:00Z"), at("2026-11-29T23:00:00Z")).unwrap()
}

fn so_far() -> Period {
    Period::new(at("2026-11-29T23:00:00Z"), at("2026-11-30T09:41:07.125Z")).unwrap()
}

fn wanted(period: Period, so_far: bool) -> Scheduled {
    Scheduled { trial: trial_id(), period, edition: edition(), so_far }
}

fn report_id() -> Id<report::Report> {
    report::Report::id(&wanted(a_week(), false))
}

fn subscription_id() -> Id<subscription::Subscription> {
    subscription::Subscription::id(&trial_id(), &user(), Cadence::Weekly)
}

fn tell() -> Vec<Golden> {
    let mut log = Log::default();
    tell_trial(&mut log);
    tell_membership(&mut log);
    tell_documents(&mut log);
    tell_contents(&mut log);
    tell_clock(&mut log);
    tell_subscription(&mut log);
    tell_occurrence(&mut log);
    tell_reports(&mut log);
    tell_deliveries(&mut log);
    log.events
}

fn tell_trial(log: &mut Log) {
    use trial::Event;
    let stream = trial::Trial::id(&trial_id()).stream();
    let title = |text| sealed("trial/CARDIO-7", text);
    let (founder, enclosure) = (UserId::parse("user", "u-1000").unwrap(), Enclosure::Attachment);
    let opened = Event::TrialOpened { trial: trial_id(), founder, title: title("Heart"), enclosure };
    log.append(&stream, "u-1000", &opened);
    let changed = Event::TrialSettingsChanged { title: title("Heart and vessels"), enclosure: Enclosure::Link };
    log.append(&stream, "u-1000", &changed);
    log.append(&stream, "u-1000", &Event::TrialClosed { reason: Some(title("Recruitment is over")) });
    log.append(&stream, "u-1000", &Event::TrialReopened { reason: Some(title("Follow-up visits")) });
}

fn tell_membership(log: &mut Log) {
    use membership::Event;
    let stream = membership::Membership::id(&trial_id(), &user()).stream();
    let granted = Event::MembershipGranted { trial: trial_id(), user: user(), role: Role::Contributor };
    log.append(&stream, "u-1000", &granted);
    log.append(&stream, "u-1000", &Event::MembershipRevoked { trial: trial_id(), user: user() });
}

fn snapshot(owner: &str, status: &str, content: Content) -> Snapshot {
    Snapshot {
        trial: Some(trial_id()),
        site: Some(Code::or_other("S-01")),
        kind: Some(Code::or_other("x-ray")),
        status: Some(Code::or_other(status)),
        document_date: Some("2026-11-27".parse().unwrap()),
        size_bytes: 2_048,
        content,
        promised: Some(PromisedType::Png),
        file: "5f1e0c3d2b4a69788796a5b4c3d2e1f0".to_owned(),
        fingerprint: domain::sealed::fingerprint(&KEY, status.as_bytes()),
        record: sealed(owner, &format!(r#"{{"Filename":"Müller thorax.png","Status":"{status}"}}"#)),
    }
}

fn tell_documents(log: &mut Log) {
    use document::Event;
    let token = |order| Token { epoch: 1, order };
    let of = |id: &str| DocumentId::parse("_id", id).unwrap();
    let image = || ContentHash::of(b"an image");

    let old = of("65f0c0ffee65f0c0ffee0001");
    let (owner, stream) = (format!("document/{old}"), document::Document::id(&old).stream());
    let reason = |text| Some(sealed(&owner, text));
    let before = snapshot(&owner, "draft", Content::Unknown);
    let found = Event::DocumentFound { document: old.clone(), token: token(7), at: due(), after: before.clone() };
    log.append(&stream, "relay", &found);
    let findings = vec![FindingCode::Md5Mismatch];
    let identified = Event::DocumentContentIdentified {
        document: old.clone(),
        trial: Some(trial_id()),
        content: Some(image()),
        file: before.file.clone(),
        findings,
    };
    log.append(&stream, "analyst", &identified);
    let before = Snapshot { content: Content::Known(image()), ..before };
    let after = snapshot(&owner, "final", Content::Known(image()));
    let changed = Event::DocumentChanged {
        document: old.clone(),
        token: token(8),
        at: due(),
        before,
        after: after.clone(),
        changed: vec!["Status".to_owned()],
        reason: reason("Signed by the investigator"),
    };
    log.append(&stream, "u-1001", &changed);
    let removed = Event::DocumentRemoved {
        document: old,
        token: token(9),
        at: due(),
        before: after,
        reason: reason("Wrong person"),
    };
    log.append(&stream, "u-1001", &removed);

    let new = of("65f0c0ffee65f0c0ffee0002");
    let owner = format!("document/{new}");
    let added = Event::DocumentAdded {
        document: new.clone(),
        token: token(10),
        at: due(),
        after: snapshot(&owner, "final", Content::Known(image())),
        reason: Some(sealed(&owner, "Replaces the one before")),
    };
    log.append(&document::Document::id(&new).stream(), "u-1001", &added);
}

fn tell_contents(log: &mut Log) {
    use content::Event;
    let bytes = ContentHash::of(b"an image");
    let stream = content::ContentState::id(&bytes).stream();
    let finding = FindingCode::FileMissing;
    log.append(
        &stream,
        "analyst",
        &Event::ContentUnreadable { content: bytes.clone(), algorithm: 1, finding, media_type: None },
    );
    let measures = Measures::Image(ImageMeasures {
        format: ImageFormat::Png,
        width_px: 1_600,
        height_px: 1_200,
        orientation: 1,
        luminance_mean_milli: 127_500,
        contrast_milli: 61_250,
        clipped_shadows_ppm: 12,
        clipped_highlights_ppm: 250_001,
        sharpness_milli: 310_000,
        perceptual_hash: PerceptualHash(0x00ff_0000_0000_0001),
    });
    let thumbnail = Thumbnail { sha256: ContentHash::of(b"a thumbnail"), width_px: 320, height_px: 240 };
    let analysed = Event::ContentAnalysed {
        content: bytes,
        algorithm: 1,
        measures,
        findings: vec![FindingCode::ClippedHighlights],
        thumbnail: Some(thumbnail),
    };
    log.append(&stream, "analyst", &analysed);
}

fn tell_clock(log: &mut Log) {
    use clock::{ClockDay, Event, LogHash};
    let log_hash = |through: Option<&str>| LogHash { through: through.map(at), sha256: "5a".repeat(32) };
    let stream = ClockDay::id(ClockDay::date_of(due())).stream();
    let closed =
        Event::QuarterHourClosed { instant: due(), complete: true, log: log_hash(Some("2026-11-30T06:30:00Z")) };
    log.append(&stream, "relay", &closed);
    let closed = Event::MomentClosed { instant: so_far().to(), complete: false, log: log_hash(None) };
    log.append(&stream, "relay", &closed);
}

fn tell_subscription(log: &mut Log) {
    use subscription::Event;
    let stream = subscription_id().stream();
    let started = Event::SubscriptionStarted {
        term: 1,
        trial: trial_id(),
        user: user(),
        schedule: schedule("08:00"),
        edition: edition(),
    };
    log.append(&stream, "u-1001", &started);
    let rescheduled = Event::SubscriptionRescheduled {
        schedule_before: schedule("08:00"),
        edition_before: edition(),
        schedule: schedule("17:15"),
        edition: Edition { paper: Paper::Letter, ..edition() },
    };
    log.append(&stream, "u-1001", &rescheduled);
    log.append(&stream, "u-1001", &Event::SubscriptionPaused { term: 1 });
    log.append(&stream, "u-1001", &Event::SubscriptionResumed { term: 1 });
    log.append(&stream, "u-1001", &Event::SubscriptionEnded { term: 1, by: EndedBy::UnsubscribeLink });
}

fn tell_occurrence(log: &mut Log) {
    use occurrence::Event;
    let stream = occurrence::Occurrence::id(&slot(), due()).stream();
    let joined = vec![at("2026-11-23T07:00:00Z")];
    log.append(&stream, "scheduler", &Event::OccurrenceOpened { slot: slot(), due: due(), joined });
    let subscriptions = vec![subscription_id()];
    let listed = Event::RecipientsListed { report: report_id(), period: a_week(), due: due(), subscriptions };
    log.append(&stream, "scheduler", &listed);
    log.append(&stream, "scheduler", &Event::OccurrenceClosed { slot: slot(), due: due(), listed: 1 });
}

fn tell_reports(log: &mut Log) {
    use report::Event;
    let scheduled =
        |period: Period, so_far| Event::ReportScheduled { trial: trial_id(), period, edition: edition(), so_far };
    let manifest = Manifest {
        cut: a_week().to(),
        log_sha256: "5a".repeat(32),
        projection: 1,
        template: "1".to_owned(),
        renderer: "0.1.0".to_owned(),
        fonts: "1".to_owned(),
        tz_data: "2026a".to_owned(),
        analysis: 1,
        base_url: "https://trialbrief.example.org".to_owned(),
        thumbnails: vec![ContentHash::of(b"a thumbnail")],
        names: vec![(user(), sealed("person/u-1001", "Maria Müller"))],
    };
    let rendered =
        Event::ReportRendered { sha256: ContentHash::of(b"a report"), size_bytes: 81_920, pages: 4, manifest };
    let stream = report_id().stream();
    log.append(&stream, "scheduler", &scheduled(a_week(), false));
    log.append(&stream, "renderer", &rendered);

    let stream = report::Report::id(&wanted(so_far(), true)).stream();
    log.append(&stream, "scheduler", &scheduled(so_far(), true));
    log.append(&stream, "renderer", &Event::ReportAbandoned { reason: "the file store is full".to_owned() });
}

fn tell_deliveries(log: &mut Log) {
    use delivery::{Delivery, Event};
    let (report, subscription) = (report_id(), subscription_id());
    let id = |occasion: &Occasion| Delivery::id(&report, &subscription, occasion).stream();
    let requested = |occasion: &Occasion, period: Period, so_far| Event::DeliveryRequested {
        report: report.clone(),
        subscription: subscription.clone(),
        occasion: occasion.clone(),
        wanted: wanted(period, so_far),
    };
    let attempted = |attempt, lease_until: &str| Event::DeliveryAttempted {
        report: report.clone(),
        subscription: subscription.clone(),
        attempt,
        worker: "mailer-1".to_owned(),
        lease_until: at(lease_until),
        address: domain::sealed::fingerprint(&KEY, b"maria@example.org"),
    };
    let reply = |text| sealed("person/u-1001", text);

    let resend = Occasion::Resend(Uuid::from_u128(0x2001));
    log.append(&id(&resend), "u-1000", &requested(&resend, a_week(), false));
    log.append(&id(&resend), "mailer", &attempted(1, "2026-11-30T07:05:00Z"));
    log.append(&id(&resend), "mailer", &Event::DeliveryUnknown { attempt: 1 });
    let sent = Event::DeliverySent { attempt: 1, reply: reply("250 queued"), queue_id: Some("4XYZ".to_owned()) };
    log.append(&id(&resend), "mailer", &sent);

    let due = Occasion::Due;
    log.append(&id(&due), "mailer", &attempted(1, "2026-11-30T07:05:00Z"));
    let retry_at = at("2026-11-30T07:20:00Z");
    let deferred =
        Event::DeliveryDeferred { attempt: 1, reply: reply("451 4.7.1 maria@example.org greylisted"), retry_at };
    log.append(&id(&due), "mailer", &deferred);
    log.append(&id(&due), "mailer", &attempted(2, "2026-11-30T07:25:00Z"));
    let failed = Event::DeliveryFailed { attempt: 2, reply: reply("550 5.1.1 maria@example.org unknown") };
    log.append(&id(&due), "mailer", &failed);

    let send_now = Occasion::SendNow(Uuid::from_u128(0x2002));
    log.append(&id(&send_now), "u-1001", &requested(&send_now, so_far(), true));
    log.append(&id(&send_now), "mailer", &Event::DeliveryWithheld { reason: Withheld::NoAccess });
    let again = Occasion::Resend(Uuid::from_u128(0x2003));
    log.append(&id(&again), "u-1000", &requested(&again, a_week(), false));
    log.append(&id(&again), "mailer", &Event::DeliverySkipped { reason: Skipped::ReportAbandoned });
}
