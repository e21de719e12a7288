//! Words all routes share: problem, caller, answer, page, preconditions.
//!
//! A route takes its input by the extractors of this crate, so that every refusal is one problem document (RFC 9457)
//! that names the field, and gives its output by [`Answer`], [`Created`] or [`Page`].

mod access;
mod answer;
mod caller;
mod content_disposition;
pub mod document;
mod json;
mod keys;
mod page;
mod path;
mod precondition;
mod problem;
mod query;
pub mod sign_in;
mod subscribed;

pub use access::Access;
pub use answer::{Answer, Created, Written, after_token, parse_after};
pub use caller::{Caller, SignIn, Trace};
pub use content_disposition::{attachment, inline};
pub use json::{BODY_LIMIT_BYTES, Json};
pub use keys::{Keys, OwnersKey};
pub use page::{Cursor, Limit, Page, Paging};
pub use path::Path;
pub use precondition::{After, ETag, IfMatch, IfNoneMatch, etag};
pub use problem::{Problem, ProblemDocument, ProblemType, Problems, method_not_allowed, no_such_route};
pub use query::Query;
pub use subscribed::Subscribed;
