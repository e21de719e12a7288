//! What waits for the analyst is what the aggregates would still take an answer for.

use std::collections::BTreeSet;

use domain::aggregate::Aggregate;
use domain::any_event::AnyEvent;
use domain::content::{self, ANALYSIS_VERSION};
use domain::document::{Content, Document, Event};
use domain::findings::FindingCode;
use ports::Find;
use projections::{Analyses, Analysis, AnalysisOf};
use proptest::prelude::*;

use crate::document_history::{History, Op, any_history, content};
use crate::world::{Following, fold, run};

/// The contents that documents named since their file was last looked for in vain.
fn named(told: &[AnyEvent]) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for event in told {
        match event {
            AnyEvent::Document(
                Event::DocumentFound { after, .. }
                | Event::DocumentAdded { after, .. }
                | Event::DocumentChanged { after, .. },
            ) => {
                if let Content::Known(content) = &after.content {
                    named.insert(content.to_string());
                }
            }
            AnyEvent::Document(Event::DocumentContentIdentified { content: Some(content), .. }) => {
                named.insert(content.to_string());
            }
            AnyEvent::Content(content::Event::ContentUnreadable { content, algorithm, finding, .. }) => {
                if *finding == FindingCode::FileMissing && *algorithm >= ANALYSIS_VERSION {
                    named.remove(content.as_str());
                }
            }
            AnyEvent::Document(
                Event::DocumentContentIdentified { content: None, .. } | Event::DocumentRemoved { .. },
            )
            | AnyEvent::Content(content::Event::ContentAnalysed { .. })
            | AnyEvent::Trial(_)
            | AnyEvent::Membership(_)
            | AnyEvent::Clock(_)
            | AnyEvent::Subscription(_)
            | AnyEvent::Occurrence(_)
            | AnyEvent::Report(_)
            | AnyEvent::Delivery(_) => {}
        }
    }
    named
}

/// The ids of what waits, as the aggregates have it.
fn waiting(history: &History) -> BTreeSet<String> {
    let unread = |document: &Document| matches!(document, Document::Present { identified: false, .. });
    let records = history.documents.all().iter().filter(|(_, document)| unread(document)).map(|(id, _)| id.clone());
    let contents = named(&history.told).into_iter().filter(|id| {
        let state = history.contents.all().get(id).cloned().unwrap_or_default();
        let ask = content::Command::RecordUnreadable {
            content: domain::id::ContentHash::parse("content", id).unwrap(),
            algorithm: ANALYSIS_VERSION,
            // What the analyst sends where it finds no file: a row that this did not close would wait for ever.
            finding: FindingCode::FileMissing,
            media_type: None,
        };
        !state.decide(ask).unwrap().is_empty()
    });
    records.chain(contents).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_waits_for_the_analyst_is_what_the_aggregates_would_take(ops in any_history()) {
        run(async {
            let mut history = History::default();
            let mut view = Following::new(Analyses, &history.log);
            for op in &ops {
                // The analyst is told of contents by this view only, and is no newer than it.
                if let Op::Analyse { content: number, algorithm, .. } | Op::Unreadable { content: number, algorithm, .. } = op
                    && (*algorithm > ANALYSIS_VERSION
                        || view.views.get::<Analysis>(content(*number).as_str()).await.unwrap().is_none())
                {
                    continue;
                }
                history.play(op);
                view.catch_up().await;
                let open = Find::all(usize::MAX).equal("open", true).range("id", None, None);
                let open: Vec<Analysis> = view.views.find(&open).await.unwrap();
                assert_eq!(open.iter().map(|row| row.id.clone()).collect::<BTreeSet<_>>(), waiting(&history));
                for row in open {
                    let AnalysisOf::Record { document, file } = row.of else { continue };
                    let Document::Present { snapshot, .. } = history.documents.state(&Document::id(&document)) else {
                        panic!("{document} is not there");
                    };
                    assert_eq!(file, snapshot.file, "the record is looked at as it is");
                }
            }
            assert_eq!(fold(Analyses, &history.log).await.rows.dump(), view.rows.dump());
        });
    }
}
