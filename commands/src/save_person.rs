//! The directory: people's names and addresses, outside the log.

use axum::extract::State;
use domain::id::UserId;
use http::{Answer, Caller, Json, Path, Problem, Problems, Written};
use ports::Person;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Commands;

/// The largest address (RFC 5321, 4.5.3.1).
const LONGEST_ADDRESS: usize = 254;

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

/// Checks an address as far as a mail needs: one `@`, and nothing that could become a header, a second recipient or a route.
fn check_address(address: &str) -> Result<(), Problem> {
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>(),;:\\\"[]".contains(c);
    let fine = address.len() <= LONGEST_ADDRESS
        && address.chars().all(is_plain)
        && address.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && local.len() <= 64 && !host.is_empty() && !host.contains('@') && !host.starts_with('.')
        });
    if fine {
        return Ok(());
    }
    Err(Problem::invalid(
        "address",
        "`address` must be one mail address such as name@example.org, without spaces or line breaks.",
    ))
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
    let person = Person { user: user.to_string(), name: name.to_owned(), address: ask.address.clone(), active: true };
    commands.directory.save(&person).await?;
    Ok(Answer::new(PersonSaved { user, name: person.name, address: person.address }))
}
