//! The directory: people's names and addresses, outside the log.

use axum::extract::State;
use domain::id::UserId;
use http::{Answer, Caller, Json, Path, Problem, Problems, Written};
use ports::Person;
use serde::{Deserialize, Serialize};
use url::Host;
use utoipa::ToSchema;

use crate::Commands;

/// The largest address (RFC 5321, 4.5.3.1).
const LONGEST_ADDRESS: usize = 254;

/// The longest part before the `@` (RFC 5321, 4.5.3.1).
const LONGEST_LOCAL_PART: usize = 64;

/// The longest domain name (RFC 1035, 2.3.4), as text.
const LONGEST_DOMAIN: usize = 253;

/// A person's name and address.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavePerson {
    /// Name for display, 1 to 200 characters.
    pub name: String,
    /// Mail address; null for none.
    pub address: Option<String>,
}

/// A person as the directory has it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PersonSaved {
    /// Opaque id.
    pub user: UserId,
    /// Name for display.
    pub name: String,
    /// Mail address.
    pub address: Option<String>,
}

/// Checks an address: a dot-atom, `@` and a domain name. That is narrower than RFC 5321, and whatever passes is understood by
/// the mailer and never a header, a second recipient, or a route (`%`, `!`).
fn check_address(address: &str) -> Result<(), Problem> {
    let is_atom = |atom: &str| {
        !atom.is_empty() && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"#$&'*+-/=?^_`{|}~".contains(&b))
    };
    let fine = address.len() <= LONGEST_ADDRESS
        && address.split_once('@').is_some_and(|(local, domain)| {
            local.len() <= LONGEST_LOCAL_PART && local.split('.').all(is_atom) && is_domain(domain)
        });
    if fine {
        return Ok(());
    }
    Err(Problem::invalid(
        "address",
        "`address` must be one mail address such as name@example.org, without spaces or line breaks.",
    )
    .with_remedy(
        "Before the @ write ASCII letters, digits, dots and signs, but neither % nor !; after it a domain name.",
    ))
}

/// A domain name in ASCII, or one that has an ASCII form (IDNA).
fn is_domain(domain: &str) -> bool {
    let is_plain = domain.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.');
    let Ok(Host::Domain(ascii)) = Host::parse(domain) else { return false };
    let is_label = |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    is_plain && ascii.len() <= LONGEST_DOMAIN && ascii.split('.').all(is_label)
}

/// Save one's own name and address.
#[utoipa::path(put, path = "/api/people/{id}", tag = "people", params(("id" = String, Path)), request_body = SavePerson,
    responses((status = 200, body = Written<PersonSaved>), Problems))]
pub(crate) async fn route(
    State(commands): State<Commands>,
    caller: Caller,
    Path(id): Path<String>,
    Json(ask): Json<SavePerson>,
) -> Result<Answer<PersonSaved>, Problem> {
    let user = UserId::parse("id", &id)?;
    if user != caller.user {
        return Err(Problem::forbidden("only the person may change this entry of the directory"));
    }
    let name = ask.name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Problem::invalid("name", "`name` must have 1 to 200 characters, none of them a line break."));
    }
    ask.address.as_deref().map_or(Ok(()), check_address)?;
    // Whether somebody has left is not theirs to say.
    let active = commands.directory.person(user.as_str()).await?.is_none_or(|stored| stored.active);
    let person = Person { user: user.to_string(), name: name.to_owned(), address: ask.address.clone(), active };
    commands.directory.save(&person).await?;
    Ok(Answer::new(PersonSaved { user, name: person.name, address: person.address }))
}
