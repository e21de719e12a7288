//! The messages of KurrentDB's protocol that a client of ours sends and reads, as far as they are used. The members of a `oneof` are
//! optional fields of their message: on the wire that is the same. `google.protobuf.Empty` and `Empty` are both `()`.

use std::collections::HashMap;

use bytes::Bytes;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct Uuid {
    #[prost(message, optional, tag = "1")]
    pub structured: Option<StructuredUuid>,
    #[prost(string, optional, tag = "2")]
    pub string: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct StructuredUuid {
    #[prost(int64, tag = "1")]
    pub most_significant_bits: i64,
    #[prost(int64, tag = "2")]
    pub least_significant_bits: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct StreamIdentifier {
    #[prost(bytes = "bytes", tag = "3")]
    pub stream_name: Bytes,
}

/// Also `AllStreamPosition` and `Checkpoint`, which have the same fields.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Position {
    #[prost(uint64, tag = "1")]
    pub commit_position: u64,
    #[prost(uint64, tag = "2")]
    pub prepare_position: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct AppendReq {
    #[prost(message, optional, tag = "1")]
    pub options: Option<AppendOptions>,
    #[prost(message, optional, tag = "2")]
    pub proposed_message: Option<ProposedMessage>,
}

/// The options of `AppendReq` and of `BatchAppendReq`; the latter's deadline is not used.
#[derive(Clone, PartialEq, Message)]
pub struct AppendOptions {
    #[prost(message, optional, tag = "1")]
    pub stream_identifier: Option<StreamIdentifier>,
    #[prost(uint64, optional, tag = "2")]
    pub revision: Option<u64>,
    #[prost(message, optional, tag = "3")]
    pub no_stream: Option<()>,
    #[prost(message, optional, tag = "4")]
    pub any: Option<()>,
    #[prost(message, optional, tag = "5")]
    pub stream_exists: Option<()>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ProposedMessage {
    #[prost(message, optional, tag = "1")]
    pub id: Option<Uuid>,
    #[prost(map = "string, string", tag = "2")]
    pub metadata: HashMap<String, String>,
    #[prost(bytes = "bytes", tag = "3")]
    pub custom_metadata: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct AppendResp {
    #[prost(message, optional, tag = "1")]
    pub success: Option<Success>,
    #[prost(message, optional, tag = "2")]
    pub wrong_expected_version: Option<WrongExpectedVersion>,
}

/// The same in `AppendResp` and `BatchAppendResp`.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Success {
    #[prost(uint64, optional, tag = "1")]
    pub current_revision: Option<u64>,
    #[prost(message, optional, tag = "2")]
    pub no_stream: Option<()>,
    #[prost(message, optional, tag = "3")]
    pub position: Option<Position>,
    #[prost(message, optional, tag = "4")]
    pub no_position: Option<()>,
}

/// Of `AppendResp`: the names of release 20.6.0, then the present ones.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct WrongExpectedVersion {
    #[prost(uint64, optional, tag = "1")]
    pub old_current_revision: Option<u64>,
    #[prost(message, optional, tag = "2")]
    pub old_no_stream: Option<()>,
    #[prost(uint64, optional, tag = "3")]
    pub old_expected_revision: Option<u64>,
    #[prost(message, optional, tag = "4")]
    pub old_any: Option<()>,
    #[prost(message, optional, tag = "5")]
    pub old_stream_exists: Option<()>,
    #[prost(uint64, optional, tag = "6")]
    pub current_revision: Option<u64>,
    #[prost(message, optional, tag = "7")]
    pub current_no_stream: Option<()>,
    #[prost(uint64, optional, tag = "8")]
    pub expected_revision: Option<u64>,
    #[prost(message, optional, tag = "9")]
    pub expected_any: Option<()>,
    #[prost(message, optional, tag = "10")]
    pub expected_stream_exists: Option<()>,
    #[prost(message, optional, tag = "11")]
    pub expected_no_stream: Option<()>,
}

#[derive(Clone, PartialEq, Message)]
pub struct BatchAppendReq {
    #[prost(message, optional, tag = "1")]
    pub correlation_id: Option<Uuid>,
    #[prost(message, optional, tag = "2")]
    pub options: Option<AppendOptions>,
    #[prost(message, repeated, tag = "3")]
    pub proposed_messages: Vec<ProposedMessage>,
    #[prost(bool, tag = "4")]
    pub is_final: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct BatchAppendResp {
    #[prost(message, optional, tag = "1")]
    pub correlation_id: Option<Uuid>,
    #[prost(message, optional, tag = "2")]
    pub error: Option<RpcStatus>,
    #[prost(message, optional, tag = "3")]
    pub success: Option<Success>,
    #[prost(message, optional, tag = "4")]
    pub stream_identifier: Option<StreamIdentifier>,
    #[prost(uint64, optional, tag = "5")]
    pub stream_position: Option<u64>,
    #[prost(message, optional, tag = "6")]
    pub no_stream: Option<()>,
    #[prost(message, optional, tag = "7")]
    pub any: Option<()>,
    #[prost(message, optional, tag = "8")]
    pub stream_exists: Option<()>,
}

/// `google.rpc.Status` as KurrentDB has it: with one detail, not many.
#[derive(Clone, PartialEq, Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, optional, tag = "3")]
    pub details: Option<prost_types::Any>,
}

/// `event_store.client.WrongExpectedVersion`: the detail of a conflict in `BatchAppendResp`.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct BatchWrongExpectedVersion {
    #[prost(uint64, optional, tag = "1")]
    pub current_stream_revision: Option<u64>,
    #[prost(message, optional, tag = "2")]
    pub current_no_stream: Option<()>,
    #[prost(uint64, optional, tag = "3")]
    pub expected_stream_position: Option<u64>,
    #[prost(message, optional, tag = "4")]
    pub expected_any: Option<()>,
    #[prost(message, optional, tag = "5")]
    pub expected_stream_exists: Option<()>,
    #[prost(message, optional, tag = "6")]
    pub expected_no_stream: Option<()>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReadReq {
    #[prost(message, optional, tag = "1")]
    pub options: Option<ReadOptions>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReadOptions {
    #[prost(message, optional, tag = "1")]
    pub stream: Option<StreamOptions>,
    #[prost(message, optional, tag = "2")]
    pub all: Option<AllOptions>,
    /// 0 forwards, 1 backwards.
    #[prost(int32, tag = "3")]
    pub read_direction: i32,
    #[prost(uint64, optional, tag = "5")]
    pub count: Option<u64>,
    #[prost(message, optional, tag = "6")]
    pub subscription: Option<()>,
    #[prost(message, optional, tag = "7")]
    pub filter: Option<FilterOptions>,
    #[prost(message, optional, tag = "9")]
    pub uuid_option: Option<UuidOption>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StreamOptions {
    #[prost(message, optional, tag = "1")]
    pub stream_identifier: Option<StreamIdentifier>,
    #[prost(uint64, optional, tag = "2")]
    pub revision: Option<u64>,
    #[prost(message, optional, tag = "3")]
    pub start: Option<()>,
    #[prost(message, optional, tag = "4")]
    pub end: Option<()>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct AllOptions {
    #[prost(message, optional, tag = "1")]
    pub position: Option<Position>,
    #[prost(message, optional, tag = "2")]
    pub start: Option<()>,
    #[prost(message, optional, tag = "3")]
    pub end: Option<()>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FilterOptions {
    #[prost(message, optional, tag = "1")]
    pub stream_identifier: Option<Expression>,
    #[prost(message, optional, tag = "2")]
    pub event_type: Option<Expression>,
    /// The window: how many events one page considers at most. Its alternative, `count`, leaves that to the server.
    #[prost(uint32, optional, tag = "3")]
    pub max: Option<u32>,
    #[prost(uint32, tag = "5")]
    pub checkpoint_interval_multiplier: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Expression {
    #[prost(string, tag = "1")]
    pub regex: String,
    #[prost(string, repeated, tag = "2")]
    pub prefix: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct UuidOption {
    #[prost(message, optional, tag = "1")]
    pub structured: Option<()>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReadResp {
    #[prost(message, optional, tag = "1")]
    pub event: Option<ReadEvent>,
    #[prost(message, optional, tag = "2")]
    pub confirmation: Option<SubscriptionConfirmation>,
    #[prost(message, optional, tag = "3")]
    pub checkpoint: Option<Position>,
    #[prost(message, optional, tag = "4")]
    pub stream_not_found: Option<StreamNotFound>,
    #[prost(uint64, optional, tag = "5")]
    pub first_stream_position: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    pub last_stream_position: Option<u64>,
    #[prost(message, optional, tag = "8")]
    pub caught_up: Option<()>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReadEvent {
    #[prost(message, optional, tag = "1")]
    pub event: Option<RecordedEvent>,
    #[prost(uint64, optional, tag = "3")]
    pub commit_position: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RecordedEvent {
    #[prost(message, optional, tag = "1")]
    pub id: Option<Uuid>,
    #[prost(message, optional, tag = "2")]
    pub stream_identifier: Option<StreamIdentifier>,
    #[prost(uint64, tag = "3")]
    pub stream_revision: u64,
    #[prost(uint64, tag = "4")]
    pub prepare_position: u64,
    #[prost(uint64, tag = "5")]
    pub commit_position: u64,
    #[prost(map = "string, string", tag = "6")]
    pub metadata: HashMap<String, String>,
    #[prost(bytes = "bytes", tag = "7")]
    pub custom_metadata: Bytes,
    #[prost(bytes = "bytes", tag = "8")]
    pub data: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct SubscriptionConfirmation {
    #[prost(string, tag = "1")]
    pub subscription_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct StreamNotFound {
    #[prost(message, optional, tag = "1")]
    pub stream_identifier: Option<StreamIdentifier>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SupportedMethods {
    #[prost(message, repeated, tag = "1")]
    pub methods: Vec<SupportedMethod>,
    #[prost(string, tag = "2")]
    pub event_store_server_version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct SupportedMethod {
    #[prost(string, tag = "1")]
    pub method_name: String,
    #[prost(string, tag = "2")]
    pub service_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ClusterInfo {
    #[prost(message, repeated, tag = "1")]
    pub members: Vec<MemberInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub struct MemberInfo {
    #[prost(message, optional, tag = "1")]
    pub instance_id: Option<Uuid>,
    /// 100 ns since the year 1.
    #[prost(int64, tag = "2")]
    pub time_stamp: i64,
    /// 8 for the leader, 6 for a follower.
    #[prost(int32, tag = "3")]
    pub state: i32,
    #[prost(bool, tag = "4")]
    pub is_alive: bool,
    #[prost(message, optional, tag = "5")]
    pub http_end_point: Option<EndPoint>,
}

#[derive(Clone, PartialEq, Message)]
pub struct EndPoint {
    #[prost(string, tag = "1")]
    pub address: String,
    #[prost(uint32, tag = "2")]
    pub port: u32,
}

/// What the log keeps as an event's metadata: what came beside type, id and data.
#[derive(Clone, PartialEq, Message)]
pub struct Envelope {
    /// When it was stored: 100 ns since the Unix epoch.
    #[prost(uint64, tag = "1")]
    pub created: u64,
    #[prost(string, tag = "2")]
    pub content_type: String,
    #[prost(bytes = "bytes", tag = "3")]
    pub custom_metadata: Bytes,
}

impl Uuid {
    /// The id that is written either way; `None` where it is neither.
    pub fn read(&self) -> Option<uuid::Uuid> {
        match (&self.structured, &self.string) {
            (Some(bits), _) => Some(uuid::Uuid::from_u64_pair(
                bits.most_significant_bits.cast_unsigned(),
                bits.least_significant_bits.cast_unsigned(),
            )),
            (None, Some(string)) => string.parse().ok(),
            (None, None) => None,
        }
    }

    pub fn of_bits(id: uuid::Uuid) -> Self {
        let (most, least) = id.as_u64_pair();
        let (most_significant_bits, least_significant_bits) = (most.cast_signed(), least.cast_signed());
        Self { structured: Some(StructuredUuid { most_significant_bits, least_significant_bits }), string: None }
    }

    pub fn of_text(id: uuid::Uuid) -> Self {
        Self { structured: None, string: Some(id.to_string()) }
    }
}

impl StreamIdentifier {
    pub fn named(name: &str) -> Self {
        Self { stream_name: Bytes::copy_from_slice(name.as_bytes()) }
    }
}
