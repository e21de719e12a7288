//! Traces over OTLP (<https://opentelemetry.io/docs/specs/otlp/>), one for each request and all that follows from it, across
//! processes.
//!
//! The id of a trace is the correlation of the events: no context has to travel with events, work and rows beside what they hold
//! anyway. Where a trace begins is told by its id too ([`root_of`]), so that spans of other processes find their place in it. A span
//! belongs to the trace that its field `trace` names, else to that of the span around it; others are not exported.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use async_trait::async_trait;
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor};
use tokio::runtime::Handle;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer};
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use crate::config::Telemetry;

#[cfg(test)]
mod tests;

/// How long a collector may take for a batch.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// The field that names the trace, a UUID.
const TRACE: &str = "trace";
/// The field that says that the trace begins with this span.
const ROOT: &str = "root";

/// Exports spans that have ended, in batches, from a thread of its own. Clones share it.
#[derive(Clone, Debug)]
pub struct Traces {
    processor: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
    /// Of 100 traces so many are exported; which, is told by their ids, so that all processes choose the same.
    percent: u8,
}

impl Traces {
    /// As configured; none where traces go nowhere.
    ///
    /// # Errors
    /// As [`Traces::to`].
    pub fn of(settings: &Telemetry) -> anyhow::Result<Option<Self>> {
        settings.otlp.as_ref().map(|collector| Self::to(collector, settings.percent)).transpose()
    }

    /// Exports to the collector at a URL such as `http://127.0.0.1:4318`.
    ///
    /// # Errors
    /// Where the exporter cannot be made, or the machine's certificates cannot be read.
    pub fn to(collector: &str, percent: u8) -> anyhow::Result<Self> {
        let tls = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .context("telemetry.otlp: the machine's certificates")?;
        let connector = tls.https_or_http().enable_http1().build();
        let client = OnRuntime {
            client: Arc::new(HyperClient::new(connector, ANSWERS_WITHIN, None)),
            runtime: Handle::current(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}/v1/traces", collector.trim_end_matches('/')))
            .with_timeout(ANSWERS_WITHIN)
            .build()
            .context("telemetry.otlp")?;
        Ok(Self::through(BatchSpanProcessor::builder(exporter).build(), percent))
    }

    fn through(mut processor: BatchSpanProcessor, percent: u8) -> Self {
        let instance = Uuid::new_v4().to_string();
        processor.set_resource(
            &Resource::builder()
                .with_service_name("trialbrief")
                .with_attributes([
                    KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                    KeyValue::new("service.instance.id", instance),
                ])
                .build(),
        );
        Self { processor: Arc::new(processor), scope: InstrumentationScope::builder("trialbrief").build(), percent }
    }

    /// Exports what has ended and waits for it, bounded: the last act of a program.
    pub fn end(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(ANSWERS_WITHIN) {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }

    fn is_chosen(&self, trace: TraceId) -> bool {
        let [.., last] = trace.to_bytes();
        u32::from(last) * 100 < u32::from(self.percent) * 256
    }
}

/// The id of the span with which a trace begins.
#[must_use]
pub fn root_of(trace: Uuid) -> SpanId {
    let [.., a, b, c, d, e, f, g, h] = trace.into_bytes();
    // Zero is no id.
    SpanId::from(u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1))
}

/// Whether a span is one of ours: libraries make spans of their own, of every frame that they send.
pub fn is_ours(metadata: &Metadata<'_>) -> bool {
    let crates = ["adapters", "commands", "processors", "projections", "queries", "trialbrief", "trialbrief_http"];
    metadata.target().split("::").next().is_some_and(|name| crates.contains(&name))
}

/// A span under way.
struct Open {
    trace: TraceId,
    id: SpanId,
    parent: SpanId,
    began: SystemTime,
    attributes: Vec<KeyValue>,
    failed: Option<String>,
}

#[expect(clippy::disallowed_methods, reason = "traces tell the time of machines; nothing is decided by it")]
fn machine_time() -> SystemTime {
    SystemTime::now()
}

/// Unlike any other of any process; no secret.
fn random_span() -> SpanId {
    SpanId::from(RandomState::new().build_hasher().finish().max(1))
}

/// What the fields of a span say.
#[derive(Default)]
struct Fields {
    trace: Option<Uuid>,
    is_root: bool,
    attributes: Vec<KeyValue>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            TRACE => self.trace = text.parse().ok(),
            _ => self.add(field, text),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            ROOT => self.is_root = value,
            _ => self.add(field, value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Traces {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let Some(span) = context.span(id).filter(|span| is_ours(span.metadata())) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let around =
            span.parent().and_then(|parent| parent.extensions().get::<Open>().map(|open| (open.trace, open.id)));
        let named = fields.trace.map(|trace| (TraceId::from(trace.as_u128()), root_of(trace)));
        let (trace, id, parent) = match (named, around) {
            (Some((trace, root)), _) if fields.is_root => (trace, root, SpanId::INVALID),
            (Some((trace, _)), Some((same, parent))) if trace == same => (trace, random_span(), parent),
            (Some((trace, root)), _) => (trace, random_span(), root),
            (None, Some((trace, parent))) => (trace, random_span(), parent),
            (None, None) => return,
        };
        if self.is_chosen(trace) {
            let (began, attributes) = (machine_time(), fields.attributes);
            span.extensions_mut().insert(Open { trace, id, parent, began, attributes, failed: None });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: LayerContext<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            let mut fields = Fields::default();
            values.record(&mut fields);
            open.attributes.append(&mut fields.attributes);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        if *event.metadata().level() == Level::ERROR
            && let Some(span) = context.event_span(event)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            // Its words are in the log; addresses and names may stand in them.
            open.failed.get_or_insert_with(|| event.metadata().target().to_owned());
        }
    }

    fn on_close(&self, id: Id, context: LayerContext<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        let flags = TraceFlags::SAMPLED;
        self.processor.on_end(SpanData {
            span_context: SpanContext::new(open.trace, open.id, flags, false, TraceState::NONE),
            parent_span_id: open.parent,
            parent_span_is_remote: false,
            span_kind: if open.parent == SpanId::INVALID { SpanKind::Server } else { SpanKind::Internal },
            name: span.name().into(),
            start_time: open.began,
            end_time: machine_time(),
            attributes: open.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: open.failed.map_or(Status::Unset, |target| Status::error(format!("see the log of {target}"))),
            instrumentation_scope: self.scope.clone(),
        });
    }
}

/// The exporter's thread has no runtime; connections live on the program's.
#[derive(Clone, Debug)]
struct OnRuntime {
    client: Arc<HyperClient<hyper_rustls::HttpsConnector<HttpConnector>>>,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = Arc::clone(&self.client);
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}
