//! Lists by cursor.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Json, Problem};

#[cfg(test)]
mod tests;

/// Where a page ends: opaque to the caller, JSON of the list's own choice to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor behind a place.
    #[must_use]
    pub fn behind(place: &impl Serialize) -> Self {
        // Places are texts, numbers and tuples of them, which always have a JSON form.
        Self(URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default()))
    }

    /// The place.
    ///
    /// # Errors
    /// 422 for the field `cursor` where it is none that this list made.
    pub fn place<P: DeserializeOwned>(&self) -> Result<P, Problem> {
        let place = URL_SAFE_NO_PAD.decode(&self.0).ok().and_then(|json| serde_json::from_slice(&json).ok());
        place.ok_or_else(|| {
            Problem::invalid("cursor", "`cursor` must be `next` of the page before, unchanged. Leave it out to begin.")
        })
    }
}

/// How many items a page has, 1 to 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = u8, minimum = 1, maximum = 200, default = 50)]
pub struct Limit(usize);

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(limit) if (1..=200).contains(&limit) => Ok(Self(limit)),
            Ok(_) | Err(_) => Err(D::Error::custom("`limit` must be a number from 1 to 200")),
        }
    }
}

/// The query fields of every list. Take it as `Query<Paging>`, beside the list's own `Query`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// `next` of the page before; without it the list begins.
    #[param(value_type = Option<String>)]
    pub cursor: Option<Cursor>,
    /// How many items at most.
    #[serde(default)]
    #[param(value_type = u8, minimum = 1, maximum = 200, default = 50, required = false)]
    pub limit: Limit,
}

impl Paging {
    /// The place behind which the page begins; `None` at the list's beginning.
    ///
    /// # Errors
    /// 422 for the field `cursor`.
    pub fn place<P: DeserializeOwned>(&self) -> Result<Option<P>, Problem> {
        self.cursor.as_ref().map(Cursor::place).transpose()
    }

    /// How many items a page has at most.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit.0
    }

    /// How many items to fetch: one more than the page has, which tells whether there is a next page.
    #[must_use]
    pub const fn fetch(&self) -> usize {
        self.limit.0 + 1
    }

    /// The page out of at most [`Paging::fetch`] items; `place` tells where the next one begins, from its last item.
    #[must_use]
    pub fn page<T, P: Serialize>(&self, mut fetched: Vec<T>, place: impl FnOnce(&T) -> P) -> Page<T> {
        let more = fetched.len() > self.limit.0;
        fetched.truncate(self.limit.0);
        let next = fetched.last().filter(|_| more).map(|last| Cursor::behind(&place(last)));
        Page { items: fetched, next }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Cursor of the next page; null where the list ends.
    #[schema(value_type = Option<String>)]
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A list that has only this page.
    #[must_use]
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// The same page of other items: rows become what the caller sees.
    #[must_use]
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(make).collect(), next: self.next }
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
