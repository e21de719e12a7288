//! What a run has led to, and that it is whole in itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use domain::id::ContentHash;
use domain::report::Report;
use futures::StreamExt;
use http::document::object_key;
use jiff::{SignedDuration, Timestamp};
use mail_parser::{MessageParser, MimeHeaders};
use ports::{Categories, Clock, Find, Ports, RecordFilter, StoredEvent};
use projections::{DeliveryNow, DeliveryStatus, FiguresNow, ReportNow, Series};
use queries::Queries;
use serde_json::{Value, json};
use trialbrief::wire::{self, Urls};
use trialbrief::{app, verify_report};

use crate::child::{journal, settings};
use crate::script::{script, start};
use crate::whole::{ALL, chains_hold, events, nothing_is_open, views_are_equal};

/// All that must be the same whether or not the program was killed. Keys are random in each run, so nothing here is sealed.
#[derive(Default)]
pub struct Outcome {
    /// Records by id, with the hash of their file.
    documents: BTreeMap<String, Value>,
    /// Types of the events in each stream, but for clocks and deliveries.
    streams: BTreeMap<String, Vec<String>>,
    /// Figures by series and instant.
    figures: BTreeMap<String, Value>,
    /// Contents of reports, but for the log hash and the manifest.
    reports: BTreeMap<String, Value>,
    /// Events of occurrences.
    occurrences: BTreeMap<String, Vec<Value>>,
    /// Outcomes of deliveries.
    pub deliveries: BTreeMap<String, (DeliveryStatus, Option<String>)>,
    /// Mails by delivery.
    pub mails: BTreeMap<String, Value>,
    /// How often each mail was handed over.
    pub handed_over: BTreeMap<String, usize>,
    /// Reports that were rendered again to their own SHA-256.
    pub verified: usize,
    /// Events by type, with the time they were recorded.
    pub events: Vec<(String, String, Timestamp)>,
}

impl Outcome {
    /// Of a run that has ended.
    pub async fn of(folder: &Path) -> Self {
        let urls = Urls::embedded(folder.to_str().unwrap());
        let end = script().last().unwrap().at;
        let ports = wire::connect(&urls, Clock::simulated(end)).await.unwrap();
        let settings = settings();
        let queries = app::queries(&ports, &settings);
        let events = events(&ports).await;
        nothing_is_open(&queries).await;
        chains_hold(&events);
        let verified = verify_report::verify(&ports, &settings).await.unwrap();
        for report in &verified {
            assert!(report.again == verify_report::Again::Equal && report.holds(), "{report}");
        }
        views_are_equal(&ports).await;

        let mut outcome = Self { verified: verified.len(), ..Self::default() };
        outcome.documents(&ports, &settings.bucket).await;
        outcome.streams(&events);
        outcome.reports(&queries).await;
        outcome.figures(&queries).await;
        outcome.deliveries(&queries, folder).await;
        outcome
    }

    async fn documents(&mut self, ports: &Ports, bucket: &str) {
        let mut named = BTreeSet::new();
        for record in ports.documents.list(&RecordFilter::default(), None, ALL).await.unwrap() {
            let key = object_key(&record, bucket).unwrap();
            let bytes = queries::collect(ports.originals.get(&key, None).await.unwrap().unwrap()).await.unwrap();
            let sha256 = ContentHash::of(&bytes);
            assert!(record.text("SHA256").is_none_or(|claimed| claimed == sha256.as_str()), "{}", record.id());
            let mut shown = json!({"record": record, "file": sha256.as_str()});
            // Each attempt to upload has a key of its own.
            let (place, _) = record.text("FileLocation").unwrap().rsplit_once('/').unwrap();
            shown["record"]["FileLocation"] = json!(place);
            // And each request a trace.
            if let Some(last) = shown["record"]["LastChange"].as_object_mut() {
                last.remove("CorrelationId");
            }
            self.documents.insert(record.id().to_owned(), shown);
            named.insert(key);
        }
        let files: BTreeSet<_> = ports.originals.list("trials/").map(|file| file.unwrap().key).collect().await;
        assert_eq!(files, named, "what no record names was swept");
    }

    fn streams(&mut self, events: &[StoredEvent]) {
        for stored in events {
            let metadata = stored.metadata().unwrap();
            self.events.push((stored.stream.clone(), stored.event.kind.clone(), metadata.recorded_at));
            if Categories(&["occurrence"]).contains(&stored.stream) {
                let data = json!([stored.event.kind, serde_json::from_slice::<Value>(&stored.event.data).unwrap()]);
                self.occurrences.entry(stored.stream.clone()).or_default().push(data);
            }
            if !Categories(&["clock", "delivery"]).contains(&stored.stream) {
                self.streams.entry(stored.stream.clone()).or_default().push(stored.event.kind.clone());
            }
        }
        for (stream, occurrence) in &self.occurrences {
            assert_eq!(occurrence.last().unwrap()[0], "OccurrenceClosed", "{stream}");
        }
    }

    async fn reports(&mut self, queries: &Queries) {
        for row in queries.views.find::<ReportNow>(&Find::all(ALL)).await.unwrap() {
            let Report::Rendered(scheduled, _) = queries.access.state(&row.id).await.unwrap() else {
                panic!("{} is not rendered", row.id);
            };
            let prepared = queries.report_content(row.id.as_str(), &scheduled, None).await.unwrap().unwrap();
            let mut content = serde_json::to_value(&prepared.content).unwrap();
            content["cut"]["log_hash"].take();
            content["manifest"].take();
            self.reports.insert(row.id.to_string(), content);
        }
    }

    /// At each midnight, at each due and at both ends of each report's period.
    async fn figures(&mut self, queries: &Queries) {
        let mut instants = BTreeSet::new();
        let mut midnight = start() + SignedDuration::from_hours(18);
        while midnight < script().last().unwrap().at {
            instants.insert(midnight);
            midnight += SignedDuration::from_hours(24);
        }
        for row in queries.views.find::<ReportNow>(&Find::all(ALL)).await.unwrap() {
            instants.extend([row.period.from(), row.period.to()]);
        }
        for opened in self.occurrences.values().flatten().filter(|event| event[0] == "OccurrenceOpened") {
            instants.insert(opened[1]["due"].as_str().unwrap().parse().unwrap());
        }
        for now in queries.views.find::<FiguresNow>(&Find::all(ALL)).await.unwrap() {
            let series = Series { trial: now.trial, dimension: now.dimension, value: now.value };
            for instant in &instants {
                let figures = queries.views.figures_at(&series, *instant).await.unwrap();
                self.figures.insert(format!("{} at {instant}", series.key()), serde_json::to_value(&figures).unwrap());
            }
            self.figures.insert(format!("{} now", series.key()), serde_json::to_value(&now.figures).unwrap());
        }
    }

    async fn deliveries(&mut self, queries: &Queries, folder: &Path) {
        for id in fs::read_to_string(journal(folder)).unwrap().lines() {
            *self.handed_over.entry(id.to_owned()).or_default() += 1;
        }
        for row in queries.views.find::<DeliveryNow>(&Find::all(ALL)).await.unwrap() {
            let id = row.id.to_string();
            if let Ok(mail) = fs::read(folder.join("outbox").join(format!("{id}.eml"))) {
                let report = queries.views.get::<ReportNow>(row.report.as_str()).await.unwrap().unwrap();
                self.mails.insert(id.clone(), mail_of(&mail, report.sha256.as_ref().unwrap()));
            }
            self.deliveries.insert(id, (row.status, row.reason));
        }
        let files = fs::read_dir(folder.join("outbox")).unwrap().count();
        assert_eq!(files, self.mails.len(), "no mail but those of deliveries, and no half ones");
    }

    /// Panics, and names what differs, unless this run led to the same as one that was not killed. Only `unknown` may differ.
    pub fn assert_equals(&self, reference: &Self, told: &str) {
        same("documents", &self.documents, &reference.documents, told);
        same("streams", &self.streams, &reference.streams, told);
        same("occurrences", &self.occurrences, &reference.occurrences, told);
        same("figures", &self.figures, &reference.figures, told);
        same("reports", &self.reports, &reference.reports, told);
        let known = |deliveries: &BTreeMap<_, (DeliveryStatus, _)>| -> BTreeMap<String, _> {
            let is_known =
                |id: &String| self.deliveries.get(id).is_none_or(|(status, _)| *status != DeliveryStatus::Unknown);
            deliveries
                .iter()
                .filter(|(id, _)| is_known(id))
                .map(|(id, outcome)| (id.clone(), outcome.clone()))
                .collect()
        };
        same("deliveries", &known(&self.deliveries), &known(&reference.deliveries), told);
        for (id, mail) in &self.mails {
            assert_eq!(Some(mail), reference.mails.get(id), "{told}: the mail of {id}");
        }
        for (id, (status, _)) in &self.deliveries {
            assert!(
                *status != DeliveryStatus::Sent || self.mails.contains_key(id),
                "{told}: {id} is sent and not there"
            );
            assert!(self.handed_over.get(id).is_none_or(|times| *times == 1), "{told}: {id} was handed over twice");
        }
        assert_eq!(self.verified, reference.verified, "{told}");
    }

    pub fn unknown(&self) -> Vec<&String> {
        self.deliveries.iter().filter(|(_, (status, _))| *status == DeliveryStatus::Unknown).map(|(id, _)| id).collect()
    }

    /// What the story is about did happen.
    pub fn assert_rich(&self) {
        assert_eq!(self.documents.len(), 3 + 23 - 3, "existing, uploaded, deleted");
        let statuses: Vec<_> = self.deliveries.values().map(|(status, _)| *status).collect();
        let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((count(DeliveryStatus::Sent), count(DeliveryStatus::Withheld), statuses.len()), (5, 1, 6));
        assert_eq!((self.mails.len(), self.reports.len(), self.occurrences.len()), (5, 5, 5));
        assert!(self.figures.values().any(|figures| figures["contents"]["images_unreadable"].as_i64() > Some(0)));
    }
}

fn same<V: PartialEq + Debug>(what: &str, found: &BTreeMap<String, V>, expected: &BTreeMap<String, V>, told: &str) {
    for key in found.keys().chain(expected.keys()) {
        assert_eq!(found.get(key), expected.get(key), "{told}: {what}: {key}");
    }
}

/// Recipient, subject, date and words. The unsubscribe link is sealed under a key of its run, and the size of the PDF follows from
/// the log hash that it prints.
fn mail_of(mail: &[u8], report: &ContentHash) -> Value {
    let mail = MessageParser::default().parse(mail).unwrap();
    let pdf = mail.attachments().next().unwrap();
    assert_eq!(ContentHash::of(pdf.contents()), *report, "the report as it was rendered is attached");
    let text = mail.body_text(0).unwrap();
    let is_equal = |word: &&str| !word.contains("/unsubscribe/") && !word.starts_with('(') && !word.ends_with("kB).");
    let words: Vec<_> = text.split_whitespace().filter(is_equal).collect();
    json!({
        "to": mail.to().and_then(|to| to.first()).and_then(|to| to.address()),
        "subject": mail.subject(), "date": mail.date().map(|date| date.to_rfc3339()),
        "text": words.join(" "), "attachment": pdf.attachment_name(),
    })
}
