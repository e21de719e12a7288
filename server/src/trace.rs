//! The trace that a request belongs to: the caller's, by the header `traceparent` of W3C Trace Context, or a new one. Its id becomes
//! the correlation of every event that follows from the request, so that the log tells the same story as the traces do.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use http::Trace;
use tracing::Instrument;
use uuid::Uuid;

/// The header (<https://www.w3.org/TR/trace-context/#traceparent-header>): `version-trace id-parent id-flags`.
const TRACEPARENT: &str = "traceparent";

/// Puts the trace into the request.
pub async fn follow(mut request: Request, next: Next) -> Response {
    let trace = Trace(trace_id(request.headers()).unwrap_or_else(Uuid::new_v4));
    // The route and not the path, which may hold the token of an unsubscribe link.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let span = tracing::info_span!(
        "request",
        trace = %trace.0,
        root = true,
        http.request.method = %request.method(),
        http.route = route,
        http.response.status_code = tracing::field::Empty
    );
    request.extensions_mut().insert(trace);
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}

/// The caller's trace; none where the header is missing or malformed, as the recommendation wants it.
fn trace_id(headers: &HeaderMap) -> Option<Uuid> {
    let mut parts = headers.get(TRACEPARENT)?.to_str().ok()?.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_whole = version != "00" || parts.next().is_none();
    let is_well_formed = is_hex(version, 2) && version != "ff" && is_hex(parent, 16) && is_hex(flags, 2) && is_whole;
    let id = is_hex(trace, 32).then(|| Uuid::parse_str(trace).ok()).flatten()?;
    (is_well_formed && !id.is_nil() && parent != "0000000000000000").then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_trace_is_followed_where_its_header_is_well_formed() {
        let of = |header: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, header.parse().unwrap());
            trace_id(&headers).map(|id| id.simple().to_string())
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(of(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        assert_eq!(of(&format!("01-{id}-00f067aa0ba902b7-01-later")).as_deref(), Some(id), "a later version");
        for malformed in [
            "",
            id,
            &format!("ff-{id}-00f067aa0ba902b7-01"),
            &format!("00-{id}-00f067aa0ba902b7-01-more"),
            &format!("00-{id}-0000000000000000-01"),
            &format!("00-{id}-00f067aa0ba902b7"),
            &format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        ] {
            assert_eq!(of(malformed), None, "{malformed}");
        }
    }
}
