//! `Streams/Append` and `Streams/BatchAppend`.

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::{Stream, StreamExt, TryStreamExt};
use ports::MAX_APPEND_BYTES;
use prost::Message;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::messages::{
    AppendOptions, AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, BatchWrongExpectedVersion, Position,
    ProposedMessage, RpcStatus, StreamIdentifier, Success, Uuid, WrongExpectedVersion,
};
use crate::store::{Appended, Expecting, Proposed, Refused, Store, position};

/// How many appends of one batch stream are in flight at most.
const IN_FLIGHT: usize = 512;

/// One append: first its options, then its events. A conflict is an answer, not an error.
pub async fn append(store: Arc<Store>, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
    let mut messages = request.into_inner();
    let options = messages.message().await?.and_then(|first| first.options);
    let options = options.ok_or_else(|| Status::invalid_argument("the first message holds no options"))?;
    let proposed: Vec<ProposedMessage> =
        messages.try_filter_map(async |message| Ok(message.proposed_message)).try_collect().await?;
    let (stream, expecting) = place(&options)?;
    let events = events(proposed)?;
    let answer = match store.append(&stream, expecting, &events).await {
        Ok(appended) => AppendResp { success: Some(success(appended)), wrong_expected_version: None },
        Err(Refused::WrongExpectedVersion(current)) => {
            AppendResp { success: None, wrong_expected_version: Some(conflict(current, expecting)) }
        }
        Err(Refused::Status(status)) => return Err(status),
    };
    Ok(Response::new(answer))
}

/// Many appends, each in one or more messages with the same correlation id; answered as they are done, in any order.
pub fn batch_append(
    store: Arc<Store>,
    request: Request<Streaming<BatchAppendReq>>,
) -> Response<impl Stream<Item = Result<BatchAppendResp, Status>>> {
    let mut unfinished: HashMap<uuid::Uuid, BatchAppendReq> = HashMap::new();
    let whole = request.into_inner().try_filter_map(move |part| {
        let whole = gather(&mut unfinished, part);
        async { whole }
    });
    let answers = whole
        .map(move |batch| {
            let store = Arc::clone(&store);
            async move { Ok(answer_batch(&store, batch?).await) }
        })
        .buffer_unordered(IN_FLIGHT);
    Response::new(answers)
}

/// Adds a part to its batch, and takes the batch out when that was the last part.
fn gather(
    unfinished: &mut HashMap<uuid::Uuid, BatchAppendReq>,
    part: BatchAppendReq,
) -> Result<Option<BatchAppendReq>, Status> {
    let id = part.correlation_id.as_ref().and_then(Uuid::read);
    let id = id.ok_or_else(|| Status::invalid_argument("a batch without correlation id"))?;
    let is_final = part.is_final;
    let batch = unfinished.entry(id).or_insert_with(|| BatchAppendReq {
        correlation_id: Some(Uuid::of_bits(id)),
        options: part.options,
        proposed_messages: Vec::new(),
        is_final: true,
    });
    batch.proposed_messages.extend(part.proposed_messages);
    Ok(if is_final { unfinished.remove(&id) } else { None })
}

async fn answer_batch(store: &Store, batch: BatchAppendReq) -> BatchAppendResp {
    let options = batch.options.unwrap_or_default();
    let answer = append_batch(store, &options, batch.proposed_messages).await;
    let (success, error) = match answer {
        Ok(success) => (Some(success), None),
        Err(error) => (None, Some(error)),
    };
    BatchAppendResp {
        correlation_id: batch.correlation_id,
        error,
        success,
        stream_identifier: Some(options.stream_identifier.unwrap_or_default()),
        stream_position: options.revision,
        no_stream: options.no_stream,
        any: options.any,
        stream_exists: options.stream_exists,
    }
}

async fn append_batch(
    store: &Store,
    options: &AppendOptions,
    proposed: Vec<ProposedMessage>,
) -> Result<Success, RpcStatus> {
    let (stream, expecting) = place(options).map_err(|status| rpc_status(&status))?;
    let events = events(proposed).map_err(|status| rpc_status(&status))?;
    match store.append(&stream, expecting, &events).await {
        Ok(appended) => Ok(success(appended)),
        Err(Refused::Status(status)) => Err(rpc_status(&status)),
        Err(Refused::WrongExpectedVersion(current)) => {
            let detail = batch_conflict(current, expecting);
            Err(RpcStatus {
                code: Code::AlreadyExists.into(),
                message: "WrongExpectedVersion".to_owned(),
                details: Some(prost_types::Any {
                    type_url: "type.googleapis.com/event_store.client.WrongExpectedVersion".to_owned(),
                    value: detail.encode_to_vec(),
                }),
            })
        }
    }
}

/// The stream that is meant, and where it is expected to stand.
fn place(options: &AppendOptions) -> Result<(String, Expecting), Status> {
    let stream = stream_name(options.stream_identifier.as_ref())?;
    let expecting = match options {
        AppendOptions { revision: Some(revision), .. } => Expecting::Revision(*revision),
        AppendOptions { no_stream: Some(()), .. } => Expecting::NoStream,
        AppendOptions { stream_exists: Some(()), .. } => Expecting::StreamExists,
        AppendOptions { any: Some(()), .. } => Expecting::Any,
        AppendOptions { .. } => return Err(Status::invalid_argument("no expected revision")),
    };
    Ok((stream, expecting))
}

/// A stream's name, which may not be empty.
pub fn stream_name(identifier: Option<&StreamIdentifier>) -> Result<String, Status> {
    let name = identifier.map(|identifier| identifier.stream_name.to_vec()).unwrap_or_default();
    let name = String::from_utf8(name).map_err(|e| Status::invalid_argument(format!("the stream's name: {e}")))?;
    if name.is_empty() { Err(Status::unknown("the stream has no name")) } else { Ok(name) }
}

/// The events, if the server would take them. Version 24.2 was seen to count the data alone; later ones count more, as here.
fn events(proposed: Vec<ProposedMessage>) -> Result<Vec<Proposed>, Status> {
    let kind = |message: &ProposedMessage| message.metadata.get("type").map_or(0, String::len);
    let size = |message: &ProposedMessage| message.data.len() + message.custom_metadata.len() + 2 * kind(message);
    let bytes: usize = proposed.iter().map(size).sum();
    let events = proposed.into_iter().map(event).collect::<Result<_, _>>()?;
    if bytes > MAX_APPEND_BYTES {
        let limit = MAX_APPEND_BYTES.to_string();
        let trailers = [("exception", "maximum-append-size-exceeded"), ("maximum-append-size", &limit)];
        let message = format!("Maximum Append Size of {limit} Exceeded.");
        return Err(refusal(Code::InvalidArgument, &message, &trailers));
    }
    Ok(events)
}

fn event(mut message: ProposedMessage) -> Result<Proposed, Status> {
    let mut required = |name: &str| {
        message.metadata.remove(name).ok_or_else(|| {
            let trailers =
                [("exception", "missing-required-metadata-property"), ("missing-required-metadata-property", name)];
            refusal(Code::InvalidArgument, &format!("Required metadata property '{name}' is missing."), &trailers)
        })
    };
    let (kind, content_type) = (required("type")?, required("content-type")?);
    let id = message.id.as_ref().and_then(Uuid::read).unwrap_or_default();
    if kind.is_empty() || id.is_nil() {
        return Err(Status::unknown("an event has no type or no id"));
    }
    Ok(Proposed { id, kind, content_type, custom_metadata: message.custom_metadata, data: message.data })
}

/// An error with trailers.
pub fn refusal(code: Code, message: &str, trailers: &[(&'static str, &str)]) -> Status {
    let mut metadata = MetadataMap::new();
    for (name, value) in trailers {
        if let Ok(value) = MetadataValue::try_from(*value) {
            metadata.insert(*name, value);
        }
    }
    Status::with_metadata(code, message, metadata)
}

fn rpc_status(status: &Status) -> RpcStatus {
    RpcStatus { code: status.code().into(), message: status.message().to_owned(), details: None }
}

fn success(appended: Appended) -> Success {
    let at = appended.row.map(position);
    Success {
        current_revision: appended.revision,
        no_stream: appended.revision.is_none().then_some(()),
        position: at.map(|at| Position { commit_position: at, prepare_position: at }),
        no_position: at.is_none().then_some(()),
    }
}

/// A conflict in the old fields and the new ones. The old ones cannot say that no stream was expected.
fn conflict(current: Option<u64>, expecting: Expecting) -> WrongExpectedVersion {
    let detail = batch_conflict(current, expecting);
    WrongExpectedVersion {
        old_current_revision: detail.current_stream_revision,
        old_no_stream: detail.current_no_stream,
        old_expected_revision: detail.expected_stream_position,
        old_any: detail.expected_any,
        old_stream_exists: detail.expected_stream_exists,
        current_revision: detail.current_stream_revision,
        current_no_stream: detail.current_no_stream,
        expected_revision: detail.expected_stream_position,
        expected_any: detail.expected_any,
        expected_stream_exists: detail.expected_stream_exists,
        expected_no_stream: detail.expected_no_stream,
    }
}

fn batch_conflict(current: Option<u64>, expecting: Expecting) -> BatchWrongExpectedVersion {
    let is = |one: Expecting| (expecting == one).then_some(());
    BatchWrongExpectedVersion {
        current_stream_revision: current,
        current_no_stream: current.is_none().then_some(()),
        expected_stream_position: match expecting {
            Expecting::Revision(revision) => Some(revision),
            Expecting::NoStream | Expecting::Any | Expecting::StreamExists => None,
        },
        expected_any: is(Expecting::Any),
        expected_stream_exists: is(Expecting::StreamExists),
        expected_no_stream: is(Expecting::NoStream),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(metadata: &[(&str, &str)], bytes: usize) -> ProposedMessage {
        ProposedMessage {
            id: Some(Uuid::of_text(uuid::Uuid::from_u128(1))),
            metadata: metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            custom_metadata: vec![0; 100].into(),
            data: vec![0; bytes].into(),
        }
    }

    fn trailer<'a>(status: &'a Status, name: &str) -> &'a str {
        status.metadata().get(name).unwrap().to_str().unwrap()
    }

    /// The client shows no trailers; another client may.
    #[test]
    fn a_refusal_names_its_exception_in_a_trailer() {
        let whole = [("type", "Tested"), ("content-type", "application/json"), ("further", "is dropped")];
        let fits = MAX_APPEND_BYTES - 100 - 2 * "Tested".len();
        let too_large = events(vec![proposed(&whole, fits + 1)]).unwrap_err();
        assert_eq!(too_large.code(), Code::InvalidArgument);
        assert_eq!(trailer(&too_large, "exception"), "maximum-append-size-exceeded");
        assert_eq!(trailer(&too_large, "maximum-append-size"), "1048576");
        assert_eq!(events(vec![proposed(&whole, fits)]).unwrap().len(), 1);
        for without in [0, 1] {
            let missing = events(vec![proposed(&whole[without..=without], 1)]).unwrap_err();
            assert_eq!(missing.code(), Code::InvalidArgument);
            assert_eq!(trailer(&missing, "exception"), "missing-required-metadata-property");
        }
    }

    #[test]
    fn a_conflict_fills_the_old_fields_and_the_new_ones() {
        let at_four = conflict(Some(4), Expecting::Revision(7));
        assert_eq!((at_four.old_current_revision, at_four.current_revision), (Some(4), Some(4)));
        assert_eq!((at_four.old_expected_revision, at_four.expected_revision), (Some(7), Some(7)));
        let missing = conflict(None, Expecting::StreamExists);
        assert_eq!((missing.old_no_stream, missing.current_no_stream), (Some(()), Some(())));
        assert_eq!((missing.old_stream_exists, missing.expected_stream_exists), (Some(()), Some(())));
        assert_eq!((missing.current_revision, missing.expected_revision), (None, None));
    }
}
