//! Who may do what in a trial.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoStaticStr};
use utoipa::ToSchema;

#[cfg(test)]
mod tests;

/// What a person is in a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, EnumIter, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Role {
    /// Reads documents, figures and reports.
    Reader,
    /// Also stores, changes and deletes documents.
    Contributor,
    /// Also changes the trial's settings and members.
    Coordinator,
}

/// What is to be done in a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter)]
pub enum Action {
    /// See it and subscribe to it.
    Read,
    /// Store, change and delete documents.
    Write,
    /// Change settings and members.
    Manage,
}

/// Whether somebody with this role may do it. Without a role one may do nothing.
#[must_use]
pub const fn may(role: Option<Role>, action: Action) -> bool {
    match (role, action) {
        (None, _) => false,
        (Some(_), Action::Read)
        | (Some(Role::Contributor | Role::Coordinator), Action::Write)
        | (Some(Role::Coordinator), Action::Manage) => true,
        (Some(Role::Reader), Action::Write | Action::Manage) | (Some(Role::Contributor), Action::Manage) => false,
    }
}
