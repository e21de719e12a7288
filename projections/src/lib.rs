//! What Trialbrief remembers for reading: one file per view.
//!
//! A projection has no side effect but its rows, and saves rows and position together. Any of them may be thrown away at any
//! time; it is rebuilt from the log.

mod analyses;
mod clock;
mod document_changes;
mod projection;
mod projector;
mod read;
mod reports;
mod subscriptions;
mod trials;

use std::sync::Arc;

pub use analyses::{Analyses, Analysis, AnalysisOf};
pub use clock::{Closing, Closings, LogHash};
pub use document_changes::{
    AnalysisResult, ChangeKind, ContentNow, DIMENSIONS, DocumentChange, DocumentChanges, DocumentNow, DocumentState,
    DocumentThen, FiguresNow, FiguresThen, Place, Series, TrialContent, Use,
};
pub use projection::{Draft, OPEN, Progress, Projection, Recorded, Row, Stamp, decode_row, stamp_of};
pub use projector::Projector;
pub use read::{Lasting, Views};
pub use reports::{DeliveryNow, DeliveryStatus, ReportNow, ReportStatus, Reports};
pub use subscriptions::{Served, SlotNow, SubscriptionNow, Subscriptions};
pub use trials::{Member, TrialNow, TrialSettings, Trials};

/// Version of what the projections compute from the log; it stands in each report's manifest.
pub const VERSION: u32 = ports::ROWS_VERSION;

/// Every projection.
#[must_use]
pub fn all() -> Vec<Arc<dyn Projection>> {
    vec![
        Arc::new(Closings),
        Arc::new(DocumentChanges),
        Arc::new(Analyses),
        Arc::new(Trials),
        Arc::new(Subscriptions),
        Arc::new(Reports),
    ]
}
