//! What the sample people do, through the API as anybody would.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Method, Request};
use futures::StreamExt;
use ports::{DocumentStore, FileKey, FileStore, Ports, Record};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use super::sample::{self, Action, SampleChange, SampleDocument};
use super::{FOUNDER, SamplePerson};

/// The sample's people and what they know: which document has which id.
pub(super) struct Stage {
    documents: Arc<dyn DocumentStore>,
    originals: Arc<dyn FileStore>,
    router: Router,
    ids: BTreeMap<usize, String>,
}

impl Stage {
    pub(super) fn new(ports: &Ports, router: Router) -> Self {
        let (documents, originals) = (Arc::clone(&ports.documents), Arc::clone(&ports.originals));
        Self { documents, originals, router, ids: BTreeMap::new() }
    }

    /// A document of the product as it was before: a record and a file, and nobody who watched.
    pub(super) async fn put_existing(&mut self, document: SampleDocument) -> anyhow::Result<()> {
        let id = hex::encode(&Sha256::digest(format!("existing {}", document.number))[..12]);
        let key = format!("trials/{}/{id}/file", sample::TRIAL);
        let md5 = hex::encode(md5::Md5::digest(&document.bytes));
        let record = json!({
            "_id": id,
            "Filename": document.filename,
            "FileLocation": format!("s3://trialbrief/{key}"),
            "Size": document.bytes.len(),
            "MD5": md5,
            "SiteId": document.site,
            "Kind": document.kind,
            "Status": document.status,
            "DocumentDate": document.document_date.to_string(),
            "ContentType": document.content_type,
        });
        let Value::Object(record) = record else { bail!("a record is an object") };
        let body = futures::stream::once(async move { Ok(document.bytes.into()) });
        self.originals.put(&FileKey::new(key)?, body.boxed()).await?;
        self.documents.insert(&Record(record)).await?;
        self.ids.insert(document.number, id);
        Ok(())
    }

    pub(super) async fn open_trials(&self, people: &[SamplePerson]) -> anyhow::Result<()> {
        for (trial, title) in [(sample::TRIAL, sample::TITLE), (sample::OTHER_TRIAL, "Follow-up registry")] {
            self.json(FOUNDER, Method::PUT, &format!("/api/trials/{trial}"), json!({"title": title})).await?;
            for person in people.iter().filter(|person| person.user != FOUNDER) {
                let path = format!("/api/trials/{trial}/members/{}", person.user);
                self.json(FOUNDER, Method::PUT, &path, json!({"role": person.role})).await?;
            }
        }
        for person in people {
            let Some((weekday, time, zone)) = person.schedule else { continue };
            let schedule = json!({"cadence": "weekly", "weekday": weekday, "time": time, "zone": zone});
            let ask = json!({"trial": sample::TRIAL, "schedule": schedule});
            self.json(person.user, Method::POST, "/api/subscriptions", ask).await?;
        }
        Ok(())
    }

    /// One change of the plan.
    pub(super) async fn act(&mut self, change: &SampleChange, document: Option<SampleDocument>) -> anyhow::Result<()> {
        match &change.action {
            Action::Add { .. } => {
                let document = document.context("an addition comes with its document")?;
                let id = self.upload(&change.by, &document, None).await?;
                self.ids.insert(change.document, id);
            }
            Action::Edit { patch, reason } => {
                let patch: serde_json::Map<String, Value> =
                    patch.iter().map(|(property, value)| ((*property).to_owned(), json!(value))).collect();
                let path = format!("/api/documents/{}", self.id(change.document)?);
                self.request(&change.by, Method::PATCH, &path, Some(reason), Value::Object(patch)).await?;
            }
            // The product replaces a file by a new document in place of the old one.
            Action::Replace { reason, .. } => {
                let document = document.context("a replacement comes with its document")?;
                let old = self.id(change.document)?.to_owned();
                let id = self.upload(&change.by, &document, Some(reason)).await?;
                self.remove(&change.by, &old, reason).await?;
                self.ids.insert(change.document, id);
            }
            Action::Remove { reason } => {
                let id = self.id(change.document)?.to_owned();
                self.remove(&change.by, &id, reason).await?;
                self.ids.remove(&change.document);
            }
        }
        Ok(())
    }

    fn id(&self, document: usize) -> anyhow::Result<&str> {
        self.ids.get(&document).map(String::as_str).with_context(|| format!("the plan names document {document}"))
    }

    async fn upload(&self, user: &str, document: &SampleDocument, reason: Option<&str>) -> anyhow::Result<String> {
        let date = document.document_date.to_string();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("Filename", &document.filename)
            .append_pair("TrialId", sample::TRIAL)
            .append_pair("SiteId", document.site)
            .append_pair("Kind", document.kind)
            .append_pair("Status", document.status)
            .append_pair("DocumentDate", &date);
        if let Some(reason) = reason {
            query.append_pair("Reason", reason);
        }
        let request = Request::post(format!("/api/documents?{}", query.finish()))
            .header(CONTENT_TYPE, document.content_type)
            .body(Body::from(document.bytes.clone()))?;
        let record = self.ask(user, request).await?;
        Ok(record["_id"].as_str().context("a record has an id")?.to_owned())
    }

    async fn remove(&self, user: &str, id: &str, reason: &str) -> anyhow::Result<()> {
        self.request(user, Method::DELETE, &format!("/api/documents/{id}"), Some(reason), Value::Null).await?;
        Ok(())
    }

    async fn json(&self, user: &str, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        self.request(user, method, path, None, body).await
    }

    async fn request(
        &self,
        user: &str,
        method: Method,
        path: &str,
        reason: Option<&str>,
        body: Value,
    ) -> anyhow::Result<Value> {
        let mut request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
        if let Some(reason) = reason {
            request = request.header("Change-Reason", reason);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.ask(user, request.body(body)?).await
    }

    async fn ask(&self, user: &str, mut request: Request<Body>) -> anyhow::Result<Value> {
        let what = format!("{} {}", request.method(), request.uri().path());
        request.headers_mut().insert("Trialbrief-Person", user.parse()?);
        request.headers_mut().insert(HOST, "127.0.0.1".parse()?);
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
        let response = self.router.clone().oneshot(request).await?;
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await?;
        if !status.is_success() {
            bail!("{what} by {user}: {status} {}", String::from_utf8_lossy(&body));
        }
        if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&body)?) }
    }
}
