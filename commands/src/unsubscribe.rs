//! The link in each mail that ends one subscription, without signing in (RFC 8058).

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::Id;
use domain::sealed::fingerprint;
use domain::subscription::{Command, EndedBy, Known, Status, Subscription};
use http::{Path, Problem, Problems};
use ports::{Cause, Key};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::Commands;

/// The actor of what somebody does who only holds the link.
const LINK_HOLDER: &str = "unsubscribe-link";

fn signature(key: &Key, id: &Uuid) -> String {
    fingerprint(&key.0, format!("unsubscribe {id}").as_bytes())
}

/// The token that ends this subscription and nothing else.
///
/// # Errors
/// `Corrupt` where the id is none.
pub fn unsubscribe_token(key: &Key, id: &Id<Subscription>) -> ports::Result<String> {
    let id = Uuid::try_parse(id.as_str()).map_err(|e| ports::Error::Corrupt(format!("{id}: {e}")))?;
    Ok(format!("{}{}", URL_SAFE_NO_PAD.encode(id.as_bytes()), signature(key, &id)))
}

/// The subscription that a token ends.
fn subscription_of(key: &Key, token: &str) -> Option<Id<Subscription>> {
    let (id, signed) = token.split_at_checked(22)?;
    let id = Uuid::from_slice(&URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
    let expected = signature(key, &id);
    bool::from(expected.as_bytes().ct_eq(signed.as_bytes())).then(|| Id::known(id.to_string()))
}

impl Commands {
    async fn subscription_of_token(&self, token: &str) -> Result<(Id<Subscription>, Known), Problem> {
        let key = self.keys.service().await?;
        let not_found = || Problem::not_found("unsubscribe link");
        let id = subscription_of(&key, token).ok_or_else(not_found)?;
        let known = self.access.state(&id).await?.0.ok_or_else(not_found)?;
        Ok((id, known))
    }
}

/// Show a page with a button; looking at it changes nothing.
#[utoipa::path(get, path = "/unsubscribe/{token}", tag = "subscriptions", params(("token" = String, Path)), security(()),
    responses((status = 200, content_type = "text/html"), Problems))]
pub(crate) async fn show(State(commands): State<Commands>, Path(token): Path<String>) -> Result<Response, Problem> {
    let (_, known) = commands.subscription_of_token(&token).await?;
    Ok(page(&known))
}

/// End the subscription. Mail programs post here by themselves; a second time changes nothing.
#[utoipa::path(post, path = "/unsubscribe/{token}", tag = "subscriptions", params(("token" = String, Path)), security(()),
    responses((status = 200, content_type = "text/html"), Problems))]
pub(crate) async fn end(State(commands): State<Commands>, Path(token): Path<String>) -> Result<Response, Problem> {
    let (id, _) = commands.subscription_of_token(&token).await?;
    let command = Uuid::new_v4();
    let cause = Cause::by_itself(LINK_HOLDER, command);
    commands.sender.send(&id, &cause, Command::End { by: EndedBy::UnsubscribeLink }).await?;
    let (_, known) = commands.subscription_of_token(&token).await?;
    Ok(page(&known))
}

fn page(known: &Known) -> Response {
    // Trial ids are codes and schedules are our own words: neither can hold markup.
    let (trial, sentence) = (&known.trial, known.schedule.describe());
    let body = if known.status == Status::Ended {
        format!(
            "<h1>You are unsubscribed</h1><p>No more reports about trial <b>{trial}</b> will be sent to you. \
             You can subscribe again in Trialbrief at any time.</p>"
        )
    } else {
        format!(
            "<h1>Unsubscribe?</h1><p>You receive a report about trial <b>{trial}</b>: {sentence}.</p>\
             <form method=\"post\"><button>Unsubscribe</button></form>"
        )
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"robots\" content=\"noindex\"><title>Trialbrief: unsubscribe</title>\
         <link rel=\"stylesheet\" href=\"/styles.css\"><main class=\"notice\">{body}</main></html>"
    );
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'"),
    ];
    (headers, Html(html)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_its_subscription_and_no_other() {
        let (key, other) = (Key([1; 32]), Key([2; 32]));
        let id = Id::<Subscription>::derive(&["a", "b", "weekly"]);
        let token = unsubscribe_token(&key, &id).unwrap();
        assert_eq!(subscription_of(&key, &token), Some(id));
        assert_eq!(subscription_of(&other, &token), None);
        for (i, _) in token.char_indices() {
            let mut altered = token.clone().into_bytes();
            altered[i] = if altered[i] == b'A' { b'B' } else { b'A' };
            assert_eq!(subscription_of(&key, &String::from_utf8(altered).unwrap()), None, "altered at {i}");
        }
        assert_eq!(subscription_of(&key, "é".repeat(11).as_str()), None);
    }
}
