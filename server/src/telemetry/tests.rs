use std::sync::Mutex;

use opentelemetry_sdk::error::OTelSdkResult;
use tracing::{Instrument, info_span};
use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// Keeps what it is given.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl opentelemetry_sdk::trace::SpanExporter for Kept {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        self.0.lock().unwrap().extend(batch);
        std::future::ready(Ok(()))
    }
}

/// What is exported of spans made by `story`, in order of their names.
fn exported(percent: u8, story: impl FnOnce()) -> Vec<SpanData> {
    let kept = Kept::default();
    let traces = Traces::through(BatchSpanProcessor::builder(kept.clone()).build(), percent);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(traces.clone()), story);
    traces.end();
    let mut spans = std::mem::take(&mut *kept.0.lock().unwrap());
    spans.sort_by(|a, b| a.name.cmp(&b.name));
    spans
}

#[test]
fn spans_of_several_processes_find_their_place_in_one_trace() {
    let trace = Uuid::parse_str("4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
    let spans = exported(100, || {
        info_span!("a request", trace = %trace, root = true, method = "POST").in_scope(|| {
            info_span!("b append", trace = %trace, stream = "delivery")
                .in_scope(|| info_span!("c inner").in_scope(|| ()));
        });
        // Another process: nothing but the trace's id is known.
        let work = async {
            info_span!("e mail").in_scope(|| tracing::error!("ada@example.org does not exist"));
        };
        futures::executor::block_on(work.instrument(info_span!("d deliver", trace = %trace, attempt = 2_u64)));
        info_span!("f of no trace").in_scope(|| ());
    });
    let named: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(named, ["a request", "b append", "c inner", "d deliver", "e mail"]);
    let id = |i: usize| spans[i].span_context.span_id();
    assert!(spans.iter().all(|span| span.span_context.trace_id().to_string() == trace.simple().to_string()));
    assert_eq!(id(0), root_of(trace));
    let parents: Vec<_> = spans.iter().map(|span| span.parent_span_id).collect();
    assert_eq!(parents, [SpanId::INVALID, id(0), id(1), root_of(trace), id(3)]);
    assert_eq!(spans[0].attributes, [KeyValue::new("method", "POST")]);
    assert_eq!(spans[3].attributes, [KeyValue::new("attempt", 2)]);
    assert!(matches!(&spans[4].status, Status::Error { description } if !description.contains("ada")));
    assert!(spans.iter().all(|span| span.end_time >= span.start_time));
}

#[test]
fn of_all_traces_the_same_share_is_exported_everywhere() {
    let traces: Vec<Uuid> = (0..1_000).map(|_| Uuid::new_v4()).collect();
    let chosen = |percent| {
        let spans = exported(percent, || {
            for trace in &traces {
                info_span!("request", trace = %trace, root = true).in_scope(|| ());
            }
        });
        let mut chosen: Vec<_> = spans.iter().map(|span| span.span_context.trace_id()).collect();
        chosen.sort_by_key(|id| id.to_bytes());
        chosen
    };
    let quarter = chosen(25);
    assert!((150..350).contains(&quarter.len()), "{} of 1,000", quarter.len());
    assert_eq!(quarter, chosen(25));
    assert_eq!((chosen(0).len(), chosen(100).len()), (0, 1_000));
}
