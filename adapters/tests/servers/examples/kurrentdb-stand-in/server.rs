//! Which call goes where, and who may call.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::Grpc;
use tonic::{Code, Request, Response, Status};
use tower::{Service, service_fn};
use uuid::Uuid;

use crate::append::{append, batch_append, refusal};
use crate::messages::{self, ClusterInfo, EndPoint, MemberInfo, SupportedMethod, SupportedMethods};
use crate::read::read;
use crate::store::Store;

/// The release whose behaviour this is.
const VERSION: &str = "24.2.0";
/// What `GetSupportedMethods` names, in lower case.
const METHODS: [(&str, &str); 5] = [
    ("event_store.client.streams.streams", "append"),
    ("event_store.client.streams.streams", "batchappend"),
    ("event_store.client.streams.streams", "read"),
    ("event_store.client.gossip.gossip", "read"),
    ("event_store.client.server_features.serverfeatures", "getsupportedmethods"),
];
/// `VNodeState.Leader`.
const LEADER: i32 = 8;
/// From the year 1 to the Unix epoch, in 100 ns.
const EPOCH_TICKS: i64 = 621_355_968_000_000_000;

/// Who may read and write. Everybody may ask what the server is.
#[derive(Clone, Debug)]
pub enum Access {
    Everybody,
    /// Whoever sends this `authorization` header.
    Header(String),
}

impl Access {
    pub fn basic(user: &str, password: &str) -> Self {
        Self::Header(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }

    fn check(&self, headers: &http::HeaderMap) -> Result<(), Status> {
        match (self, headers.get(http::header::AUTHORIZATION)) {
            (Self::Everybody, _) => Ok(()),
            (Self::Header(_), None) => {
                Err(refusal(Code::PermissionDenied, "Access Denied", &[("exception", "access-denied")]))
            }
            (Self::Header(right), Some(sent)) if sent.as_bytes() == right.as_bytes() => Ok(()),
            (Self::Header(_), Some(_)) => Err(Status::unauthenticated("Not Authenticated")),
        }
    }
}

/// The service: all calls of all of KurrentDB's services that are answered here.
#[derive(Clone)]
pub struct Wire {
    store: Arc<Store>,
    access: Access,
    /// Where clients find the leader: here.
    address: SocketAddr,
    instance: Uuid,
}

impl Wire {
    pub fn new(store: Arc<Store>, access: Access, address: SocketAddr) -> Self {
        Self { store, access, address, instance: Uuid::new_v4() }
    }

    async fn answer(self, request: http::Request<Body>) -> http::Response<Body> {
        let path = request.uri().path().to_owned();
        match path.as_str() {
            "/event_store.client.server_features.ServerFeatures/GetSupportedMethods" => {
                let methods = service_fn(async |_: Request<()>| Ok(Response::new(supported_methods())));
                return Grpc::new(codec()).unary(methods, request).await;
            }
            "/event_store.client.gossip.Gossip/Read" => {
                let members = service_fn(async |_: Request<()>| Ok(Response::new(self.cluster_info())));
                return Grpc::new(codec()).unary(members, request).await;
            }
            _ => {}
        }
        if let Err(status) = self.access.check(request.headers()) {
            return status.into_http();
        }
        let store = self.store;
        match path.as_str() {
            "/event_store.client.streams.Streams/Append" => {
                let service = service_fn(|request| append(Arc::clone(&store), request));
                Grpc::new(codec()).client_streaming(service, request).await
            }
            "/event_store.client.streams.Streams/BatchAppend" => {
                let service = service_fn(async |request| Ok(batch_append(Arc::clone(&store), request)));
                Grpc::new(codec()).streaming(service, request).await
            }
            "/event_store.client.streams.Streams/Read" => {
                let service = service_fn(|request| read(Arc::clone(&store), request));
                Grpc::new(codec()).server_streaming(service, request).await
            }
            other => Status::unimplemented(format!("this stand-in has no {other}")).into_http(),
        }
    }

    fn cluster_info(&self) -> ClusterInfo {
        let now = i64::try_from(self.store.now()).unwrap_or_default();
        ClusterInfo {
            members: vec![MemberInfo {
                instance_id: Some(messages::Uuid::of_text(self.instance)),
                time_stamp: EPOCH_TICKS + now,
                state: LEADER,
                is_alive: true,
                http_end_point: Some(EndPoint {
                    address: self.address.ip().to_string(),
                    port: self.address.port().into(),
                }),
            }],
        }
    }
}

impl Service<http::Request<Body>> for Wire {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let wire = self.clone();
        Box::pin(async move { Ok(wire.answer(request).await) })
    }
}

fn codec<Out, In>() -> tonic::codec::ProstCodec<Out, In> {
    tonic::codec::ProstCodec::default()
}

fn supported_methods() -> SupportedMethods {
    let method = |(service, method): (&str, &str)| SupportedMethod {
        method_name: method.to_owned(),
        service_name: service.to_owned(),
    };
    SupportedMethods {
        methods: METHODS.into_iter().map(method).collect(),
        event_store_server_version: VERSION.to_owned(),
    }
}
