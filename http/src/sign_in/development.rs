//! Sign-in for development and the demo: one chooses who one is, without a password.
//!
//! So it serves only this machine: the peer must be a loopback address, no proxy may stand between, and `Host` must name
//! this machine (a page elsewhere whose name resolves to 127.0.0.1 sends its own). A write with the cookie must come
//! from our own pages.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use domain::id::UserId;
use ports::{Directory, Person};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Caller, Json, Page, Problem, Problems, SignIn};

#[cfg(test)]
mod tests;

/// The cookie that names the person.
const COOKIE_NAME: &str = "trialbrief-person";

/// The header that names the person, for programs.
const HEADER_NAME: &str = "Trialbrief-Person";

/// How many people are offered to choose from.
const SAMPLES: usize = 50;

/// The sign-in of development: a cookie or a header names a person of the directory.
#[derive(Clone)]
pub struct Development {
    directory: Arc<dyn Directory>,
    outbox: bool,
}

impl Development {
    /// Over the people of a directory; `outbox` says whether there is one to look into.
    #[must_use]
    pub fn new(directory: Arc<dyn Directory>, outbox: bool) -> Self {
        Self { directory, outbox }
    }

    /// The routes by which one signs in and out.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> OpenApiRouter<S> {
        OpenApiRouter::new()
            .routes(routes!(sign_in, sign_out))
            .routes(routes!(me))
            .routes(routes!(samples))
            .with_state(self.clone())
    }

    async fn active(&self, user: &str) -> Result<Option<Person>, Problem> {
        Ok(self.directory.person(user).await?.filter(|person| person.active))
    }

    fn tell(&self, person: Person) -> Me {
        Me { user: person.user, name: person.name, address: person.address, outbox: self.outbox }
    }
}

#[async_trait]
impl SignIn for Development {
    async fn user(&self, parts: &Parts) -> Result<Option<UserId>, Problem> {
        check_local(parts)?;
        let named = match parts.headers.get(HEADER_NAME) {
            Some(header) => header.to_str().ok(),
            None => {
                let cookie = cookie(&parts.headers);
                if cookie.is_some() && !parts.method.is_safe() {
                    check_same_origin(parts)?;
                }
                cookie
            }
        };
        let Some(Ok(user)) = named.map(|user| UserId::parse("user", user)) else { return Ok(None) };
        Ok(self.active(user.as_str()).await?.map(|_| user))
    }
}

/// Who to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInAs {
    /// A person of the directory.
    user: String,
}

/// The person who is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    /// Opaque id.
    user: String,
    /// Name for display.
    name: String,
    /// Mail address, where the person has one.
    address: Option<String>,
    /// Whether mails stay in an outbox that can be looked into: the demo's.
    outbox: bool,
}

/// A person to choose.
#[derive(Debug, Serialize, ToSchema)]
struct Sample {
    /// Opaque id.
    user: String,
    /// Name for display.
    name: String,
}

/// Signs in without a password: development and demo only, from this machine only.
#[utoipa::path(post, path = "/api/sign-in", tag = "sign-in", request_body = SignInAs,
    responses((status = 200, body = Me, description = "Signed in; the cookie is set"), Problems))]
async fn sign_in(
    State(development): State<Development>,
    _here: OwnPages,
    Json(ask): Json<SignInAs>,
) -> Result<Response, Problem> {
    let user = UserId::parse("user", &ask.user)?;
    let person = development.active(user.as_str()).await?;
    let person =
        person.ok_or_else(|| Problem::invalid("user", format!("Nobody here is called {:?}.", user.as_str())))?;
    let cookie = format!("{COOKIE_NAME}={user}; HttpOnly; SameSite=Strict; Path=/");
    Ok(([(SET_COOKIE, cookie)], Json(development.tell(person))).into_response())
}

/// Signs out: development and demo only.
#[utoipa::path(delete, path = "/api/sign-in", tag = "sign-in",
    responses((status = 204, description = "Signed out; the cookie is gone"), Problems))]
async fn sign_out(_here: OwnPages) -> Response {
    let cookie = format!("{COOKIE_NAME}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}

/// Who is signed in. 401 where nobody is.
#[utoipa::path(get, path = "/api/me", tag = "sign-in", responses((status = 200, body = Me), Problems))]
async fn me(State(development): State<Development>, caller: Caller) -> Result<Json<Me>, Problem> {
    let person = development.active(caller.user.as_str()).await?.ok_or_else(Problem::unauthenticated)?;
    Ok(Json(development.tell(person)))
}

/// People to choose from when signing in: development and demo only. The first 50 who are active.
#[utoipa::path(get, path = "/api/people/samples", tag = "sign-in",
    responses((status = 200, body = Page<Sample>), Problems))]
async fn samples(State(development): State<Development>, _here: OwnPages) -> Result<Page<Sample>, Problem> {
    let people = development.directory.people(None, SAMPLES).await?;
    let people = people.into_iter().filter(|person| person.active);
    Ok(Page::whole(people.map(|person| Sample { user: person.user, name: person.name }).collect()))
}

/// A request from this machine and, where it writes, from our own pages or no page at all.
struct OwnPages;

impl<S: Send + Sync> FromRequestParts<S> for OwnPages {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        check_local(parts)?;
        if !parts.method.is_safe() {
            check_same_origin(parts)?;
        }
        Ok(Self)
    }
}

/// Refuses what does not come straight from this machine to a name of this machine.
fn check_local(parts: &Parts) -> Result<(), Problem> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip"].iter().any(|name| parts.headers.contains_key(*name));
    let host = authority(parts).map(host_of);
    let local_host = matches!(host.as_deref(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if peer.is_some_and(|peer| peer.is_loopback()) && !forwarded && local_host {
        return Ok(());
    }
    Err(Problem::forbidden("The sign-in of development serves only this machine.")
        .with_remedy("Open http://localhost on the machine itself, or configure another sign-in."))
}

/// Refuses a write that another site's page has sent with our cookie.
fn check_same_origin(parts: &Parts) -> Result<(), Problem> {
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let same = match (header("sec-fetch-site"), header(ORIGIN.as_str())) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let origin: Option<Uri> = origin.parse().ok();
            let origin = origin.as_ref().and_then(|origin| origin.authority()).map(|authority| authority.as_str());
            origin.is_some_and(|origin| authority(parts).is_some_and(|host| origin.eq_ignore_ascii_case(host)))
        }
        // No browser leaves out both; programs do.
        (None, None) => true,
    };
    if same { Ok(()) } else { Err(Problem::forbidden("Another site's page may not write here.")) }
}

/// Host and port the request was sent to: `Host`, or `:authority` in HTTP/2.
fn authority(parts: &Parts) -> Option<&str> {
    match parts.headers.get(HOST) {
        Some(host) => host.to_str().ok(),
        None => parts.uri.authority().map(|authority| authority.as_str()),
    }
}

/// The host without its port, in lower case.
fn host_of(authority: &str) -> String {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some(_) | None => authority,
    };
    host.to_ascii_lowercase()
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value)
}
