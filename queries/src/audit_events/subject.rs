//! What an event is about: which trials and whom.
//!
//! Most events name their trial. For the others the stream is read that does: streams are never behind the log, as views may
//! be. Only which report a delivery is of stands in another stream, so the view is asked, once it has passed the event.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::any_event::AnyEvent;
use domain::id::{Id, TrialId, UserId};
use domain::report::{self, Report};
use domain::subscription::{Event as SubscriptionEvent, Subscription};
use domain::{delivery, document, membership, occurrence, trial};
use ports::{Error, Result, StoredEvent};
use projections::{DeliveryNow, Recorded};

use crate::Queries;

/// Reports whose trial is remembered at once.
const REMEMBERED: usize = 4_096;

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The trials, the one that holds after it last.
    pub(crate) trials: Vec<TrialId>,
    /// Whom it concerns.
    pub(crate) person: Person,
}

/// Whom an event concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Person {
    /// Nobody in particular.
    Nobody,
    /// This person.
    User(UserId),
    /// Whoever holds this subscription.
    Subscriber(Id<Subscription>),
}

impl Subject {
    fn of(trials: impl IntoIterator<Item = TrialId>) -> Self {
        Self { trials: trials.into_iter().collect(), person: Person::Nobody }
    }

    fn concerning(self, person: Person) -> Self {
        Self { person, ..self }
    }
}

/// Tells what events are about.
pub(crate) struct Subjects {
    pub(crate) queries: Queries,
    /// Many deliveries are of one report.
    reports: Mutex<BTreeMap<Id<Report>, Option<TrialId>>>,
}

impl Subjects {
    pub(crate) fn new(queries: Queries) -> Self {
        Self { queries, reports: Mutex::default() }
    }

    /// What a stored event is about.
    pub(crate) async fn of(&self, stored: &StoredEvent) -> Result<Subject> {
        let recorded = Recorded::new(stored, 0)?;
        let id = recorded.stream_id();
        Ok(match &recorded.event {
            AnyEvent::Trial(event) => trial_subject(event, id)?,
            AnyEvent::Membership(
                membership::Event::MembershipGranted { trial, user, .. }
                | membership::Event::MembershipRevoked { trial, user },
            ) => Subject::of([trial.clone()]).concerning(Person::User(user.clone())),
            AnyEvent::Document(event) => document_subject(event),
            AnyEvent::Subscription(SubscriptionEvent::SubscriptionStarted { trial, user, .. }) => {
                Subject::of([trial.clone()]).concerning(Person::User(user.clone()))
            }
            AnyEvent::Subscription(
                SubscriptionEvent::SubscriptionRescheduled { .. }
                | SubscriptionEvent::SubscriptionPaused { .. }
                | SubscriptionEvent::SubscriptionResumed { .. }
                | SubscriptionEvent::SubscriptionEnded { .. },
            ) => {
                let known = self.queries.access.state(&Id::<Subscription>::known(id)).await?.0;
                let person = known.as_ref().map_or(Person::Nobody, |known| Person::User(known.user.clone()));
                Subject::of(known.map(|known| known.trial)).concerning(person)
            }
            AnyEvent::Occurrence(
                occurrence::Event::OccurrenceOpened { slot, .. } | occurrence::Event::OccurrenceClosed { slot, .. },
            ) => Subject::of([slot.trial.clone()]),
            AnyEvent::Occurrence(occurrence::Event::RecipientsListed { report, .. }) => {
                Subject::of(self.trial_of_report(report).await?)
            }
            AnyEvent::Report(report::Event::ReportScheduled { trial, .. }) => Subject::of([trial.clone()]),
            AnyEvent::Report(report::Event::ReportRendered { .. } | report::Event::ReportAbandoned { .. }) => {
                Subject::of(self.trial_of_report(&Id::known(id)).await?)
            }
            AnyEvent::Delivery(event) => self.delivery_subject(event, stored, id).await?,
            AnyEvent::Content(_) | AnyEvent::Clock(_) => Subject::of([]),
        })
    }

    /// The person whom it concerns.
    pub(crate) async fn user(&self, subject: &Subject) -> Result<Option<UserId>> {
        Ok(match &subject.person {
            Person::Nobody => None,
            Person::User(user) => Some(user.clone()),
            Person::Subscriber(subscription) => {
                self.queries.access.state(subscription).await?.0.map(|known| known.user)
            }
        })
    }

    async fn delivery_subject(&self, event: &delivery::Event, stored: &StoredEvent, id: &str) -> Result<Subject> {
        use delivery::Event;
        let (report, subscription) = match event {
            Event::DeliveryRequested { wanted, subscription, .. } => {
                let subject = Subject::of([wanted.trial.clone()]);
                return Ok(subject.concerning(Person::Subscriber(subscription.clone())));
            }
            Event::DeliveryAttempted { report, subscription, .. } => (report.clone(), subscription.clone()),
            Event::DeliverySent { .. }
            | Event::DeliveryDeferred { .. }
            | Event::DeliveryFailed { .. }
            | Event::DeliveryWithheld { .. }
            | Event::DeliverySkipped { .. }
            | Event::DeliveryUnknown { .. } => {
                let behind = |_| Error::Unavailable(format!("the view of reports has not passed {}", stored.stream));
                self.queries.wait_for(Some(stored.position), &["reports"]).await.map_err(behind)?;
                match self.queries.views.get::<DeliveryNow>(id).await? {
                    Some(row) => (row.report, row.subscription),
                    None => return Ok(Subject::of([])),
                }
            }
        };
        let trial = self.trial_of_report(&report).await?;
        Ok(Subject::of(trial).concerning(Person::Subscriber(subscription)))
    }

    async fn trial_of_report(&self, id: &Id<Report>) -> Result<Option<TrialId>> {
        let known = self.reports.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some(trial) = known {
            return Ok(trial);
        }
        let trial = match self.queries.access.state(id).await? {
            Report::Scheduled(scheduled) | Report::Rendered(scheduled, _) | Report::Abandoned(scheduled) => {
                Some(scheduled.trial)
            }
            Report::Unknown => None,
        };
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if reports.len() >= REMEMBERED {
            reports.clear();
        }
        reports.insert(id.clone(), trial.clone());
        Ok(trial)
    }
}

fn trial_subject(event: &trial::Event, id: &str) -> Result<Subject> {
    let trial = TrialId::parse("stream", id).map_err(|e| Error::Corrupt(e.to_string()))?;
    let subject = Subject::of([trial]);
    Ok(match event {
        trial::Event::TrialOpened { founder, .. } => subject.concerning(Person::User(founder.clone())),
        trial::Event::TrialSettingsChanged { .. }
        | trial::Event::TrialClosed { .. }
        | trial::Event::TrialReopened { .. } => subject,
    })
}

fn document_subject(event: &document::Event) -> Subject {
    use document::Event;
    match event {
        Event::DocumentFound { after, .. } | Event::DocumentAdded { after, .. } => Subject::of(after.trial.clone()),
        Event::DocumentChanged { before, after, .. } => {
            Subject::of(before.trial.clone().into_iter().chain(after.trial.clone()))
        }
        Event::DocumentContentIdentified { trial, .. } => Subject::of(trial.clone()),
        Event::DocumentRemoved { before, .. } => Subject::of(before.trial.clone()),
    }
}
