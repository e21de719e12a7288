//! The golden files: one stored event of each type and version, whole, as the log has it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use domain::aggregate::{Event, encode};
use domain::any_event::AnyEvent;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use strum::VariantNames;
use uuid::Uuid;

use crate::story;

/// A stored event. The log keeps data and metadata byte for byte; here they are JSON, compact when hashed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Golden {
    pub stream: String,
    pub revision: u64,
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: String,
    pub version: u32,
    pub data: Value,
    pub metadata: Metadata,
    pub hash: String,
}

/// What the log keeps beside the data, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: String,
    pub version: u32,
    pub recorded_at: Timestamp,
    pub actor: String,
    pub command: Uuid,
    pub correlation: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Uuid>,
    pub previous: String,
}

impl Golden {
    pub fn data_bytes(&self) -> Vec<u8> {
        self.data.to_string().into_bytes()
    }

    /// As the log defines it: SHA-256 over the parts, each prefixed by its length as a big-endian u64.
    pub fn hash_with(&self, data: &[u8]) -> String {
        let (revision, version) = (self.revision.to_be_bytes(), self.version.to_be_bytes());
        let metadata = serde_json::to_vec(&self.metadata).unwrap();
        let id = self.id.as_bytes();
        let mut hash = Sha256::new();
        for part in [self.stream.as_bytes(), &revision, id, self.kind.as_bytes(), &version, data, &metadata] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }

    pub fn decode(&self) -> AnyEvent {
        AnyEvent::decode(&self.stream, &self.kind, self.version, &self.data_bytes()).unwrap()
    }

    pub fn file_name(&self) -> String {
        format!("{}.v{}.json", self.kind, self.version)
    }
}

/// Type, version and data of an event as it would be stored today.
pub fn stored_today(event: &AnyEvent) -> (&'static str, u32, Vec<u8>) {
    fn of<E: Event>(event: &E) -> (&'static str, u32, Vec<u8>) {
        (event.kind(), event.version(), encode(event))
    }
    match event {
        AnyEvent::Trial(event) => of(event),
        AnyEvent::Membership(event) => of(event),
        AnyEvent::Document(event) => of(event),
        AnyEvent::Content(event) => of(event),
        AnyEvent::Subscription(event) => of(event),
        AnyEvent::Occurrence(event) => of(event),
        AnyEvent::Report(event) => of(event),
        AnyEvent::Delivery(event) => of(event),
        AnyEvent::Clock(event) => of(event),
    }
}

/// The types of the aggregate that an event belongs to. An aggregate added later does not compile without a line here.
pub fn sisters(event: &AnyEvent) -> &'static [&'static str] {
    fn of<E: VariantNames>(_event: &E) -> &'static [&'static str] {
        E::VARIANTS
    }
    match event {
        AnyEvent::Trial(event) => of(event),
        AnyEvent::Membership(event) => of(event),
        AnyEvent::Document(event) => of(event),
        AnyEvent::Content(event) => of(event),
        AnyEvent::Subscription(event) => of(event),
        AnyEvent::Occurrence(event) => of(event),
        AnyEvent::Report(event) => of(event),
        AnyEvent::Delivery(event) => of(event),
        AnyEvent::Clock(event) => of(event),
    }
}

/// A path below the crate.
pub fn path(below: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// Whether missing files are to be written, and the catalogue anew.
pub fn bless() -> bool {
    std::env::var_os("TRIALBRIEF_BLESS").is_some_and(|value| value == "1")
}

/// All golden files by name. Blessing writes those that are missing and never touches one that is there.
pub fn files() -> &'static BTreeMap<String, Golden> {
    static FILES: OnceLock<BTreeMap<String, Golden>> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = path("tests/stored_events");
        if bless() {
            std::fs::create_dir_all(&folder).unwrap();
            for event in story::first_of_each_type() {
                let file = folder.join(event.file_name());
                if !file.exists() {
                    std::fs::write(file, serde_json::to_string_pretty(&event).unwrap() + "\n").unwrap();
                }
            }
        }
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries
            .map(|entry| {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), serde_json::from_str(&text).unwrap())
            })
            .collect()
    })
}
