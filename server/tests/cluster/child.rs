//! One process of several: some roles of Trialbrief, until it is killed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use commands::Openers;
use domain::id::UserId;
use jiff::SignedDuration;
use ports::Clock;
use processors::analysis::isolated::Analyser;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use trialbrief::app::{self, AppSettings};
use trialbrief::config::{self, Sources};
use trialbrief::roles::Roles;
use trialbrief::wire::{self, Urls};

use crate::gate::{GatedLog, GatedViews, Gates};

/// Where a child finds its roles and its address, if it is one, and what all of them share.
pub const ROLES: &str = "TRIALBRIEF_TEST_CLUSTER_ROLES";
pub const LISTEN: &str = "TRIALBRIEF_TEST_CLUSTER_LISTEN";
pub const PLACE: &str = "TRIALBRIEF_TEST_CLUSTER_PLACE";

/// How long a claim lasts: longer than the mailer's patience with a server.
pub const LEASE: SignedDuration = SignedDuration::from_secs(10);

/// What all processes share.
#[derive(Clone, Debug)]
pub struct Place {
    pub urls: Urls,
    /// How far their clocks are ahead of the machine's.
    pub ahead: SignedDuration,
    pub gates: Gates,
}

impl Place {
    pub fn to_json(&self) -> String {
        let Urls { events, documents, views, directory, keys, files, queue, mail } = &self.urls;
        let urls = [events, documents, views, directory, keys, files, queue, mail];
        json!({"urls": urls, "ahead": self.ahead.as_secs(), "gates": self.gates.0}).to_string()
    }

    fn from_json(text: &str) -> Self {
        let place: Value = serde_json::from_str(text).unwrap();
        let urls: [String; 8] = serde_json::from_value(place["urls"].clone()).unwrap();
        let [events, documents, views, directory, keys, files, queue, mail] = urls;
        Self {
            urls: Urls { events, documents, views, directory, keys, files, queue, mail },
            ahead: SignedDuration::from_secs(place["ahead"].as_i64().unwrap()),
            gates: Gates(PathBuf::from(place["gates"].as_str().unwrap())),
        }
    }
}

pub fn settings(roles: Roles) -> AppSettings {
    let configured = config::load(&Sources::default()).unwrap().settings;
    let mut settings = AppSettings {
        largest_upload_bytes: 1 << 20,
        roles,
        openers: Openers::People(vec![UserId::parse("user", "ada").unwrap()]),
        analyser: Analyser::InProcess,
        ..AppSettings::of(&configured).unwrap()
    };
    settings.mail.lease = LEASE;
    settings
}

/// Lives until it is killed. Where a server is away at the start it begins again, as a supervisor would have it do.
pub async fn live(roles: &str) {
    let place = Place::from_json(&std::env::var(PLACE).unwrap());
    let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::INFO);
    log.with_writer(std::io::stderr).init();
    let mut ports = loop {
        match wire::connect(&place.urls, Clock::at_distance(place.ahead)).await {
            Ok(ports) => break ports,
            Err(error) => tracing::warn!(%error, "cannot start yet"),
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    ports.log = Arc::new(GatedLog { log: ports.log, gates: place.gates.clone() });
    ports.views = Arc::new(GatedViews { views: ports.views, gates: place.gates });
    let app = app::build(&ports, &settings(roles.parse().unwrap()));
    let listener = TcpListener::bind(std::env::var(LISTEN).unwrap()).await.unwrap();
    tracing::info!(roles, "serving");
    app::run(app, ports.clock, listener, std::future::pending()).await;
}
